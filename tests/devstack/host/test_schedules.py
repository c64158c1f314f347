"""Six-field NCRONTAB."""

import datetime as dt

import pytest

from devstack.host.schedules import read_schedule

NOON = dt.datetime(2026, 11, 23, 12, 0, 0, tzinfo=dt.UTC)  # a Monday


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * * *", dt.datetime(2026, 11, 23, 12, 0, 1, tzinfo=dt.UTC)),
        ("0 */5 * * * *", dt.datetime(2026, 11, 23, 12, 5, tzinfo=dt.UTC)),
        ("0 0 * * * *", dt.datetime(2026, 11, 23, 13, tzinfo=dt.UTC)),
        ("30 0 0 * * *", dt.datetime(2026, 11, 24, 0, 0, 30, tzinfo=dt.UTC)),
        ("0 30 9 * * 1-5", dt.datetime(2026, 11, 24, 9, 30, tzinfo=dt.UTC)),
        ("0 0 8 * * 0,6", dt.datetime(2026, 11, 28, 8, tzinfo=dt.UTC)),
        ("0 0 0 1 1 *", dt.datetime(2027, 1, 1, tzinfo=dt.UTC)),
        ("0 0 0 29 2 *", dt.datetime(2028, 2, 29, tzinfo=dt.UTC)),
        ("0 0 0 13 * 5", dt.datetime(2027, 8, 13, tzinfo=dt.UTC)),
        ("10-50/20 59 11 * * *", dt.datetime(2026, 11, 24, 11, 59, 10, tzinfo=dt.UTC)),
        ("15/30 0 12 * * *", dt.datetime(2026, 11, 23, 12, 0, 15, tzinfo=dt.UTC)),
    ],
)
def test_the_next_occurrence_is_the_first_that_matches_every_field(expression: str, expected: dt.datetime) -> None:
    """Day and day of week both have to match, unlike in cron."""
    assert read_schedule(expression).next_after(NOON) == expected


def test_an_occurrence_is_strictly_after_the_moment() -> None:
    """Otherwise a timer would run twice for one occurrence."""
    schedule = read_schedule("0 0 12 * * *")

    assert schedule.next_after(NOON - dt.timedelta(microseconds=1)) == NOON
    assert schedule.next_after(NOON) == NOON + dt.timedelta(days=1)


def test_the_30th_of_february_never_comes() -> None:
    """The search ends."""
    assert read_schedule("0 0 0 30 2 *").next_after(NOON) is None


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * * *",
        "60 * * * * *",
        "* * 24 * * *",
        "* * * 0 * *",
        "a * * * * *",
        "* * * * * 7",
        "* * * * * sun",
        "*/0 * * * * *",
        "5-1 * * * * *",
    ],
)
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    """Five fields are cron's, not NCRONTAB's."""
    with pytest.raises(ValueError, match=r"."):
        read_schedule(expression)
