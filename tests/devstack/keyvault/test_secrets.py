"""Secrets over the wire: azure-keyvault-secrets as the product uses it (local-stack 3.2)."""

from datetime import UTC, datetime

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from devstack.clock import ManualClock
from devstack.keyvault import Refusal

from .conftest import Neighbourhood


def inner_code(error: HttpResponseError) -> str:
    """Return the code that tells one 403 from another."""
    assert error.error is not None
    inner = error.error.innererror
    return str(inner["code"]) if inner else ""


async def test_a_new_version_is_the_latest_and_the_old_one_stays_readable(near: Neighbourhood) -> None:
    """Every set makes a version of 32 hex digits."""
    async with near.secrets() as client:
        first = await client.set_secret("db-password", "one", tags={"team": "pay"}, content_type="text/plain")
        second = await client.set_secret("db-password", "two")

        latest = await client.get_secret("db-password")
        old = await client.get_secret("db-password", first.properties.version)

    assert (latest.value, latest.properties.version) == ("two", second.properties.version)
    assert (old.value, old.properties.tags, old.properties.content_type) == ("one", {"team": "pay"}, "text/plain")
    assert len(first.properties.version or "") == 32
    assert latest.id == near.vault.object_url("db-password", second.properties.version or "")


async def test_names_compare_without_case_and_keep_their_spelling(near: Neighbourhood) -> None:
    """The id spells the name as it was first set."""
    near.vault.set_secret("Db-Password", "one")

    async with near.secrets() as client:
        found = await client.get_secret("db-PASSWORD")

    assert found.value == "one"
    assert found.name == "Db-Password"


async def test_the_newest_version_is_the_latest_even_when_disabled(near: Neighbourhood) -> None:
    """The service does not fall back to an older enabled version."""
    old = near.vault.set_secret("s", "one")
    new = near.vault.set_secret("s", "two")
    near.vault.set_enabled("s", new, False)

    async with near.secrets() as client:
        with pytest.raises(HttpResponseError) as refused:
            await client.get_secret("s")
        still = await client.get_secret("s", old)

    assert (refused.value.status_code, inner_code(refused.value)) == (403, "SecretDisabled")
    assert still.value == "one"


async def test_an_unknown_name_and_an_unknown_version_are_not_found(near: Neighbourhood) -> None:
    """Both are SecretNotFound."""
    near.vault.set_secret("known", "x")

    async with near.secrets() as client:
        for name, version in (("unknown", None), ("known", "0" * 32)):
            with pytest.raises(ResourceNotFoundError) as missing:
                await client.get_secret(name, version)
            assert missing.value.error is not None
            assert missing.value.error.code == "SecretNotFound"


async def test_properties_change_without_a_new_version(near: Neighbourhood, clock: ManualClock) -> None:
    """An update keeps what it does not name, and answers no value."""
    version = near.vault.set_secret("s", "one", tags={"keep": "me"})
    clock.advance(60)
    expiry = datetime(2027, 1, 2, tzinfo=UTC)

    async with near.secrets() as client:
        changed = await client.update_secret_properties(
            "s", version, enabled=True, expires_on=expiry, not_before=expiry
        )
        after = await client.get_secret("s")

    assert changed.version == version
    assert (after.properties.expires_on, after.properties.not_before) == (expiry, expiry)
    assert after.properties.tags == {"keep": "me"}
    assert after.properties.updated_on is not None
    assert after.properties.updated_on.timestamp() == clock()


async def test_sixty_versions_come_in_three_pages_in_the_order_of_their_ids(near: Neighbourhood) -> None:
    """Pages hold at most 25; the order says nothing about age; there are no values."""
    made = [near.vault.set_secret("s", str(number)) for number in range(60)]

    async with near.secrets() as client:
        listed = [each.version async for each in client.list_properties_of_secret_versions("s")]

    assert listed == sorted(made)
    assert [read.operation for read in near.vault.reads] == ["list versions"] * 3


async def test_a_list_shows_each_secret_once_without_version(near: Neighbourhood) -> None:
    """Disabled secrets are listed too."""
    for name in ("b", "a", "c"):
        version = near.vault.set_secret(name, "x", tags={"of": name})
    near.vault.set_secret("a", "y")
    near.vault.set_enabled("c", version, False)

    async with near.secrets() as client:
        listed = [each async for each in client.list_properties_of_secrets(max_page_size=2)]

    assert [(each.name, each.version, each.enabled) for each in listed] == [
        ("a", None, True),
        ("b", None, True),
        ("c", None, False),
    ]


async def test_an_unknown_name_has_no_versions(near: Neighbourhood) -> None:
    """The service answers an empty list, not 404."""
    async with near.secrets() as client:
        assert [each async for each in client.list_properties_of_secret_versions("unknown")] == []


async def test_a_deleted_secret_is_gone_keeps_its_name_and_comes_back_whole(near: Neighbourhood) -> None:
    """Soft delete, 409 on reuse, recover."""
    versions = {near.vault.set_secret("s", value) for value in ("one", "two")}

    async with near.secrets() as client:
        deleted = await client.delete_secret("s", _polling_interval=0)
        with pytest.raises(ResourceNotFoundError):
            await client.get_secret("s")
        with pytest.raises(ResourceExistsError) as conflict:
            await client.set_secret("s", "three")
        listed = [each.name async for each in client.list_deleted_secrets()]
        await client.recover_deleted_secret("s", _polling_interval=0)
        back = await client.get_secret("s")
        again = {each.version async for each in client.list_properties_of_secret_versions("s")}

    assert deleted.recovery_id == f"{near.vault.url}/deletedsecrets/s"
    assert inner_code(conflict.value) == "ObjectIsDeletedButRecoverable"
    assert listed == ["s"]
    assert back.value == "two"
    assert again == versions


async def test_a_purged_name_can_be_used_again(near: Neighbourhood) -> None:
    """Purge answers 204."""
    near.vault.set_secret("s", "one")
    near.vault.delete("s")

    async with near.secrets() as client:
        await client.purge_deleted_secret("s")
        await client.set_secret("s", "two")

    assert near.vault.get("s").value == "two"
    assert near.vault.reads[0].status == 204


async def test_a_deleted_secret_is_purged_after_ninety_days(near: Neighbourhood, clock: ManualClock) -> None:
    """The scheduled purge needs nobody."""
    near.vault.set_secret("s", "one")
    near.vault.delete("s")
    clock.advance(90 * 86_400)

    near.vault.set_secret("s", "two")

    with pytest.raises(Refusal):
        near.vault.recover("s")


@pytest.mark.parametrize("name", ["under_score", "a" * 128, "dot.dot"])
async def test_an_invalid_name_is_refused(near: Neighbourhood, name: str) -> None:
    """Letters, digits and hyphens, up to 127."""
    async with near.secrets() as client:
        with pytest.raises(HttpResponseError) as refused:
            await client.set_secret(name, "x")

    assert refused.value.status_code == 400


async def test_a_value_over_25_kilobytes_is_refused(near: Neighbourhood) -> None:
    """The service's own limit."""
    async with near.secrets() as client:
        await client.set_secret("s", "x" * 25_600)
        with pytest.raises(HttpResponseError) as refused:
            await client.set_secret("s", "x" * 25_601)

    assert refused.value.status_code == 400
