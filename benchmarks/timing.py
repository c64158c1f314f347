"""Measure programs in turns, so that a slow moment of the machine hits all of them."""

import gc
import time
from collections.abc import Awaitable, Callable, Mapping

Timed = Callable[[], Awaitable[float]]
"""Does something once and returns the seconds of that part of it which counts."""


async def in_turns(programs: Mapping[str, Timed], *, repetitions: int, rounds: int = 1) -> dict[str, list[list[float]]]:
    """Return each program's seconds: a list for each repetition, with an entry for each round.

    The order turns round from round to round. Garbage is collected between repetitions and not forbidden within.
    """
    seconds: dict[str, list[list[float]]] = {name: [] for name in programs}
    for _ in range(repetitions):
        gc.collect()
        for taken in seconds.values():
            taken.append([])
        for number in range(rounds):
            names = list(programs) if number % 2 == 0 else list(programs)[::-1]
            for name in names:
                seconds[name][-1].append(await programs[name]())
    return seconds


async def took(work: Awaitable[object]) -> float:
    """Await something and return how many seconds it took."""
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


def counted(counts: Mapping[str, int]) -> str:
    """Return what was asked of the servers, in words."""
    return ", ".join(f"{number} {what}" for what, number in counts.items())
