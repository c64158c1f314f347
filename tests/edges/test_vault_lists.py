"""The vault's edge against the devstack's vault: what is found without reading a value."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from devstack.clock import ManualClock
from devstack.faults import Fault
from devstack.keyvault import KeyVault as LocalVault
from shared.edges.vault import KeyVault
from shared.errors import FanoutError, TransientError
from shared.model import ObjectType, VaultObject
from shared.observed import ListedObject
from shared.reason import Reason
from tests.edges.certificates import build_certificate


def about(name: str = "db", type_: ObjectType = ObjectType.SECRET) -> VaultObject:
    """Return an object of that vault."""
    return VaultObject(vault="kv-demo", type=type_, name=name)


async def test_the_inventory_is_every_secret_and_certificate(local: LocalVault, vault: KeyVault) -> None:
    """A certificate is a secret too, and is listed once, from when on it may be used included."""
    local.set_secret("db", "value")
    local.import_certificate("www", pem=build_certificate("www.example.com").pem)
    local.set_key("signing", ec.generate_private_key(ec.SECP256R1()).public_key())

    found = await vault.inventory()

    assert {one.object for one in found} == {about(), about("www", ObjectType.CERT)}
    assert len(found) == 2
    assert {one.object.type: one.not_before is not None for one in found} == {
        ObjectType.SECRET: False,
        ObjectType.CERT: True,
    }
    assert {one.created.timestamp() for one in found if one.created} == {local.get("db").created}
    assert {seen.operation for seen in local.reads} == {"list"}


async def test_the_inventory_tells_when_objects_expire(local: LocalVault, vault: KeyVault) -> None:
    local.set_secret("db", "value")
    local.set_secret("soon", "value", expires_on=1_800_000_000)

    found = {one.object.name: one.expires for one in await vault.inventory()}

    assert found == {"db": None, "soon": datetime(2027, 1, 15, 8, tzinfo=UTC)}


async def test_an_object_whose_newest_version_is_disabled_says_so(local: LocalVault, vault: KeyVault) -> None:
    """The vault serves no older one instead."""
    local.set_secret("db", "old")
    local.set_enabled("db", local.set_secret("db", "new"), False)

    (found,) = await vault.inventory()

    assert (found.object, found.enabled) == (about(), False)


async def test_an_empty_vault_has_an_empty_inventory(vault: KeyVault) -> None:
    """And a vault of many objects one of many pages."""
    assert await vault.inventory() == []


async def test_an_inventory_of_many_pages_is_whole(local: LocalVault, vault: KeyVault) -> None:
    """A page holds 25."""
    names = {f"db-{number}" for number in range(60)}
    for name in names:
        local.set_secret(name, "value")

    found = await vault.inventory()

    assert {one.object.name for one in found} == names
    assert len(found) == 60


async def test_names_are_compared_without_case(local: LocalVault, vault: KeyVault) -> None:
    """As everywhere here."""
    local.set_secret("DB-Password", "value")

    assert [one.object.name for one in await vault.inventory()] == ["db-password"]


async def test_the_newest_version_is_told_without_reading_it(
    local: LocalVault, vault: KeyVault, clock: ManualClock
) -> None:
    """By the list of versions, whose order means nothing."""
    for number in range(3):
        newest = local.set_secret("db", f"value-{number}")
        clock.advance(1)

    assert await vault.newest(about()) == newest
    assert [seen.operation for seen in local.reads] == ["list versions"]


async def test_of_a_certificate_the_version_of_its_secret_is_told(local: LocalVault, vault: KeyVault) -> None:
    """They are the same."""
    version = local.import_certificate("www", pem=build_certificate("www.example.com").pem)

    assert await vault.newest(about("www", ObjectType.CERT)) == version


async def test_a_disabled_version_is_not_the_newest(local: LocalVault, vault: KeyVault, clock: ManualClock) -> None:
    """And where all are disabled there is none."""
    old = local.set_secret("db", "old")
    clock.advance(1)
    local.set_enabled("db", local.set_secret("db", "new"), False)
    first = await vault.newest(about())
    local.set_enabled("db", old, False)

    assert (first, await vault.newest(about())) == (old, "")


@pytest.mark.parametrize("call", ["inventory", "newest"])
@pytest.mark.parametrize(
    ("fault", "meaning"),
    [
        (Fault(status=503), (TransientError, Reason.VAULT_UNREACHABLE)),
        (Fault(status=429), (TransientError, Reason.VAULT_THROTTLED)),
        (Fault(drop=True), (TransientError, Reason.VAULT_UNREACHABLE)),
    ],
    ids=["503", "429", "cut"],
)
async def test_a_list_that_fails_is_no_empty_one(
    local: LocalVault, vault: KeyVault, call: str, fault: Fault, meaning: tuple[type[FanoutError], Reason]
) -> None:
    """A sweep would find everything in order."""
    local.set_secret("db", "value")
    local.faults.plan(lambda operation: operation.operation.startswith("list"), fault, times=None)

    with pytest.raises(FanoutError) as caught:
        await (vault.inventory() if call == "inventory" else vault.newest(about()))

    assert (type(caught.value), caught.value.reason) == meaning


async def test_an_object_that_is_not_there_has_no_newest_version(vault: KeyVault) -> None:
    """It was deleted between the inventory and this: the vault lists no versions of it."""
    assert await vault.newest(about("absent")) == ""


async def test_an_object_is_listed_as_a_value(local: LocalVault, vault: KeyVault) -> None:
    """Nothing else of the vault's is in it."""
    local.set_secret("db", "planted", tags={"owner": "shop"}, content_type="text/plain")

    (found,) = await vault.inventory()

    assert found == ListedObject(object=about(), created=found.created, enabled=True)
