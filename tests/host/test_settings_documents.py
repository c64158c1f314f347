"""The sample, the table and the code name the same settings."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from devstack import stack
from shared import settings
from shared.cluster_setting import DRIVERS, BindingKind

HOST_ONLY = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"}
SAMPLE = json.loads((stack.APP / "local.settings.sample.json").read_text(encoding="utf-8"))
TABLE = (stack.APP / "docs" / "configuration.md").read_text(encoding="utf-8")


def test_the_sample_holds_every_setting_and_no_other() -> None:
    assert set(SAMPLE["Values"]) - HOST_ONLY == set(settings.NAMES)


def test_the_table_lists_every_setting_and_no_other() -> None:
    assert re.findall(r"^\| `(\w+)` \|", TABLE.partition("## Clusters")[0], re.MULTILINE) == list(settings.NAMES)


def test_the_sample_is_a_valid_set_of_settings() -> None:
    parsed = settings.Settings.from_mapping(SAMPLE["Values"])

    assert [vault.name for vault in parsed.vaults] == ["kv-example"]
    assert [cluster.name for cluster in parsed.clusters] == ["aks-example"]


def _only_required() -> settings.Settings:
    """Return the settings of an app that leaves to the code whatever may be left to it."""
    required = (
        "KEY_VAULTS",
        "CLUSTERS",
        "ServiceBusConnection__fullyQualifiedNamespace",
        "JOB_QUEUE",
        "SWEEP_SCHEDULE",
    )
    return settings.Settings.from_mapping({name: SAMPLE["Values"][name] for name in required})


DEFAULTS: dict[str, Callable[[settings.Settings], object]] = {
    "NOTICE_TOPIC": lambda parsed: parsed.bus.topic,
    "EVENT_DEADLINE_SECONDS": lambda parsed: parsed.deadline,
    "VAULT_TIMEOUT_SECONDS": lambda parsed: parsed.vault_timeout,
    "CLUSTER_TIMEOUT_SECONDS": lambda parsed: parsed.clusters[0].timeout,
    "CLUSTER_CONCURRENCY": lambda parsed: parsed.clusters[0].concurrency,
    "BINDINGS": lambda parsed: parsed.clusters[0].bindings or "auto",
    "NUDGE_PODS": lambda parsed: parsed.nudging,
    "SWEEP_LOOKBACK_SECONDS": lambda parsed: parsed.lookback,
    "HEARTBEAT_SECONDS": lambda parsed: parsed.heartbeat,
    "DIRECT_CLUSTERS": lambda parsed: parsed.pace.direct,
    "DIRECT_TARGETS": lambda parsed: parsed.pace.targets,
    "RETRY_DELAY_SECONDS": lambda parsed: parsed.pace.retry,
    "RETRY_LIMIT_SECONDS": lambda parsed: parsed.pace.patience,
    "CHECK_DELAY_SECONDS": lambda parsed: parsed.pace.first,
    "CHECK_LIMIT_SECONDS": lambda parsed: parsed.pace.limit,
    "REWRITE_LIMIT": lambda parsed: parsed.pace.rewrites,
    "RESTART_WORKLOADS": lambda parsed: parsed.pace.restarting,
    "RESTART_WINDOW_SECONDS": lambda parsed: parsed.pace.window,
    "RESTART_BUDGET": lambda parsed: parsed.pace.budget,
    "TOPIC_TIMEOUT_SECONDS": lambda parsed: parsed.topic_timeout,
    "METRICS_OBJECT_NAMES": lambda parsed: parsed.metrics_name_objects,
    "OPERATOR_HTTP": lambda parsed: parsed.operator_http,
}


def _as_written(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_defaults_in_the_table_and_in_the_sample_are_those_of_the_code(name: str) -> None:
    default = _as_written(DEFAULTS[name](_only_required()))

    assert f"| `{name}` | `{default}` |" in TABLE
    assert SAMPLE["Values"][name] == default


def test_the_clusters_in_the_documentation_are_valid_and_show_every_key() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", TABLE, re.DOTALL)

    parsed = settings.Settings.from_mapping({**SAMPLE["Values"], "CLUSTERS": block})

    assert [cluster.name for cluster in parsed.clusters] == ["prod-weu", "prod-neu", "laptop", "here"]
    assert parsed.clusters[1].bindings == frozenset({BindingKind.CSI, BindingKind.OWNED})
    assert parsed.clusters[1].driver == "1.6-with-rotation"


def test_every_driver_is_documented() -> None:
    assert re.findall(r"^\| `(1[^`]*)` \|", TABLE, re.MULTILINE) == list(DRIVERS)


def test_what_is_argued_of_the_hosts_settings_is_what_it_gets() -> None:
    host = json.loads((stack.APP / "host.json").read_text(encoding="utf-8"))
    argued = re.findall(r"^\| `([\w.]+)` \| (not set|`[^`]+`) \|", TABLE.partition("## host.json")[2], re.MULTILINE)

    assert len(argued) >= 4
    for path, value in argued:
        found: Any = host
        for key in path.split("."):
            found = found.get(key, {})
        assert value == (f"`{found}`" if found else "not set"), path
        if not found:
            assert path not in json.dumps(host)
