"""The sample, the table and the code name the same settings."""

import json
import re

import pytest

from devstack import stack
from shared import settings

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


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("EVENT_DEADLINE_SECONDS", "deadline"),
        ("VAULT_TIMEOUT_SECONDS", "vault_timeout"),
        ("TOPIC_TIMEOUT_SECONDS", "topic_timeout"),
    ],
)
def test_the_defaults_in_the_table_are_those_of_the_code(name: str, field: str) -> None:
    required = {key: value for key, value in SAMPLE["Values"].items() if not key.endswith("SECONDS")}
    parsed = settings.Settings.from_mapping(required)

    assert f"| `{name}` | `{getattr(parsed, field):g}` |" in TABLE


def test_the_clusters_in_the_documentation_are_valid() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", TABLE, re.DOTALL)

    parsed = settings.Settings.from_mapping({**SAMPLE["Values"], "CLUSTERS": block})

    assert [cluster.name for cluster in parsed.clusters] == ["prod-weu", "prod-neu", "laptop", "here"]
