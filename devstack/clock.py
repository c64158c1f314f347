"""The time as the servers see it: the system's, or one that a test moves by hand."""

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Answers the time in Unix seconds."""

system: Clock = time.time


class ManualClock:
    """A clock that stands still until it is told to advance.

    Starts at the given Unix time, by default a round instant in 2026.
    """

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self._now = now

    def __call__(self) -> float:
        """Answer the time in Unix seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the time forward."""
        self._now += seconds
