"""What the page makes of notices, as the app composes them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.samples import samples
from fanout.live import story
from fanout.live.story import Story, Told, parse

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
SAMPLES = samples()
NOTICES = [name for name in SAMPLES if name != "acknowledged"]


def told(name: str, *, after: float = 0.0, **changes: Any) -> Told:
    """Return a notice of a type as the app tells it, `after` so many seconds; `changes` of its data."""
    event = {**SAMPLES[name].event, "data": {**SAMPLES[name].event["data"], **changes}}
    found = parse(json.dumps(event).encode(), AT + timedelta(seconds=after))
    assert found is not None
    return found


def shown(*notices: Told, rotates: bool = False) -> dict[str, Any]:
    """Return what the page shows of them."""
    told_of = Story()
    for one in notices:
        told_of.add(one)
    return told_of.snapshot(rotates=rotates)


@pytest.mark.parametrize("name", NOTICES)
def test_every_type_of_notice_is_a_step_of_its_rotation(name: str) -> None:
    found = shown(told(name))

    (rotation,) = found["rotations"]
    assert rotation["object"] == "kv-shop/secret/db-password"
    assert len(rotation["steps"]) == 1
    assert found["last"].startswith("db-password, version 5f2c9a1e: ")


def test_a_time_line_counts_from_the_event_in_the_order_of_what_happened() -> None:
    """The event was 1.25 s before noon. The pods showed the version 15 s after noon."""
    found = shown(told("target.converged", after=16), told("target.refreshed", after=0.1), told("object.new-version"))

    (rotation,) = found["rotations"]
    assert [(step["seen"], step["told"], step["kind"]) for step in rotation["steps"]] == [
        (0, 1250, "object"),
        (1250, 1350, "done"),
        (16250, 17250, "proven"),
    ]
    assert rotation["began"] == "2026-11-23T11:59:58.750Z"


def test_the_newest_rotation_is_first_and_the_oldest_are_counted_only() -> None:
    many = story.MOST_ROTATIONS + 5
    begins = [(AT + timedelta(minutes=number)).isoformat() for number in range(many)]
    notices = [told("object.new-version", version=f"v{number}", eventTime=at) for number, at in enumerate(begins)]

    found = shown(*notices)

    assert [one["version"] for one in found["rotations"][:2]] == [f"v{many - 1}", f"v{many - 2}"]
    assert (len(found["rotations"]), found["moreRotations"]) == (story.MOST_ROTATIONS, 5)


def test_a_thousand_targets_are_not_a_thousand_lines() -> None:
    found = shown(*[told("target.refreshed", secret=f"s{number:04}") for number in range(1000)])

    assert (len(found["targets"]), found["moreTargets"]) == (story.MOST_TARGETS, 500)
    assert (len(found["rotations"][0]["steps"]), found["rotations"][0]["moreSteps"]) == (story.MOST_STEPS, 940)


def test_a_page_that_stays_open_for_weeks_forgets_what_was_long_ago() -> None:
    """And keeps what was told of last, however old it is."""
    tale = Story()
    for number in range(12 * story.MOST_ROTATIONS):
        tale.add(told("object.new-version", version=f"v{number}"))
    for number in range(12 * story.MOST_TARGETS):
        tale.add(told("target.refreshed", version="w", eventTime=AT.isoformat(), secret=f"s{number:05}"))
        if number % 1000 == 0:
            tale.add(told("target.refreshed", version="w", eventTime=AT.isoformat(), secret="s00000"))

    found = tale.snapshot(rotates=False)

    assert len(found["rotations"]) + found["moreRotations"] == 10 * story.MOST_ROTATIONS
    assert len(found["targets"]) + found["moreTargets"] == 10 * story.MOST_TARGETS
    assert found["targets"][0]["target"].endswith("s00000")
    (steps,) = [one for one in found["rotations"] if one["version"] == "w"]
    assert len(steps["steps"]) + steps["moreSteps"] == 12 * story.MOST_TARGETS + 6


def test_a_target_shows_what_was_told_of_it_last() -> None:
    older, newer = told("target.refreshed", version="v1"), told("target.refreshed", version="v2", action="nudged")

    (row,) = shown(older, newer)["targets"]

    assert (row["target"], row["version"], row["state"]) == ("prod-weu/shop/web-secret", "v2", "nudged")


def test_a_target_that_failed_stays_at_the_version_that_it_holds() -> None:
    found = shown(told("target.refreshed", version="v1"), told("target.failed", version="v2"))

    (row,) = found["targets"]
    assert (row["version"], row["state"], row["kind"]) == ("v1", "behind: keeps-reverting", "failed")


def test_a_convergence_is_the_last_word_about_a_target() -> None:
    (row,) = shown(told("target.refreshed"), told("target.converged"))["targets"]

    assert (row["state"], row["kind"]) == ("converged", "proven")


def test_what_a_sweep_found_says_so() -> None:
    (rotation,) = shown(told("object.new-version", origin="sweep"))["rotations"]

    assert rotation["origin"] == "sweep"


def test_an_event_without_a_time_counts_from_its_first_notice() -> None:
    (rotation,) = shown(told("object.new-version", eventTime="never"))["rotations"]

    assert [(step["seen"], step["told"]) for step in rotation["steps"]] == [(0, 0)]


def test_the_button_is_there_where_there_is_something_to_rotate() -> None:
    assert [shown(rotates=rotates)["rotates"] for rotates in (True, False)] == [True, False]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"[]",
        b"7",
        b'{"type": "dev.keyvault-fanout.target.refreshed.v1"}',
        b'{"type": "dev.keyvault-fanout.target.refreshed.v1", "data": []}',
        b'{"type": "dev.keyvault-fanout.target.refreshed.v1", "data": {"vault": "v"}}',
        b'{"type": "com.example.other", "data": {"vault": "v", "objectType": "s", "object": "o", "version": "1"}}',
        b'{"type": 7, "data": {"vault": "v", "objectType": "s", "object": "o", "version": "1"}}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_notice_is_left_out(body: bytes) -> None:
    assert parse(body, AT) is None


fields = st.dictionaries(st.sampled_from(["eventTime", "refreshedTime", "action", "reason", "secret"]), st.text())
types = st.sampled_from([*NOTICES, "object.of-a-later-version"])


@given(type_=types, more=fields)
def test_whatever_a_notice_says_the_page_can_show_it(type_: str, more: dict[str, str]) -> None:
    data = {"vault": "v", "objectType": "secret", "object": "o", "version": "1", **more}
    body = json.dumps({"type": f"dev.keyvault-fanout.{type_}.v1", "data": data}).encode()

    found = parse(body, AT)

    assert found is not None
    assert json.loads(json.dumps(shown(found)))["rotations"]
