"""Manifests of strangers: whatever is in them, nothing is raised, and other objects' events stay clean."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.external_secrets import declaration, matching, status, stores
from shared.external_secrets.fields import words
from shared.external_secrets.stores import STORE, Store, StoreRef
from shared.model import ObjectType, VaultObject
from tests.generated import generated

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
HOST = "kv-shop.vault.azure.net"
KV = Store(ref=StoreRef(STORE, "shop", "kv"), authority=HOST)
MANY = generated(300)

names = st.sampled_from(["db-password", "secret/db-password", "x/y/z", "^db", "(a+)+$", "", "kv", "SecretStore", "0"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | names
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def either(shape: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return what was expected, three times out of four."""
    return st.one_of(shape, shape, shape, values)


def mapping(**shapes: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return either(st.fixed_dictionaries({}, optional={key: either(shape) for key, shape in shapes.items()}))


def listing(shape: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return either(st.lists(either(shape), max_size=3))


words_of_policy = st.sampled_from(["Periodic", "OnChange", "CreatedOnce", "None", "Merge", "0", "1h"])
reference = mapping(name=names, kind=names)
source = mapping(storeRef=reference, generatorRef=reference)
remote = mapping(key=names, version=names, property=names)
search = mapping(name=mapping(regexp=names), tags=values, path=names)
spec = mapping(
    secretStoreRef=st.just({"name": "kv"}),
    target=mapping(name=names, creationPolicy=words_of_policy, immutable=st.booleans(), manifest=values),
    refreshPolicy=words_of_policy,
    refreshInterval=words_of_policy,
    data=listing(mapping(remoteRef=remote, sourceRef=source)),
    dataFrom=listing(mapping(extract=remote, find=search, sourceRef=source)),
)
meta = mapping(annotations=values, ownerReferences=listing(mapping(kind=names, name=names, controller=st.booleans())))
placed = st.builds(
    lambda given: {**(given if isinstance(given, dict) else {}), "namespace": "shop", "name": "web"}, meta
)
condition = mapping(type=st.just("Ready"), status=st.sampled_from(["True", "False"]), reason=names)
standing = mapping(
    conditions=listing(condition), refreshTime=st.just("2026-11-23T12:00:00Z"), syncedResourceVersion=names
)
manifests = st.fixed_dictionaries(
    {"metadata": placed}, optional={"apiVersion": values, "spec": spec, "status": standing, "kind": values}
)


@MANY
@given(manifest=manifests, type_=st.sampled_from(list(ObjectType)))
def test_any_external_secret_is_read_and_matched(manifest: dict[str, Any], type_: ObjectType) -> None:
    read = declaration.parse(manifest)
    found = matching.find(
        [read] if read else [], [KV], VaultObject(vault="kv-shop", type=type_, name="db-password"), HOST
    )

    assert len(found) <= 1
    assert all(item.resource.name == "web" for item in found)


@MANY
@given(manifest=st.dictionaries(st.sampled_from(["metadata", "spec", "status", "kind"]), values))
def test_any_object_is_read_as_whatever_it_is_not(manifest: dict[str, Any]) -> None:
    declaration.parse(manifest)
    stores.parse(manifest)
    status.progress(manifest, mark="", since=NOON)


@MANY
@given(manifest=st.fixed_dictionaries({"status": standing}), mark=st.text(max_size=5))
def test_any_status_is_judged(manifest: dict[str, Any], mark: str) -> None:
    found = status.progress(manifest, mark=mark, since=NOON)

    assert len(found.detail) <= 80
    assert found.detail.isprintable()


@MANY
@given(
    url=st.text() | st.sampled_from(["https://", "http://", "//", "https:"]).flatmap(lambda s: st.text().map(s.__add__))
)
def test_any_url_makes_a_store_or_none(url: str) -> None:
    read = stores.parse(
        {
            "kind": "SecretStore",
            "metadata": {"namespace": "shop", "name": "kv"},
            "spec": {"provider": {"azurekv": {"vaultUrl": url}}},
        }
    )

    assert read is None or (read.authority == read.authority.lower() and "@" not in read.authority)


def test_no_depth_is_too_deep() -> None:
    deep: Any = "db-password"
    for _ in range(100_000):
        deep = [deep]

    manifest = {
        "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"secretStoreRef": {"name": "kv"}, "data": [{"remoteRef": deep}]},
    }
    read = declaration.parse(manifest)

    assert read is not None
    assert "db-password" in read.refused[0].words
    while isinstance(deep, list):  # taken apart by hand: freeing it at once would be as deep
        deep = deep.pop()


@pytest.mark.timeout(20)
def test_a_manifest_as_large_as_the_api_server_takes_is_read_in_bounds() -> None:
    entries = [{"secretKey": "k", "remoteRef": {"key": f"secrets/name-{number}"}} for number in range(20_000)]
    manifest = {
        "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"secretStoreRef": {"name": "kv"}, "data": entries},
    }
    read = declaration.parse(manifest)

    assert read is not None
    assert len(read.refused) == 1_001
    assert sum(len(use.words) for use in read.refused) < 200_000


def test_words_are_cut_at_their_limit() -> None:
    assert len(words(["x" * 70, "y" * 70, {"a": "z" * 70}], 100)) <= 100
    assert words([[], {}, None, 5, True], 100) == ""
