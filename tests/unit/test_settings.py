"""Settings from a mapping: each missing or wrong one is named, with what was expected, and never quoted whole."""

from collections.abc import Iterator, Mapping

import pytest

from shared.bus_setting import BusSetting
from shared.cluster_setting import AksAccess, InClusterAccess
from shared.errors import SettingsError
from shared.settings import NAMES, Settings
from shared.vault_setting import VaultSetting

KEY = "c2VjcmV0LWtleS1vZi10aGUtYnVz"
CONNECTION = f"Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey={KEY}"
MINIMUM = {
    "KEY_VAULTS": "kv-shop",
    "CLUSTERS": "[]",
    "JOB_QUEUE": "jobs",
    "SWEEP_SCHEDULE": "0 */15 * * * *",
    "ServiceBusConnection": CONNECTION,
}
BY_IDENTITY = {
    "KEY_VAULTS": "kv-shop",
    "JOB_QUEUE": "jobs",
    "CLUSTERS": "[]",
    "SWEEP_SCHEDULE": "0 */15 * * * *",
    "ServiceBusConnection__fullyQualifiedNamespace": "Shop.servicebus.windows.net",
}


class Reading(Mapping[str, str]):
    """A mapping that notes which names were asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values_, self.asked = values, set[str]()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def read(**environ: str) -> Settings:
    """Read the smallest environment with some settings changed."""
    return Settings.from_mapping({**MINIMUM, **environ})


def refusal(environ: Mapping[str, str]) -> str:
    """Return what is said of a wrong environment."""
    with pytest.raises(SettingsError) as refused:
        Settings.from_mapping(environ)
    return str(refused.value)


def test_the_smallest_environment_has_everything_else_by_default() -> None:
    settings = read()

    assert settings.vaults == (VaultSetting(name="kv-shop", url="https://kv-shop.vault.azure.net"),)
    assert settings.vaults[0].host == "kv-shop.vault.azure.net"
    assert settings.clusters == ()
    assert settings.bus.topic == "keyvault-changes"
    assert (settings.deadline, settings.vault_timeout, settings.topic_timeout) == (25.0, 8.0, 5.0)


def test_the_namespace_is_reached_with_an_identity() -> None:
    settings = Settings.from_mapping(
        {**BY_IDENTITY, "ServiceBusConnection__clientId": "id-1", "AZURE_CLIENT_ID": "id-2"}
    )

    assert settings.bus == BusSetting(
        topic="keyvault-changes", queue="jobs", namespace="shop.servicebus.windows.net", client_id="id-1"
    )
    assert settings.client_id == "id-2"


def test_exactly_the_listed_names_are_read() -> None:
    by_key, by_identity = Reading(MINIMUM), Reading(BY_IDENTITY)

    Settings.from_mapping(by_key)
    Settings.from_mapping(by_identity)

    assert by_key.asked | by_identity.asked == set(NAMES)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("KEY_VAULTS", "vault names, or name=URL, separated by commas"),
        ("CLUSTERS", "a JSON or YAML list of clusters; [] for none"),
        ("JOB_QUEUE", "the name of the queue for jobs, which the host listens to as well"),
        ("SWEEP_SCHEDULE", "a schedule of six fields, such as 0 */15 * * * *"),
        ("ServiceBusConnection", "either a connection string there, or the namespace's host name"),
    ],
)
@pytest.mark.parametrize("blank", [True, False])
def test_a_missing_setting_is_named_with_what_was_expected(name: str, expected: str, *, blank: bool) -> None:
    environ = {**MINIMUM, name: "  "}
    if not blank:
        del environ[name]

    said = refusal(environ)

    assert said.startswith(name)
    assert expected in said


def test_events_come_by_a_queue_of_their_own_or_by_none() -> None:
    assert read().bus.events == ""
    assert read(EVENT_QUEUE=" events ").bus.events == "events"
    assert "need a queue each" in refusal({**MINIMUM, "EVENT_QUEUE": "Jobs"})
    assert refusal({**MINIMUM, "EVENT_QUEUE": "a b"}).startswith("EVENT_QUEUE is no queue name")


def test_vaults_are_separated_by_any_of_comma_semicolon_and_space() -> None:
    assert [vault.name for vault in read(KEY_VAULTS="KV-A, kv-b;kv-c\nkv-d,").vaults] == [
        "kv-a",
        "kv-b",
        "kv-c",
        "kv-d",
    ]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://kv-shop.vault.azure.cn/", "kv-shop.vault.azure.cn"),
        ("https://LOCALHOST:8443", "localhost:8443"),
        ("https://127.0.0.1:443", "127.0.0.1"),
    ],
)
def test_a_vault_may_have_a_url_of_its_own(url: str, host: str) -> None:
    (vault,) = read(KEY_VAULTS=f"kv-shop={url}").vaults

    assert (vault.host, vault.url) == (host, f"https://{host}")


@pytest.mark.parametrize(
    "text",
    [
        "kv-shop=",
        "kv-shop=http://host",
        "kv-shop=https://",
        "kv-shop=https://host/path",
        "kv-shop=https://host?query",
        "kv-shop=https://host#fragment",
        f"kv-shop=https://user:{KEY}@host",
        "kv-shop=https://host:port",
        "kv-shop=https://host:99999",
        "kv-shop=https://[host",
    ],
)
def test_a_wrong_vault_url_is_named_but_not_quoted(text: str) -> None:
    said = refusal({**MINIMUM, "KEY_VAULTS": text})

    assert said == "KEY_VAULTS: the URL of kv-shop is wrong; expected https://HOST or https://HOST:PORT"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kv", "'kv' is no vault name; expected 3 to 24 letters"),
        ("kv_shop", "is no vault name"),
        ("k" * 25, "is no vault name"),
        ("kv-shop, KV-SHOP", "kv-shop is listed twice"),
        (",;", "holds no vault; expected vault names"),
    ],
)
def test_a_wrong_vault_list_is_named_with_what_was_expected(text: str, expected: str) -> None:
    said = refusal({**MINIMUM, "KEY_VAULTS": text})

    assert said.startswith("KEY_VAULTS")
    assert expected in said


@pytest.mark.parametrize("text", [KEY, f"Endpoint=sb://x/;SharedAccessKey={KEY}", f"SharedAccessSignature={KEY}"])
def test_a_wrong_connection_string_is_not_quoted(text: str) -> None:
    said = refusal({**MINIMUM, "ServiceBusConnection": text})

    assert said.startswith("ServiceBusConnection is no connection string; expected Endpoint=")
    assert KEY not in said


def test_a_connection_string_and_a_namespace_together_are_refused() -> None:
    said = refusal({**MINIMUM, **BY_IDENTITY})

    assert "both are set" in said
    assert KEY not in said


@pytest.mark.parametrize("text", ["https://shop.servicebus.windows.net", "shop servicebus", "-shop", "shop/"])
def test_a_namespace_is_a_host_name(text: str) -> None:
    said = refusal({**BY_IDENTITY, "ServiceBusConnection__fullyQualifiedNamespace": text})

    assert said == "ServiceBusConnection__fullyQualifiedNamespace is no host name; expected NAME.servicebus.windows.net"


@pytest.mark.parametrize("text", ["a b", "/topic", "topic/", "t" * 261, "töpic"])
def test_a_wrong_topic_name_is_named(text: str) -> None:
    assert refusal({**MINIMUM, "NOTICE_TOPIC": text}).startswith("NOTICE_TOPIC is no topic name; expected letters")


@pytest.mark.parametrize(
    ("name", "range_"),
    [
        ("EVENT_DEADLINE_SECONDS", "seconds from 10.5 to 28"),
        ("VAULT_TIMEOUT_SECONDS", "seconds from 1 to 20"),
        ("CLUSTER_TIMEOUT_SECONDS", "seconds from 1 to 20"),
        ("TOPIC_TIMEOUT_SECONDS", "seconds from 3 to 10"),
        ("CLUSTER_CONCURRENCY", "a whole number from 1 to 256"),
    ],
)
@pytest.mark.parametrize("text", ["0", "-1", "1000", "soon", "nan", "inf", "1e99", "²"])
def test_a_wrong_number_is_named_with_its_range(name: str, range_: str, text: str) -> None:
    assert refusal({**MINIMUM, name: text}) == f"{name} is wrong; expected {range_}"


@pytest.mark.parametrize("text", ["1.5", "10000000000"])
def test_a_concurrency_is_a_whole_number_of_usual_length(text: str) -> None:
    assert refusal({**MINIMUM, "CLUSTER_CONCURRENCY": text}).startswith("CLUSTER_CONCURRENCY is wrong")


def test_the_deadline_leaves_time_for_work_before_telling() -> None:
    said = refusal({**MINIMUM, "TOPIC_TIMEOUT_SECONDS": "10", "EVENT_DEADLINE_SECONDS": "17"})

    assert said == "EVENT_DEADLINE_SECONDS is wrong; expected seconds from 18 to 28"


def test_clusters_get_the_limits_of_the_settings() -> None:
    settings = read(
        CLUSTERS='[{"name": "a", "inCluster": true}, {"name": "b", "inCluster": true, "timeoutSeconds": 3}]',
        CLUSTER_TIMEOUT_SECONDS="4.5",
        CLUSTER_CONCURRENCY="2",
    )

    assert [(one.access, one.timeout, one.concurrency) for one in settings.clusters] == [
        (InClusterAccess(), 4.5, 2),
        (InClusterAccess(), 3, 2),
    ]


def test_a_cluster_list_may_be_yaml() -> None:
    identifier = "/subscriptions/0-a/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/one"

    assert read(CLUSTERS=f"- name: one\n  aks: {identifier}\n").clusters[0].access == AksAccess(resource_id=identifier)


def test_showing_the_settings_shows_no_connection_string() -> None:
    settings = read()

    assert KEY not in f"{settings!r} {settings} {settings.bus}"
    assert settings.bus.connection_string is not None
    assert settings.bus.connection_string.reveal().decode() == CONNECTION
