"""From samples to what is said about them. Pure."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The smallest, the middle and the largest of some samples."""

    least: float
    median: float
    most: float


def of(samples: Sequence[float]) -> Spread:
    """Return the spread. Raises `ValueError` where there are no samples."""
    if not samples:
        raise ValueError("no samples")
    return Spread(min(samples), statistics.median(samples), max(samples))


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the sample that so many percent of all are not above (nearest rank). Raises `ValueError` for none."""
    if not samples:
        raise ValueError("no samples")
    return sorted(samples)[max(0, math.ceil(percent / 100 * len(samples)) - 1)]


def ratios(ours: Sequence[float], floor: Sequence[float]) -> list[float]:
    """Return ours over the floor, repetition by repetition: a slow moment of the machine hits both."""
    return [mine / least for mine, least in zip(ours, floor, strict=True)]
