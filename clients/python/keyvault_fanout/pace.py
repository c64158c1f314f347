"""How long to wait before the next attempt. Pure: chance is given."""

import random
from collections.abc import Callable
from dataclasses import dataclass

Chance = Callable[[], float]
"""Answers a number from 0 up to 1."""

chance: Chance = random.SystemRandom().random


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Growing distances, in seconds: `first`, doubled each time up to `longest`, of which a random half is waited less.

    Many instances that lost the same neighbour at the same moment come back one after another.
    """

    first: float = 1.0
    longest: float = 60.0

    def wait(self, failures: int, chance: Chance = chance) -> float:
        """Return the distance after so many failures in a row; 0 after none."""
        if failures <= 0:
            return 0.0
        # 2 ** 32 times anything is beyond every limit, and a float stays a float.
        whole = min(self.longest, self.first * 2.0 ** min(failures - 1, 32))
        return whole * (0.5 + chance() / 2)
