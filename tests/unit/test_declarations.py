"""All kinds of declarations together: what concerns an object, how much of it is served, and by which target."""

from dataclasses import replace
from typing import Any

import pytest

from shared import declarations
from shared.binding import Binding, MountOnly, Pinned, Refused
from shared.declarations import MOST_READS, MOST_TARGETS, Declarations, Found
from shared.delegate import Delegate
from shared.external_secrets import declaration, stores
from shared.external_secrets.matching import RefusedDelegate
from shared.model import ObjectType, Target, VaultObject
from shared.observed import Owner
from shared.owned import OwnedBinding, OwnedPinned, OwnedRefused
from shared.reason import Reason
from shared.secret_sync import SecretSync
from tests.builders import ABOUT, HOST, NAME, build_class, build_refused_class, build_secret_object

from . import test_external_secrets as external
from .declare import build_entry, declare, refuse

OTHER = VaultObject(vault="kv-shop", type=ObjectType.SECRET, name="other")


def sync(name: str = "synced", **fields: Any) -> SecretSync:
    """Build a SecretSync of the class `shop/web`."""
    defaults: dict[str, Any] = {"namespace": "shop", "class_name": "web", "files": (NAME,), "asked": "", "mark": ""}
    return SecretSync(name=name, **{**defaults, **fields})


def external_secret(manifest: dict[str, Any] | None = None) -> Any:
    """Read an ExternalSecret that is well."""
    read = declaration.parse(manifest or external.secret(external.data()))
    assert read is not None
    return read


def world() -> Declarations:
    """Return a cluster that declares the object in every way."""
    store = stores.parse(external.store())
    assert store is not None
    pinned = {"objectName": NAME, "objectVersion": "v0"}
    return Declarations(
        classes=[
            build_class(),
            build_class(name="files", secrets=[]),
            build_class(name="pinned", objects=[pinned], secrets=[build_secret_object("pinned")]),
            build_refused_class(secrets=("broken",)),
        ],
        owned=[
            declare(name="owned"),
            declare(build_entry(version="0f3a"), name="owned-pin"),
            refuse('[{"vault": "kv-shop", "object": "secret/db-password", "name": ""}]'),
        ],
        external=[
            external_secret(),
            external_secret(external.secret({"secretKey": "a", "remoteRef": {"key": f"file/{NAME}"}}, name="bad")),
        ],
        stores=[store],
        syncs=[sync()],
    )


# What concerns an object


def test_every_way_of_declaring_is_found() -> None:
    found = declarations.find(world(), ABOUT, HOST)

    assert [type(item) for item in found] == [
        Binding,
        MountOnly,
        Pinned,
        Refused,
        OwnedBinding,
        OwnedPinned,
        OwnedRefused,
        Delegate,
        RefusedDelegate,
        Delegate,
    ]
    assert [item.owner for item in found if isinstance(item, Delegate)] == [
        Owner.EXTERNAL_SECRETS,
        Owner.SYNC_CONTROLLER,
    ]


def test_another_object_concerns_nobody() -> None:
    assert declarations.find(world(), OTHER, HOST) == []
    assert declarations.find(Declarations(), ABOUT, HOST) == []


@pytest.mark.parametrize("missing", ["classes", "owned", "external", "stores"])
def test_what_could_not_be_listed_hides_nothing_else(missing: str) -> None:
    cluster = world()
    whole = declarations.find(cluster, ABOUT, HOST)

    rest = declarations.find(replace(cluster, **{missing: ()}), ABOUT, HOST)

    assert 0 < len(rest) < len(whole)
    assert [item for item in whole if item in rest] == list(rest)


# By target


def test_what_concerns_one_secret_is_gathered_in_the_order_found() -> None:
    found = declarations.find(
        Declarations(classes=[build_class(), build_class(name="api")], owned=[declare()]), ABOUT, HOST
    )

    ((target, items),) = declarations.by_target("aks-one", found)

    assert target == Target(cluster="aks-one", namespace="shop", secret="web-secret")
    assert [type(item) for item in items] == [Binding, Binding, OwnedBinding]


def test_what_has_no_secret_stands_alone() -> None:
    files = [build_class(name=name, secrets=[]) for name in ("one", "two")]

    gathered = declarations.by_target("aks-one", declarations.find(Declarations(classes=files), ABOUT, HOST))

    nameless = Target(cluster="aks-one", namespace="shop", secret="")
    assert [(target, len(items)) for target, items in gathered] == [(nameless, 1), (nameless, 1)]


def test_secrets_of_one_name_in_two_namespaces_are_two_targets() -> None:
    classes = [build_class(), build_class(namespace="other")]

    gathered = declarations.by_target("aks-one", declarations.find(Declarations(classes=classes), ABOUT, HOST))

    assert [target.namespace for target, _ in gathered] == ["shop", "other"]


@pytest.mark.parametrize("found", declarations.find(world(), ABOUT, HOST), ids=lambda item: type(item).__name__)
def test_everything_found_knows_its_namespace(found: Found) -> None:
    assert declarations.namespace_of(found) == "shop"


# Limits


def limited(**declared: Any) -> list[Found]:
    """Return what is served of a cluster."""
    return list(declarations.within_limits(declarations.find(Declarations(**declared), ABOUT, HOST)))


def test_what_is_within_the_limits_is_served_as_found() -> None:
    found = declarations.find(world(), ABOUT, HOST)

    assert declarations.within_limits(found) == list(found)


@pytest.mark.parametrize(("more", "kind"), [(0, OwnedBinding), (1, Refused)], ids=["at the limit", "above it"])
def test_owned_secrets_count_as_secrets_of_their_namespace(more: int, kind: type) -> None:
    owned = [declare(name=f"s{number}") for number in range(MOST_TARGETS + more)]

    assert {type(item) for item in limited(owned=owned)} == {kind}


def test_the_secrets_of_all_owners_are_counted_together() -> None:
    owned = [declare(name=f"s{number}") for number in range(MOST_TARGETS - 1)]

    within = limited(owned=owned, classes=[build_class()])
    above = limited(owned=owned, classes=[build_class()], syncs=[sync()])

    assert len(within) == MOST_TARGETS
    assert [type(item) for item in above] == [Refused]


def test_many_keys_of_one_version_are_one_read() -> None:
    keys = declare(*[build_entry(key=f"k{index}") for index in range(MOST_READS + 1)])

    assert [type(item) for item in limited(owned=[keys])] == [OwnedBinding]


def test_the_reads_of_classes_and_owned_secrets_are_counted_together() -> None:
    pinned = [
        {"objectName": NAME, "objectAlias": f"p{number}", "objectVersion": f"{number}"}
        for number in range(MOST_READS - 1)
    ]
    cls = build_class(objects=[{"objectName": NAME}, *pinned])
    beside = declare(build_entry(f"key/{NAME}", "public"))

    assert [type(item) for item in limited(classes=[cls])] == [Binding]
    assert [type(item) for item in limited(classes=[cls], owned=[declare()])] == [Binding, OwnedBinding]
    (refused,) = limited(classes=[cls], owned=[beside])
    assert isinstance(refused, Refused)
    assert (refused.namespace, refused.secret_name, refused.error.reason) == ("shop", "", Reason.TOO_MANY)


def test_a_crowded_namespace_takes_nothing_from_the_others() -> None:
    crowd = [build_secret_object(f"s{number}") for number in range(MOST_TARGETS + 1)]

    found = limited(classes=[build_class(namespace="crowd", secrets=crowd), build_class()], owned=[declare(name="o")])

    assert [(type(item), declarations.namespace_of(item)) for item in found] == [
        (Binding, "shop"),
        (OwnedBinding, "shop"),
        (Refused, "crowd"),
    ]
