"""The CLUSTERS setting: the ways to a cluster, and what is said of a wrong entry."""

from typing import Any

import pytest
import yaml

from shared import cluster_setting
from shared.cluster_setting import (
    AksAccess,
    ClusterSetting,
    Defaults,
    InClusterAccess,
    KubeconfigAccess,
    ServerAccess,
)
from shared.errors import SettingsError

DEFAULTS = Defaults(timeout=10.0, concurrency=16)
AKS = "/subscriptions/7f9c-1/resourceGroups/rg-shop/providers/Microsoft.ContainerService/managedClusters/aks-one"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
TOKEN = "eyJhbGciOi-token"


def parse(*entries: Any) -> tuple[ClusterSetting, ...]:
    """Parse a list of entries."""
    return cluster_setting.parse(yaml.safe_dump(list(entries)), DEFAULTS)


def refusal(*entries: Any) -> str:
    """Return what is said of a list with a wrong entry."""
    with pytest.raises(SettingsError) as refused:
        parse(*entries)
    return str(refused.value)


@pytest.mark.parametrize(
    ("entry", "access"),
    [
        ({"aks": AKS + "/"}, AksAccess(resource_id=AKS)),
        ({"aks": AKS.lower()}, AksAccess(resource_id=AKS.lower())),
        ({"server": "https://api:6443/", "ca": PEM}, ServerAccess(server="https://api:6443", ca=PEM)),
        ({"server": "https://api"}, ServerAccess(server="https://api")),
        ({"kubeconfig": "/etc/kube", "context": "one"}, KubeconfigAccess(path="/etc/kube", context="one")),
        ({"kubeconfig": " ~/.kube/config "}, KubeconfigAccess(path="~/.kube/config")),
        ({"inCluster": True}, InClusterAccess()),
    ],
)
def test_there_are_four_ways_to_a_cluster(entry: dict[str, Any], access: object) -> None:
    assert parse({"name": "one", **entry}) == (
        ClusterSetting(name="one", access=access, timeout=10.0, concurrency=16),  # type: ignore[arg-type]  # parametrized
    )


def test_an_entry_may_have_limits_of_its_own() -> None:
    (cluster,) = parse({"name": "one", "inCluster": True, "timeoutSeconds": 2.5, "concurrency": 4})

    assert (cluster.timeout, cluster.concurrency) == (2.5, 4)


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "a: b: c",
        "\x00",
        "[" * 5000,
        '!!int ""',
        "!!bool maybe",
        "!!timestamp x",
        "!!python/object:a.b {}",
        "&a *a",
    ],
)
def test_what_is_neither_json_nor_yaml_is_said(text: str) -> None:
    with pytest.raises(SettingsError, match="CLUSTERS is neither JSON nor YAML"):
        cluster_setting.parse(text, DEFAULTS)


@pytest.mark.parametrize("text", ["", "{}", "one", "null", "5"])
def test_the_setting_is_a_list(text: str) -> None:
    with pytest.raises(SettingsError, match=r"CLUSTERS is no list; expected \[{name: ..., aks: ...}, ...\]"):
        cluster_setting.parse(text, DEFAULTS)


@pytest.mark.parametrize("entry", [None, "one", 5, ["name"]])
def test_an_entry_that_is_no_mapping_is_named_by_its_number(entry: object) -> None:
    assert refusal({"name": "one", "inCluster": True}, entry) == "CLUSTERS, entry 2: expected a mapping with a name"


@pytest.mark.parametrize("name", [None, 5, "", "a/b", "-a", "a b", "a" * 64])
def test_a_wrong_name_is_named_by_its_number(name: object) -> None:
    assert refusal({"name": name, "inCluster": True}).startswith(
        "CLUSTERS, entry 1: name is missing or wrong; expected"
    )


def test_names_are_told_apart_without_case() -> None:
    entries = [{"name": "One", "inCluster": True}, {"name": "one", "inCluster": True}]

    assert refusal(*entries) == "CLUSTERS: the name one stands twice"


@pytest.mark.parametrize(
    ("ways", "found"),
    [({}, "none"), ({"aks": AKS, "inCluster": True}, "aks, inCluster"), ({"timeoutSeconds": 1}, "none")],
)
def test_an_entry_has_exactly_one_way(ways: dict[str, Any], found: str) -> None:
    said = refusal({"name": "one", **ways})

    assert said == f"CLUSTERS, one: expected exactly one of aks, server, kubeconfig, inCluster; found {found}"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"aks": "/subscriptions/x/managedClusters/y"}, "aks is no resource id of a managed cluster"),
        ({"aks": 5}, "aks is no text"),
        ({"aks": " "}, "aks is no text"),
        ({"server": "http://api"}, "server is no https://HOST[:PORT]"),
        ({"server": "https://"}, "server is no https://HOST[:PORT]"),
        ({"server": f"https://user:{TOKEN}@api"}, "server is no https://HOST[:PORT]"),
        ({"server": f"https://api?token={TOKEN}"}, "server is no https://HOST[:PORT]"),
        ({"server": "https://api#x"}, "server is no https://HOST[:PORT]"),
        ({"server": "https://[api"}, "server is no https://HOST[:PORT]"),
        ({"server": "https://api:port"}, "server is no https://HOST[:PORT]"),
        ({"server": None}, "server is no text"),
        ({"server": "https://api", "ca": TOKEN}, "ca is no PEM certificate; expected text that begins -----BEGIN"),
        ({"server": "https://api", "ca": ""}, "ca is no text"),
        ({"kubeconfig": ""}, "kubeconfig is no text"),
        ({"kubeconfig": "/k", "context": 5}, "context is no text"),
        ({"inCluster": False}, "inCluster is either true or absent"),
        ({"inCluster": "yes"}, "inCluster is either true or absent"),
        ({"inCluster": True, "token": TOKEN}, "unknown key 'token'; expected bindings, clientId, concurrency, "),
        ({"aks": AKS, "ca": PEM}, "unknown key 'ca'; expected aks, bindings, clientId, concurrency, driver, name"),
        ({"inCluster": True, 5: 5}, "unknown key '5'"),
        ({"inCluster": True, "timeoutSeconds": 0.5}, "timeoutSeconds is wrong; expected a number from 1 to 20"),
        ({"inCluster": True, "timeoutSeconds": "5"}, "timeoutSeconds is wrong"),
        ({"inCluster": True, "timeoutSeconds": True}, "timeoutSeconds is wrong"),
        ({"inCluster": True, "timeoutSeconds": float("nan")}, "timeoutSeconds is wrong"),
        ({"inCluster": True, "concurrency": 257}, "concurrency is wrong; expected a whole number from 1 to 256"),
        ({"inCluster": True, "concurrency": None}, "concurrency is wrong"),
    ],
)
def test_a_wrong_key_is_named_with_its_cluster_and_its_value_is_not_quoted(entry: dict[Any, Any], said: str) -> None:
    message = refusal({"name": "one", **entry})

    assert message.startswith("CLUSTERS, one: ")
    assert said in message
    assert TOKEN not in message


def test_the_providers_flags_are_read() -> None:
    (cluster,) = cluster_setting.parse(
        "[{name: a, inCluster: true, provider: {constructPemChain: false, writeCertAndKeyInSeparateFiles: true}}]",
        DEFAULTS,
    )

    assert cluster.provider == cluster_setting.ProviderFlags(construct_pem_chain=False, separate_files=True)


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ("5", "provider is wrong; expected a mapping of cloudName"),
        ("{constructPEMChain: true}", "provider is wrong; expected a mapping of cloudName"),
        ("{constructPemChain: 'no'}", "provider.constructPemChain is wrong; expected true or false"),
        ("{cloudName: ''}", "provider.cloudName is wrong; expected a text"),
    ],
)
def test_a_wrong_flag_is_named(provider: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        cluster_setting.parse(f"[{{name: a, inCluster: true, provider: {provider}}}]", DEFAULTS)
