"""Which ExternalSecrets concern a vault object: by name, by search, through which store, and what is refused."""

from typing import Any

import pytest

from shared.delegate import Delegate, Resource
from shared.external_secrets import declaration, matching, stores
from shared.external_secrets.matching import Found, RefusedDelegate
from shared.external_secrets.stores import CLUSTER_STORE, STORE, Store, StoreRef
from shared.external_secrets.uses import MOST_SEARCHES, MOST_USES
from shared.model import ObjectType, VaultObject
from shared.observed import Owner

HOST = "kv-shop.vault.azure.net"
NAME = "db-password"
ABOUT = VaultObject(vault="kv-shop", type=ObjectType.SECRET, name=NAME)


def store(
    name: str = "kv", *, kind: str = STORE, namespace: str | None = "shop", url: Any = f"https://{HOST}"
) -> dict[str, Any]:
    meta = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"kind": kind, "metadata": meta, "spec": {"provider": {"azurekv": {"vaultUrl": url}}}}


def data(key: Any = NAME, **reference: Any) -> dict[str, Any]:
    return {"secretKey": "password", "remoteRef": {"key": key, **reference}}


def secret(*entries: Any, version: str = "v1", name: str = "web", **spec: Any) -> dict[str, Any]:
    """Build an ExternalSecret `shop/web` that fills `web-secret` from the store `kv`; `...` leaves a field out."""
    fields = {
        "secretStoreRef": {"name": "kv"},
        "refreshInterval": "1h0m0s",
        "target": {"name": "web-secret", "creationPolicy": "Owner"},
        "data": list(entries),
        **spec,
    }
    return {
        "apiVersion": f"external-secrets.io/{version}",
        "kind": "ExternalSecret",
        "metadata": {"namespace": "shop", "name": name},
        "spec": {key: value for key, value in fields.items() if value is not ...},
    }


def search(**find: Any) -> dict[str, Any]:
    return secret(data=..., dataFrom=[{"find": find}])


def find(
    *manifests: dict[str, Any], about: VaultObject = ABOUT, seen: list[dict[str, Any]] | None = None
) -> list[Found]:
    secrets = [one for one in map(declaration.parse, manifests) if one]
    known = [one for one in map(stores.parse, seen or [store()]) if one]
    return list(matching.find(secrets, known, about, HOST))


def find_one(manifest: dict[str, Any], **world: Any) -> Found:
    (found,) = find(manifest, **world)
    return found


# The store


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://kv-shop.vault.azure.net", HOST),
        ("https://KV-Shop.vault.azure.net/", HOST),
        ("HTTPS://kv-shop.vault.azure.net:443/", HOST),
        ("https://localhost:8443", "localhost:8443"),
        ("https://[::1]:8443", "[::1]:8443"),
    ],
)
def test_a_store_is_known_by_the_authority_of_its_vault(url: str, authority: str) -> None:
    ref = StoreRef(STORE, "shop", "kv")

    assert stores.parse(store(url=url)) == Store(ref=ref, authority=authority)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://kv-shop.vault.azure.net", id="not encrypted"),
        pytest.param("kv-shop.vault.azure.net", id="no scheme"),
        pytest.param("https://", id="no host"),
        pytest.param("https://me@kv-shop.vault.azure.net", id="a user"),
        pytest.param("https://@kv-shop.vault.azure.net", id="an empty user"),
        pytest.param("https://kv-shop.vault.azure.net/secrets/a", id="a path"),
        pytest.param("https://kv-shop.vault.azure.net?a=b", id="a query"),
        pytest.param("https://kv-shop.vault.azure.net#a", id="a fragment"),
        pytest.param("https://kv-shop.vault.azure.net:port", id="no port"),
        pytest.param("https://kv-shop.vault.azure.net:70000", id="no such port"),
        pytest.param("https://[kv-shop", id="an open bracket"),
        pytest.param(" https://kv-shop.vault.azure.net", id="a space before it"),
        pytest.param("https://kv-shop.vault.az\nure.net", id="a line break"),
        pytest.param("https://kv-shop。vault.azure.net", id="another alphabet"),
        pytest.param("", id="empty"),
        pytest.param(None, id="none"),
        pytest.param(["https://kv-shop.vault.azure.net"], id="a list"),
    ],
)
def test_a_store_whose_url_reaches_no_vault_is_left_out(url: Any) -> None:
    assert stores.parse(store(url=url)) is None


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param({**store(), "spec": {"provider": {"aws": {"region": "eu"}}}}, id="another provider"),
        pytest.param({**store(), "spec": []}, id="no spec"),
        pytest.param({**store(), "metadata": {"name": "kv"}}, id="no namespace"),
        pytest.param({**store(), "metadata": {"namespace": "shop", "name": "../kv"}}, id="no legal name"),
        pytest.param({}, id="nothing"),
    ],
)
def test_what_is_no_store_of_a_vault_is_left_out(manifest: dict[str, Any]) -> None:
    assert stores.parse(manifest) is None


def test_a_cluster_store_has_no_namespace() -> None:
    read = stores.parse(store(kind=CLUSTER_STORE, namespace=None))

    assert read == Store(ref=StoreRef(CLUSTER_STORE, "", "kv"), authority=HOST)


# By name


def test_an_external_secret_that_reads_the_object_is_asked() -> None:
    manifest = secret(data())
    manifest["metadata"]["annotations"] = {"force-sync": "state-1"}
    manifest["status"] = {"syncedResourceVersion": "1-abc", "refreshTime": "2026-11-23T12:00:00Z"}

    assert find(manifest) == [
        Delegate(
            owner=Owner.EXTERNAL_SECRETS,
            resource=Resource(
                group_version="external-secrets.io/v1", plural="externalsecrets", namespace="shop", name="web"
            ),
            secret_name="web-secret",
            asked="state-1",
            mark="1-abc",
        )
    ]


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(data(NAME), id="no prefix means a secret"),
        pytest.param(data(f"secret/{NAME}"), id="secret"),
        pytest.param(data(f"key/{NAME}"), id="key"),
        pytest.param(data(f"cert/{NAME}"), id="cert"),
        pytest.param(data(f"secret/{NAME}/ignored/rest"), id="what follows the name is ignored"),
        pytest.param(data("DB-Password"), id="another spelling"),
        pytest.param(data(NAME, property="tls.crt"), id="a property of it"),
        pytest.param(data(NAME, version=""), id="an empty version"),
        pytest.param(data(NAME, version=None), id="no version"),
        pytest.param(data(NAME, metadataPolicy="Fetch"), id="its tags"),
    ],
)
@pytest.mark.parametrize("type_", list(ObjectType))
def test_a_name_matches_whatever_the_family_of_the_event(entry: dict[str, Any], type_: ObjectType) -> None:
    about = VaultObject(vault="kv-shop", type=type_, name=NAME)

    assert isinstance(find_one(secret(entry), about=about), Delegate)


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(data("db-password-2"), id="a longer name"),
        pytest.param(data("db"), id="a part of the name"),
        pytest.param(data(NAME, version="0f3a"), id="a pinned version"),
        pytest.param(data(NAME, version="latest"), id="latest is no word of the vault's"),
        pytest.param({"secretKey": "a", "remoteRef": {}}, id="no key"),
        pytest.param({"secretKey": "a"}, id="no reference"),
    ],
)
def test_another_object_and_a_pinned_one_are_no_concern(entry: dict[str, Any]) -> None:
    assert find(secret(entry)) == []


def test_a_pin_beside_a_use_of_the_newest_version_does_not_hide_it() -> None:
    assert isinstance(find_one(secret(data(version="0f3a"), data())), Delegate)


def test_an_extracted_secret_is_read_by_name() -> None:
    assert isinstance(find_one(secret(data=..., dataFrom=[{"extract": {"key": NAME}}])), Delegate)


def test_an_external_secret_that_reads_the_object_twice_is_asked_once() -> None:
    assert len(find(secret(data(), data(), dataFrom=[{"extract": {"key": NAME}}, {"find": {}}]))) == 1


def test_two_external_secrets_that_fill_one_secret_are_both_asked() -> None:
    found = find(secret(data(), name="one"), secret(data(), name="two"))

    assert [item.resource.name for item in found] == ["one", "two"]
    assert {item.secret_name for item in found} == {"web-secret"}


@pytest.mark.parametrize(
    "target", [pytest.param(..., id="no target"), {}, {"name": ""}, {"name": None}, {"creationPolicy": "Merge"}]
)
def test_the_secret_is_named_like_the_external_secret_unless_it_says_otherwise(target: Any) -> None:
    assert find_one(secret(data(), target=target)).secret_name == "web"


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_it_is_asked_in_the_version_that_the_api_gave(version: str) -> None:
    assert find_one(secret(data(), version=version)).resource.group_version == f"external-secrets.io/{version}"


@pytest.mark.parametrize("version", ["v1/../../api", "", "V1", "v1beta1\n"])
def test_a_version_that_is_none_does_not_get_into_a_path(version: str) -> None:
    assert find_one(secret(data(), version=version)).resource.group_version == "external-secrets.io/v1"


# Through which store


def test_a_store_of_another_vault_is_no_concern() -> None:
    assert find(secret(data()), seen=[store(url="https://kv-other.vault.azure.net")]) == []
    assert find(secret(data()), seen=[store(url="https://kv-shop.vault.azure.cn")]) == []
    assert find(secret(data()), seen=[store(url=f"https://{HOST}:8443")]) == []


def test_a_store_of_the_same_name_in_another_namespace_is_another_store() -> None:
    assert find(secret(data()), seen=[store(namespace="other")]) == []


def test_a_cluster_store_serves_every_namespace() -> None:
    cluster = store(kind=CLUSTER_STORE, namespace=None)
    manifest = secret(data(), secretStoreRef={"name": "kv", "kind": "ClusterSecretStore"})

    assert isinstance(find_one(manifest, seen=[cluster]), Delegate)
    assert find(secret(data()), seen=[cluster]) == []
    assert find(manifest, seen=[store()]) == []


@pytest.mark.parametrize(
    "spec",
    [
        {"data": [{**data(), "sourceRef": {"storeRef": {"name": "kv"}}}]},
        {"dataFrom": [{"extract": {"key": NAME}, "sourceRef": {"storeRef": {"name": "kv"}}}]},
        {"dataFrom": [{"find": {}, "sourceRef": {"storeRef": {"name": "kv"}}}]},
    ],
    ids=["data", "extract", "find"],
)
@pytest.mark.parametrize("default", [..., {"name": "elsewhere"}], ids=["no default", "another default"])
def test_an_entry_names_its_own_store_before_the_default(spec: dict[str, Any], default: Any) -> None:
    assert isinstance(find_one(secret(**{"secretStoreRef": default, **spec})), Delegate)


def test_an_entry_with_another_store_does_not_read_the_default() -> None:
    assert find(secret({**data(), "sourceRef": {"storeRef": {"name": "elsewhere"}}})) == []


@pytest.mark.parametrize(
    "spec",
    [
        {"dataFrom": [{"sourceRef": {"generatorRef": {"kind": "Password", "name": "kv"}}}]},
        {"data": [{**data(), "sourceRef": {"generatorRef": {"kind": "Password", "name": "kv"}}}]},
        {"target": {"template": {"templateFrom": [{"secret": {"name": NAME}}]}}},
    ],
    ids=["a generator", "a generator in data", "a template"],
)
def test_generators_and_templates_read_no_vault(spec: dict[str, Any]) -> None:
    assert find(secret(**spec)) == []


# By search


@pytest.mark.parametrize("type_", [ObjectType.SECRET, ObjectType.CERT])
@pytest.mark.parametrize(
    "search_for",
    [
        {"name": {"regexp": "^db-"}},
        {"name": {"regexp": "pass"}},
        {"name": {"regexp": ""}},
        {"path": "ignored", "name": {"regexp": "d$"}},
        {"name": {"regexp": "^DB-Pass"}},
        {},
    ],
    ids=["a start", "a part", "an empty pattern", "a path", "another spelling", "everything"],
)
def test_a_search_concerns_the_secrets_that_its_pattern_finds(search_for: dict[str, Any], type_: ObjectType) -> None:
    found = find_one(search(**search_for), about=VaultObject(vault="kv-shop", type=type_, name=NAME))

    assert isinstance(found, Delegate)
    assert found.tags == ()


def test_a_search_goes_through_secrets_not_keys() -> None:
    assert find(search(), about=VaultObject(vault="kv-shop", type=ObjectType.KEY, name=NAME)) == []


def test_a_search_that_does_not_find_the_name_is_no_concern() -> None:
    assert find(search(name={"regexp": "^password"})) == []


def test_a_search_in_another_store_is_no_concern() -> None:
    assert find(search(), seen=[store("other")]) == []


def test_tags_are_left_to_be_judged_when_they_are_known() -> None:
    found = find_one(search(tags={"team": "shop", "env": "prod"}))

    assert isinstance(found, Delegate)
    assert found.concerns({"team": "shop", "env": "prod", "more": "x"})
    assert not found.concerns({"team": "shop"})


def test_a_search_for_name_and_tags_wants_both() -> None:
    matching_name = find_one(search(name={"regexp": "^db-"}, tags={"env": "prod"}))

    assert isinstance(matching_name, Delegate)
    assert matching_name.tags == ({"env": "prod"},)
    assert find(search(name={"regexp": "^tls-"}, tags={"env": "prod"})) == []


def test_two_searches_by_tags_are_alternatives() -> None:
    manifest = secret(dataFrom=[{"find": {"tags": {"a": "1"}}}, {"find": {"tags": {"b": "2"}}}] * 2)
    found = find_one(manifest)

    assert isinstance(found, Delegate)
    assert found.tags == ({"a": "1"}, {"b": "2"})


def test_a_use_by_name_needs_no_tags() -> None:
    found = find_one(secret(data(), dataFrom=[{"find": {"tags": {"a": "1"}}}]))

    assert isinstance(found, Delegate)
    assert found.tags == ()


def test_more_tags_than_an_object_can_carry_are_never_found() -> None:
    assert find(search(tags={f"t{number}": "x" for number in range(16)})) == []


def test_a_find_beside_an_extract_goes_first() -> None:
    both = {"extract": {"key": NAME}, "find": {"name": {"regexp": "^tls-"}}}

    assert find(secret(dataFrom=[both])) == []


# What is refused


@pytest.mark.parametrize(
    ("spec", "detail"),
    [
        pytest.param({"data": [data(f"secrets/{NAME}")]}, "data[0]: its key begins with another word", id="prefix"),
        pytest.param({"data": [data(f"Secret/{NAME}")]}, "data[0]: its key begins", id="prefix in capitals"),
        pytest.param({"dataFrom": [{"extract": {"key": f"cert/{NAME}"}}]}, "dataFrom[0]: extract takes", id="extract"),
        pytest.param({"data": [data(NAME, version=3)]}, "data[0]: version is no text", id="version"),
        pytest.param({"data": [data([NAME])]}, "data[0]: key is no text", id="key"),
        pytest.param({"data": [{"remoteRef": NAME}]}, "data[0]: remoteRef is no mapping", id="reference"),
        pytest.param({"data": [NAME]}, "data[0]: it is no mapping", id="entry"),
        pytest.param({"data": NAME}, "data: it is no mapping", id="data"),
        pytest.param({"dataFrom": [{"find": NAME}]}, "dataFrom[0]: find is no mapping", id="find"),
        pytest.param({"dataFrom": [{"find": {"name": {"regexp": [NAME]}}}]}, "regexp is no text", id="pattern"),
        pytest.param({"dataFrom": [{"find": {"tags": {"a": [NAME]}}}]}, "tags is no text", id="tags"),
        pytest.param({"dataFrom": [{"find": {"name": {"regexp": f"({NAME}"}}}]}, "cannot be evaluated", id="syntax"),
        pytest.param(
            {"dataFrom": [{"find": {"name": {"regexp": f"{NAME}|{1000 * 'x'}"}}}]}, "longer than", id="length"
        ),
        pytest.param({"data": [data()], "target": {"manifest": {"kind": "ConfigMap"}}}, "another kind", id="kind"),
        pytest.param({"data": [data()], "target": {"name": "../x"}}, "no legal name", id="target"),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_reason(spec: dict[str, Any], detail: str) -> None:
    found = find_one(secret(**spec))

    assert isinstance(found, RefusedDelegate)
    assert detail in found.detail


@pytest.mark.parametrize(
    "spec",
    [
        {"data": [data("secrets/other")]},
        {"data": [data(f"secrets/{NAME}-2")]},
        {"data": [data(f"secrets/my-{NAME}")]},
        {"dataFrom": [{"find": {"name": {"regexp": "(other"}}}]},
        {"data": [data("other")], "target": {"manifest": {"kind": "ConfigMap"}}},
        {"target": {"name": "../x"}},
    ],
    ids=["another name", "a longer name", "a name within", "another pattern", "another kind", "another target"],
)
def test_a_refusal_does_not_show_up_at_the_events_of_other_objects(spec: dict[str, Any]) -> None:
    assert find(secret(**spec)) == []


def test_a_refusal_does_not_show_up_at_the_events_of_other_vaults() -> None:
    assert find(secret(data(f"secrets/{NAME}")), seen=[store("other")]) == []


def test_a_good_use_goes_before_a_refused_one() -> None:
    assert isinstance(find_one(secret(data(f"secrets/{NAME}"), data())), Delegate)


def test_uses_beyond_the_limit_are_not_looked_at_and_that_is_said() -> None:
    others = [data(f"other-{number}") for number in range(MOST_USES)]
    found = find_one(secret(*others, data()))

    assert isinstance(found, RefusedDelegate)
    assert "more than 1000 things" in found.detail
    assert isinstance(find_one(secret(*others[1:], data())), Delegate)


def test_searches_beyond_the_limit_are_not_looked_at_and_that_is_said() -> None:
    others = [{"find": {"name": {"regexp": f"^other-{number}"}}} for number in range(MOST_SEARCHES)]
    more = {"find": {"name": {"regexp": f"^{NAME}$"}}}
    found = find_one(secret(dataFrom=[*others, more]))

    assert isinstance(found, RefusedDelegate)
    assert f"more than {MOST_SEARCHES} times" in found.detail
    assert isinstance(find_one(secret(dataFrom=[*others, {"extract": {"key": NAME}}])), Delegate)


# Whom nobody asks


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param(secret(data(), target={"creationPolicy": "None"}), id="it creates nothing"),
        pytest.param({**secret(data()), "metadata": {"name": "web"}}, id="no namespace"),
        pytest.param({**secret(data()), "metadata": {"namespace": "shop"}}, id="no name"),
        pytest.param({**secret(data()), "metadata": {"namespace": "shop", "name": "a/b"}}, id="no legal name"),
        pytest.param(
            {**secret(data()), "metadata": {"namespace": "shop", "name": "web", "deletionTimestamp": "2026-11-23"}},
            id="on its way out",
        ),
    ],
)
def test_where_there_is_nothing_to_ask_for_nobody_is_asked(manifest: dict[str, Any]) -> None:
    assert declaration.parse(manifest) is None


@pytest.mark.parametrize(
    ("owner", "parent"),
    [
        pytest.param({"kind": "ClusterExternalSecret", "controller": True}, "ces", id="its controller"),
        pytest.param({"kind": "ClusterExternalSecret"}, "", id="an owner that does not control it"),
        pytest.param({"kind": "Application", "controller": True}, "", id="another kind"),
        pytest.param({"kind": "ClusterExternalSecret", "controller": True, "apiVersion": "x/v1"}, "", id="group"),
        pytest.param({"kind": "ClusterExternalSecret", "controller": True, "name": "../a"}, "", id="no legal name"),
    ],
)
def test_the_cluster_external_secret_that_made_it_is_known(owner: dict[str, Any], parent: str) -> None:
    manifest = secret(data())
    manifest["metadata"]["ownerReferences"] = [{"apiVersion": "external-secrets.io/v1", "name": "ces", **owner}]
    read = declaration.parse(manifest)

    assert read is not None
    assert (read.parent.name if read.parent else "") == parent
