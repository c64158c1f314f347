"""What the vault's edge reads, from both vaults.

Where Lowkey Vault is known to differ from the service, and the devstack follows the service:

| what | service, devstack | Lowkey Vault |
| --- | --- | --- |
| a disabled secret | 403, inner code SecretDisabled: `object-disabled` | 404: `object-not-found` |
| tokens | have to be good for the resource | any is taken |
| rights, firewall, throttling | refused with 403 and 429 | none |

The edge treats both answers to a disabled secret the same way: recorded, ended, not tried again.
"""

import uuid

import pytest

from shared.errors import PermanentError
from shared.model import ObjectType, SecretMaterial, SecretValue, VaultRead
from shared.observed import Claim
from shared.reason import Reason
from tests.contract.vault.conftest import DEVSTACK, LOWKEY, Served


@pytest.fixture
def name() -> str:
    """A secret's name that no other test has."""
    return f"db-{uuid.uuid4().hex[:12]}"


def read(name: str, version: str = "") -> VaultRead:
    """Return what a class asks for."""
    return VaultRead(type=ObjectType.SECRET, name=name, version=version)


async def set_secret(vault: Served, name: str, value: str, tags: dict[str, str] | None = None) -> str:
    """Set a secret with the SDK and return its version."""
    made = await vault.owner.set_secret(name, value, tags=tags, content_type="text/plain")
    assert made.properties.version is not None
    return made.properties.version


async def test_lowkey_vault_is_there(lowkey_url: str) -> None:
    assert lowkey_url.startswith("https://127.0.0.1:")


async def test_the_newest_version_is_read_with_its_properties_and_tags(vault: Served, name: str) -> None:
    await set_secret(vault, name, "old")
    version = await set_secret(vault, name, "n€w", tags={"keyvault-fanout-allow": "*/shop"})

    answer = await vault.edge.read(read(name))

    assert answer.materials == (
        SecretMaterial(version=version, value=SecretValue("n€w".encode()), content_type="text/plain", key_id=None),
    )
    assert answer.tags == {"keyvault-fanout-allow": "*/shop"}
    assert answer.created is not None


async def test_a_pinned_version_is_read_although_a_newer_one_exists(vault: Served, name: str) -> None:
    pinned = await set_secret(vault, name, "old")
    await set_secret(vault, name, "new")

    answer = await vault.edge.read(read(name, pinned))

    (found,) = answer.materials
    assert isinstance(found, SecretMaterial)
    assert (found.version, found.value) == (pinned, SecretValue(b"old"))


async def test_versions_are_confirmed_by_the_list_of_them(vault: Served, name: str) -> None:
    older = await set_secret(vault, name, "old")
    await set_secret(vault, name, "new")

    def claim(version: str) -> Claim:
        return Claim(type=ObjectType.SECRET, name=name, versions=frozenset({version}))

    assert [await vault.edge.confirms(claim(version)) for version in (older, "0" * 32)] == [True, False]


async def test_what_is_there_is_listed_without_values(vault: Served, name: str) -> None:
    await set_secret(vault, name, "value")

    listed = {one.object.name: one for one in await vault.edge.inventory()}

    assert listed[name].enabled
    assert listed[name].created is not None


async def test_an_unknown_secret_is_not_found(vault: Served, name: str) -> None:
    with pytest.raises(PermanentError) as caught:
        await vault.edge.read(read(name))

    assert caught.value.reason is Reason.OBJECT_NOT_FOUND


async def test_a_disabled_newest_version_is_refused_for_good(vault: Served, name: str) -> None:
    version = await set_secret(vault, name, "value")
    await vault.owner.update_secret_properties(name, version, enabled=False)

    with pytest.raises(PermanentError) as caught:
        await vault.edge.read(read(name))

    expected = {DEVSTACK: Reason.OBJECT_DISABLED, LOWKEY: Reason.OBJECT_NOT_FOUND}
    assert caught.value.reason is expected[vault.name]
