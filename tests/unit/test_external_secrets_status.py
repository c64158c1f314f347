"""What an ExternalSecret's status says about a request: synced, pending or failing, by mark or by time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.delegate import Progress, Standing
from shared.external_secrets import status

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def ready(value: Any = "True", reason: Any = "SecretSynced", **fields: Any) -> dict[str, Any]:
    return {"type": "Ready", "status": value, "reason": reason, "message": "MARKED-message", **fields}


def judge(*conditions: Any, mark: str = "1-old", since: datetime = NOON, **given: Any) -> Progress:
    fields = {"refreshTime": "2026-11-23T12:00:00Z", "syncedResourceVersion": "1-new", **given}
    return status.progress({"status": {"conditions": list(conditions), **fields}}, mark=mark, since=since)


def test_another_mark_means_that_it_looked_again() -> None:
    assert judge(ready()) == Progress(standing=Standing.SYNCED, detail="SecretSynced")


def test_the_same_mark_means_that_it_did_not_look_yet() -> None:
    found = judge(ready(), syncedResourceVersion="1-old", refreshTime="2026-11-23T12:30:00Z")

    assert found.standing is Standing.PENDING


def test_a_mark_that_went_away_is_no_new_one() -> None:
    assert judge(ready(), syncedResourceVersion="").standing is Standing.PENDING
    assert judge(ready(), syncedResourceVersion=None).standing is Standing.PENDING


@pytest.mark.parametrize(
    ("since", "standing"),
    [
        (NOON - timedelta(hours=1), Standing.SYNCED),
        (NOON, Standing.SYNCED),
        (NOON + timedelta(milliseconds=900), Standing.SYNCED),
        (NOON + timedelta(seconds=1), Standing.PENDING),
    ],
    ids=["before", "then", "within the second that the API server keeps", "after"],
)
def test_without_a_mark_the_time_of_the_refresh_decides(since: datetime, standing: Standing) -> None:
    assert judge(ready(), mark="", since=since).standing is standing


@pytest.mark.parametrize("mark", ["", "1-old"])
def test_a_condition_that_is_false_means_failing(mark: str) -> None:
    found = judge(ready("False", "SecretSyncedError"), mark=mark)

    assert found == Progress(standing=Standing.FAILING, detail="SecretSyncedError")


@pytest.mark.parametrize("reason", ["SecretMissing", "SecretDeleted"])
def test_ready_without_a_secret_is_failing(reason: str) -> None:
    assert judge(ready(reason=reason)) == Progress(standing=Standing.FAILING, detail=reason)
    assert judge(ready(reason=reason), syncedResourceVersion="1-old").standing is Standing.PENDING


@pytest.mark.parametrize(
    "conditions",
    [[], [ready("Unknown")], [ready(value=True)], [ready(type="Deleted")], ["Ready"], [None]],
    ids=["none", "unknown", "a boolean", "another type", "a text", "nothing"],
)
def test_without_a_ready_condition_it_is_pending(conditions: list[Any]) -> None:
    assert judge(*conditions).standing is Standing.PENDING


@pytest.mark.parametrize("manifest", [{}, {"status": None}, {"status": []}, {"status": {"conditions": {}}}])
def test_without_a_status_it_is_pending(manifest: dict[str, Any]) -> None:
    assert status.progress(manifest, mark="1-old", since=NOON) == Progress(standing=Standing.PENDING)


@pytest.mark.parametrize(
    "time",
    [
        None,
        "",
        "yesterday",
        5,
        "2026-11-23T12:00:00",
        "2026-11-23T12:00:00+02:00",
        "2026-13-23T12:00:00Z",
        "0" * 99 + "Z",
    ],
)
def test_a_time_that_is_none_is_left_out(time: Any) -> None:
    found = judge(ready(), mark="", refreshTime=time)

    assert found == Progress(standing=Standing.PENDING, detail="SecretSynced")


@pytest.mark.parametrize(
    ("reason", "detail"),
    [
        ("SecretSyncedError", "SecretSyncedError"),
        ("bad\x1b[31m\nnews\ud800", "bad[31mnews"),
        ("x" * 500, "x" * 80),
        (["a"], ""),
        (None, ""),
    ],
    ids=ascii,
)
def test_the_detail_is_the_reason_made_printable_and_short(reason: Any, detail: str) -> None:
    assert judge(ready("False", reason)).detail == detail


def test_the_message_is_never_told() -> None:
    assert "MARKED" not in repr([judge(ready("False", "E")), judge(ready()), judge(ready(), syncedResourceVersion="")])
