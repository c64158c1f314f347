"""Every setting, as one frozen value read once from a mapping. Pure: the mapping is an argument.

Nothing has a default that hides a missing setting. A wrong one raises `SettingsError`, which names the setting and
what was expected, while the app loads. The table in docs/configuration.md lists exactly `NAMES`; a test compares.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared import cluster_setting
from shared.cluster_setting import ClusterSetting
from shared.errors import SettingsError
from shared.model import SecretValue
from shared.pace import DEFAULT_PACE, REMEMBERED, Pace

NAMES = (
    "KEY_VAULTS",
    "CLUSTERS",
    "ServiceBusConnection",
    "ServiceBusConnection__fullyQualifiedNamespace",
    "ServiceBusConnection__clientId",
    "NOTICE_TOPIC",
    "JOB_QUEUE",
    "EVENT_QUEUE",
    "AZURE_CLIENT_ID",
    "EVENT_DEADLINE_SECONDS",
    "VAULT_TIMEOUT_SECONDS",
    "CLUSTER_TIMEOUT_SECONDS",
    "CLUSTER_CONCURRENCY",
    "BINDINGS",
    "NUDGE_PODS",
    "SWEEP_SCHEDULE",
    "SWEEP_LOOKBACK_SECONDS",
    "WATCH_SUBSCRIPTION",
    "HEARTBEAT_SECONDS",
    "DIRECT_CLUSTERS",
    "DIRECT_TARGETS",
    "RETRY_DELAY_SECONDS",
    "RETRY_LIMIT_SECONDS",
    "CHECK_DELAY_SECONDS",
    "CHECK_LIMIT_SECONDS",
    "REWRITE_LIMIT",
    "RESTART_WORKLOADS",
    "RESTART_WINDOW_SECONDS",
    "RESTART_BUDGET",
    "TOPIC_TIMEOUT_SECONDS",
    "METRICS_OBJECT_NAMES",
    "OPERATOR_HTTP",
    "LIVE_SUBSCRIPTION",
)
"""The settings that this package reads. The host's own (FUNCTIONS_WORKER_RUNTIME, AzureWebJobsStorage) are not here."""

_VAULT_NAME = re.compile(r"[0-9a-z-]{3,24}")
_ENTITY_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/~-]{0,258}[A-Za-z0-9])?")
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_PUBLIC_SUFFIX = "vault.azure.net"
_SCHEDULE_FIELDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSetting:
    """A vault that may be contacted: its name in lower case and its URL without a final slash."""

    name: str
    url: str

    @property
    def host(self) -> str:
        """The authority of the URL: host, and the port where it is not 443."""
        return urlsplit(self.url).netloc


@dataclass(frozen=True, slots=True, kw_only=True)
class BusSetting:
    """How topic and queues are reached: by connection string, or by namespace with an identity. One of them is empty.

    `events` is the queue that Event Grid delivers to where it does not call the function; empty where it does.
    """

    topic: str
    queue: str
    events: str = ""
    watch: str = ""
    connection_string: SecretValue | None = None
    namespace: str = ""
    client_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that the app is told from outside."""

    vaults: tuple[VaultSetting, ...]
    clusters: tuple[ClusterSetting, ...]
    bus: BusSetting
    client_id: str = ""
    nudging: bool = True
    """Whether pods that mount a refreshed Secret are annotated, so that their kubelet looks at once."""
    pace: Pace = DEFAULT_PACE
    """When what was done is looked at again, and how workloads are restarted."""
    deadline: float = 25.0
    """Seconds that one event may take. Event Grid waits 30 and then sends it again (azure-platform 1.4)."""
    lookback: float = 86_400.0
    """Seconds that the sweep looks back for versions that no event told of."""
    heartbeat: float = 0.0
    """Seconds without any event after which the sweep fails; 0 for never."""
    vault_timeout: float = 8.0
    """Seconds for one vault read with its retries."""
    metrics_name_objects: bool = False
    """Whether one metric names each object of the vaults."""
    operator_http: bool = False
    """Whether an operator may ask over HTTP."""
    live_subscription: str = ""
    """The topic's subscription that the live page looks through; empty where the app serves no page."""
    topic_timeout: float = 5.0
    """Seconds for one send. Kept back from the deadline, so that what was written can still be told."""

    @classmethod
    def from_mapping(cls, environ: Mapping[str, str]) -> "Settings":
        """Read and check every setting. Raises `SettingsError` for the first that is missing or wrong."""
        defaults = cluster_setting.Defaults(
            timeout=_seconds(environ, "CLUSTER_TIMEOUT_SECONDS", default=10.0, low=1.0, high=20.0),
            concurrency=_count(environ, "CLUSTER_CONCURRENCY", default=16, low=1, high=256),
            bindings=cluster_setting.parse_bindings(environ.get("BINDINGS", "").strip() or "auto", "BINDINGS"),
        )
        topic_timeout = _seconds(environ, "TOPIC_TIMEOUT_SECONDS", default=5.0, low=3.0, high=10.0)
        return cls(
            vaults=_vaults(_required(environ, "KEY_VAULTS", "vault names, or name=URL, separated by commas")),
            clusters=cluster_setting.parse(
                _required(environ, "CLUSTERS", "a JSON or YAML list of clusters; [] for none"), defaults
            ),
            bus=_bus(environ),
            client_id=environ.get("AZURE_CLIENT_ID", "").strip(),
            nudging=_switch(environ, "NUDGE_PODS", default=True),
            pace=_pace(environ),
            lookback=_seconds(environ, "SWEEP_LOOKBACK_SECONDS", default=86_400.0, low=600.0, high=REMEMBERED),
            heartbeat=_sweep(environ),
            deadline=_seconds(
                environ, "EVENT_DEADLINE_SECONDS", default=25.0, low=1.5 * topic_timeout + 3.0, high=28.0
            ),
            vault_timeout=_seconds(environ, "VAULT_TIMEOUT_SECONDS", default=8.0, low=1.0, high=20.0),
            topic_timeout=topic_timeout,
            metrics_name_objects=_switch(environ, "METRICS_OBJECT_NAMES", default=False),
            operator_http=_switch(environ, "OPERATOR_HTTP", default=False),
            live_subscription=_entity(environ, "LIVE_SUBSCRIPTION", "subscription"),
        )


def _pace(environ: Mapping[str, str]) -> Pace:
    first = _seconds(environ, "CHECK_DELAY_SECONDS", default=15.0, low=1.0, high=300.0)
    return Pace(
        first=first,
        limit=_seconds(environ, "CHECK_LIMIT_SECONDS", default=900.0, low=first, high=86_400.0),
        rewrites=_count(environ, "REWRITE_LIMIT", default=3, low=0, high=20),
        window=_seconds(environ, "RESTART_WINDOW_SECONDS", default=30.0, low=1.0, high=3600.0),
        budget=_count(environ, "RESTART_BUDGET", default=3, low=1, high=1000),
        restarting=_switch(environ, "RESTART_WORKLOADS", default=True),
        retry=_seconds(environ, "RETRY_DELAY_SECONDS", default=5.0, low=0.1, high=300.0),
        patience=_seconds(environ, "RETRY_LIMIT_SECONDS", default=86_400.0, low=60.0, high=604_800.0),
        direct=_count(environ, "DIRECT_CLUSTERS", default=8, low=0, high=1000),
        targets=_count(environ, "DIRECT_TARGETS", default=200, low=1, high=10_000),
    )


def _sweep(environ: Mapping[str, str]) -> float:
    """Read how long events may be silent, and check what the sweep needs from the host."""
    schedule = _required(environ, "SWEEP_SCHEDULE", "a schedule of six fields, such as 0 */15 * * * *")
    if len(schedule.split()) != _SCHEDULE_FIELDS:
        raise SettingsError("SWEEP_SCHEDULE is wrong; expected a schedule of six fields, such as 0 */15 * * * *")
    silence = _seconds(environ, "HEARTBEAT_SECONDS", default=0.0, low=0.0, high=REMEMBERED)
    if silence and not environ.get("WATCH_SUBSCRIPTION", "").strip():
        raise SettingsError("HEARTBEAT_SECONDS needs WATCH_SUBSCRIPTION; without it nobody hears whether events come")
    return silence


def _required(environ: Mapping[str, str], name: str, expected: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise SettingsError(f"{name} is missing; expected {expected}")
    return value


def _vaults(text: str) -> tuple[VaultSetting, ...]:
    vaults: dict[str, VaultSetting] = {}
    for entry in filter(None, re.split(r"[,;\s]+", text)):
        name, has_url, url = entry.partition("=")
        name = name.lower()
        if not _VAULT_NAME.fullmatch(name):
            raise SettingsError(f"KEY_VAULTS: {name[:40]!r} is no vault name; expected 3 to 24 letters, digits and '-'")
        if name in vaults:
            raise SettingsError(f"KEY_VAULTS: {name} is listed twice")
        vaults[name] = VaultSetting(
            name=name, url=_vault_url(name, url) if has_url else f"https://{name}.{_PUBLIC_SUFFIX}"
        )
    if not vaults:
        raise SettingsError("KEY_VAULTS holds no vault; expected vault names, or name=URL, separated by commas")
    return tuple(vaults.values())


def _vault_url(name: str, text: str) -> str:
    expected = f"KEY_VAULTS: the URL of {name} is wrong; expected https://HOST or https://HOST:PORT"
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise SettingsError(expected) from None
    extra = url.path.strip("/") or url.query or url.fragment or url.username is not None
    if url.scheme != "https" or not url.hostname or extra:
        raise SettingsError(expected)
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"https://{host}" if port in {None, 443} else f"https://{host}:{port}"


def _bus(environ: Mapping[str, str]) -> BusSetting:
    topic = _entity(environ, "NOTICE_TOPIC", "topic") or "keyvault-changes"
    _required(environ, "JOB_QUEUE", "the name of the queue for jobs, which the host listens to as well")
    queue = _entity(environ, "JOB_QUEUE", "queue")
    events = _entity(environ, "EVENT_QUEUE", "queue")
    watch = _entity(environ, "WATCH_SUBSCRIPTION", "subscription")
    if events.lower() == queue.lower():
        raise SettingsError("EVENT_QUEUE names the queue of JOB_QUEUE; events and jobs need a queue each")
    text = environ.get("ServiceBusConnection", "").strip()
    namespace = environ.get("ServiceBusConnection__fullyQualifiedNamespace", "").strip().lower()
    if bool(text) == bool(namespace):
        raise SettingsError(
            "ServiceBusConnection: expected either a connection string there, or the namespace's host name "
            f"in ServiceBusConnection__fullyQualifiedNamespace; {'both are' if text else 'neither is'} set"
        )
    if text:
        parts = [part.partition("=") for part in text.split(";")]
        filled = {name.strip().lower() for name, _, value in parts if value.strip()}
        if not {"endpoint", "sharedaccesskeyname", "sharedaccesskey"} <= filled:
            raise SettingsError(
                "ServiceBusConnection is no connection string; expected "
                "Endpoint=sb://HOST/;SharedAccessKeyName=NAME;SharedAccessKey=KEY"
            )
        return BusSetting(
            topic=topic, queue=queue, events=events, watch=watch, connection_string=SecretValue(text.encode())
        )
    if not _HOST_NAME.fullmatch(namespace):
        raise SettingsError(
            "ServiceBusConnection__fullyQualifiedNamespace is no host name; expected NAME.servicebus.windows.net"
        )
    client_id = environ.get("ServiceBusConnection__clientId", "").strip()
    return BusSetting(topic=topic, queue=queue, events=events, watch=watch, namespace=namespace, client_id=client_id)


def _entity(environ: Mapping[str, str], name: str, kind: str) -> str:
    """Return the name of a queue, topic or subscription; empty where none is set."""
    text = environ.get(name, "").strip()
    if text and not _ENTITY_NAME.fullmatch(text):
        raise SettingsError(f"{name} is no {kind} name; expected letters, digits, '.', '-', '_' and '/'")
    return text


def _seconds(environ: Mapping[str, str], name: str, *, default: float, low: float, high: float) -> float:
    text = environ.get(name, "").strip()
    try:
        value = float(text) if text else default
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise SettingsError(f"{name} is wrong; expected seconds from {low:g} to {high:g}")
    return value


def _switch(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = environ.get(name, "").strip().lower()
    if text not in {"", "on", "off"}:
        raise SettingsError(f"{name} is wrong; expected on or off")
    return text == "on" if text else default


def _count(environ: Mapping[str, str], name: str, *, default: int, low: int, high: int) -> int:
    text = environ.get(name, "").strip()
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None if text else default  # noqa: PLR2004
    if value is None or not low <= value <= high:
        raise SettingsError(f"{name} is wrong; expected a whole number from {low} to {high}")
    return value
