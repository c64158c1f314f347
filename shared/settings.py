"""Every setting, as one frozen value read once from a mapping. Pure: the mapping is an argument.

Nothing has a default that hides a missing setting. A wrong one raises `SettingsError`, which names the setting and
what was expected, while the app loads. The table in docs/configuration.md lists exactly `NAMES`; a test compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared import bus_setting, cluster_setting, setting_text, vault_setting
from shared.bus_setting import BusSetting
from shared.cluster_setting import ClusterSetting
from shared.errors import SettingsError
from shared.pace import DEFAULT_PACE, REMEMBERED, Pace
from shared.vault_setting import VaultSetting

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

_SCHEDULE_FIELDS = 6


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
            timeout=setting_text.seconds(environ, "CLUSTER_TIMEOUT_SECONDS", default=10.0, low=1.0, high=20.0),
            concurrency=setting_text.count(environ, "CLUSTER_CONCURRENCY", default=16, low=1, high=256),
            bindings=cluster_setting.parse_bindings(environ.get("BINDINGS", "").strip() or "auto", "BINDINGS"),
        )
        topic_timeout = setting_text.seconds(environ, "TOPIC_TIMEOUT_SECONDS", default=5.0, low=3.0, high=10.0)
        return cls(
            vaults=vault_setting.parse(
                setting_text.required(environ, "KEY_VAULTS", "vault names, or name=URL, separated by commas")
            ),
            clusters=cluster_setting.parse(
                setting_text.required(environ, "CLUSTERS", "a JSON or YAML list of clusters; [] for none"), defaults
            ),
            bus=bus_setting.parse(environ),
            client_id=environ.get("AZURE_CLIENT_ID", "").strip(),
            nudging=setting_text.switch(environ, "NUDGE_PODS", default=True),
            pace=_pace(environ),
            lookback=setting_text.seconds(
                environ, "SWEEP_LOOKBACK_SECONDS", default=86_400.0, low=600.0, high=REMEMBERED
            ),
            heartbeat=_sweep(environ),
            deadline=setting_text.seconds(
                environ, "EVENT_DEADLINE_SECONDS", default=25.0, low=1.5 * topic_timeout + 3.0, high=28.0
            ),
            vault_timeout=setting_text.seconds(environ, "VAULT_TIMEOUT_SECONDS", default=8.0, low=1.0, high=20.0),
            topic_timeout=topic_timeout,
            metrics_name_objects=setting_text.switch(environ, "METRICS_OBJECT_NAMES", default=False),
            operator_http=setting_text.switch(environ, "OPERATOR_HTTP", default=False),
            live_subscription=setting_text.entity(environ, "LIVE_SUBSCRIPTION", "subscription"),
        )


def _pace(environ: Mapping[str, str]) -> Pace:
    first = setting_text.seconds(environ, "CHECK_DELAY_SECONDS", default=15.0, low=1.0, high=300.0)
    return Pace(
        first=first,
        limit=setting_text.seconds(environ, "CHECK_LIMIT_SECONDS", default=900.0, low=first, high=86_400.0),
        rewrites=setting_text.count(environ, "REWRITE_LIMIT", default=3, low=0, high=20),
        window=setting_text.seconds(environ, "RESTART_WINDOW_SECONDS", default=30.0, low=1.0, high=3600.0),
        budget=setting_text.count(environ, "RESTART_BUDGET", default=3, low=1, high=1000),
        restarting=setting_text.switch(environ, "RESTART_WORKLOADS", default=True),
        retry=setting_text.seconds(environ, "RETRY_DELAY_SECONDS", default=5.0, low=0.1, high=300.0),
        patience=setting_text.seconds(environ, "RETRY_LIMIT_SECONDS", default=86_400.0, low=60.0, high=604_800.0),
        direct=setting_text.count(environ, "DIRECT_CLUSTERS", default=8, low=0, high=1000),
        targets=setting_text.count(environ, "DIRECT_TARGETS", default=200, low=1, high=10_000),
    )


def _sweep(environ: Mapping[str, str]) -> float:
    """Read how long events may be silent, and check what the sweep needs from the host."""
    schedule = setting_text.required(environ, "SWEEP_SCHEDULE", "a schedule of six fields, such as 0 */15 * * * *")
    if len(schedule.split()) != _SCHEDULE_FIELDS:
        raise SettingsError("SWEEP_SCHEDULE is wrong; expected a schedule of six fields, such as 0 */15 * * * *")
    silence = setting_text.seconds(environ, "HEARTBEAT_SECONDS", default=0.0, low=0.0, high=REMEMBERED)
    if silence and not environ.get("WATCH_SUBSCRIPTION", "").strip():
        raise SettingsError("HEARTBEAT_SECONDS needs WATCH_SUBSCRIPTION; without it nobody hears whether events come")
    return silence
