"""Whether External Secrets looks when it is asked: refresh policies, intervals in Go's spelling, immutable targets."""

from typing import Any

import pytest

from shared.external_secrets import listening

SYNCED = {"syncedResourceVersion": "1-abc", "refreshTime": "2026-11-23T12:00:00Z"}


def explain(*, version: str = "v1", status: Any = SYNCED, **spec: Any) -> str:
    manifest = {"apiVersion": f"external-secrets.io/{version}", "spec": spec, "status": status}
    return listening.explain_deafness(manifest)


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"refreshInterval": "1h0m0s"},
        {"refreshInterval": None},
        {"refreshInterval": "0.5s"},
        {"refreshInterval": "never"},
        {"refreshInterval": 0},
        {"refreshPolicy": "Periodic", "refreshInterval": "1h"},
        {"refreshPolicy": "OnChange", "refreshInterval": "0"},
        {"refreshPolicy": "OnChange"},
        {"target": {"immutable": False}},
        {"syncWindows": {"kind": "deny", "windows": [{"schedule": "* * * * *", "duration": "1h"}]}},
    ],
    ids=str,
)
def test_it_looks(spec: dict[str, Any]) -> None:
    assert explain(**spec) == ""


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({"refreshInterval": "0"}, "refreshInterval"),
        ({"refreshInterval": "0s"}, "refreshInterval"),
        ({"refreshInterval": "0h0m0s"}, "refreshInterval"),
        ({"refreshInterval": "-1h"}, "refreshInterval"),
        ({"refreshInterval": "0s", "refreshPolicy": ""}, "refreshInterval"),
        ({"refreshInterval": "0s", "refreshPolicy": "Periodic"}, "refreshInterval"),
        ({"refreshPolicy": "CreatedOnce"}, "CreatedOnce"),
        ({"refreshPolicy": "CreatedOnce", "refreshInterval": "1h"}, "CreatedOnce"),
        ({"target": {"immutable": True}}, "immutable"),
        ({"target": {"immutable": True}, "refreshPolicy": "OnChange"}, "immutable"),
    ],
    ids=str,
)
def test_it_is_deaf_after_the_first_sync_and_says_why(spec: dict[str, Any], word: str) -> None:
    assert word in explain(**spec)
    assert explain(**spec, status={}) == ""


def test_created_once_looks_until_a_refresh_was_recorded() -> None:
    assert explain(refreshPolicy="CreatedOnce", status={"syncedResourceVersion": "1-abc", "refreshTime": None}) == ""


def test_an_operator_that_serves_the_old_version_is_asked_despite_an_interval_of_zero() -> None:
    assert explain(version="v1beta1", refreshInterval="0") == ""


@pytest.mark.parametrize("policy", ["Periodic", "CreatedOnce"])
def test_a_policy_tells_that_the_operator_is_a_newer_one(policy: str) -> None:
    assert explain(version="v1beta1", refreshInterval="0", refreshPolicy=policy) != ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("-0", 0),
        ("+0", 0),
        ("0s", 0),
        ("1ns", 1),
        ("1us", 1_000),
        ("1\u00b5s", 1_000),
        ("1\u03bcs", 1_000),
        ("1ms", 1_000_000),
        ("1m", 60_000_000_000),
        ("1h0m0s", 3_600_000_000_000),
        ("1h15m30.918s", 4_530_918_000_000),
        ("1.5h", 5_400_000_000_000),
        (".5s", 500_000_000),
        ("5.s", 5_000_000_000),
        ("0.5ns", 0),
        ("-1.5h", -5_400_000_000_000),
        ("+3s", 3_000_000_000),
        ("1s1h", 3_601_000_000_000),
    ],
)
def test_durations_are_read_as_go_reads_them(text: str, expected: int) -> None:
    assert listening.nanoseconds(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "1", "s", ".s", "1d", "1 s", " 1s", "1s ", "--1s", "+-1s", "1h-5m", "1e3s", "\u0661s", "1S", "9" * 99 + "hh"],
)
def test_what_go_cannot_read_is_no_duration(text: str) -> None:
    assert listening.nanoseconds(text) is None


def test_a_very_long_duration_is_not_read() -> None:
    assert listening.nanoseconds("1s" * 1000) is None
