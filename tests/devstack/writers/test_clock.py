"""Durations as Go writes them."""

import pytest

from devstack.writers import clock


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("0s", 0), ("1h", 3600), ("1h0m0s", 3600), ("1m30s", 90), ("250ms", 0.25), ("1.5s", 1.5)],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert clock.read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "1d", "h", "1h ", "-1s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        clock.read_duration(text)


def test_a_moment_is_shown_in_whole_seconds_and_read_again() -> None:
    moment = clock.now()
    assert clock.read_stamp(clock.stamp(moment)) == moment.replace(microsecond=0)
