"""A status' conditions."""

from datetime import UTC, datetime

from devstack.writers.conditions import with_condition

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def test_a_condition_is_added_and_then_replaced_in_its_place() -> None:
    both = with_condition([], kind="A", status="True", reason="x", message="", at=EARLY)
    both = with_condition(both, kind="B", status="True", reason="y", message="", at=EARLY)

    changed = with_condition(both, kind="A", status="False", reason="z", message="why", at=LATE)

    assert [(each["type"], each["status"], each["reason"]) for each in changed] == [
        ("A", "False", "z"),
        ("B", "True", "y"),
    ]
    assert changed[0]["lastTransitionTime"] == "2026-01-02T00:00:00Z"


def test_the_transition_time_moves_only_with_the_status() -> None:
    before = with_condition([], kind="A", status="False", reason="x", message="", at=EARLY)

    after = with_condition(before, kind="A", status="False", reason="y", message="", at=LATE)

    assert after[0]["reason"] == "y"
    assert after[0]["lastTransitionTime"] == "2026-01-01T00:00:00Z"
