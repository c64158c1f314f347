"""Many events at once while every neighbour fails now and then: nothing is lost.

The small burst is part of every run. The large one, 1,000 distinct events (100 objects, ten versions each), takes most
of a minute on two cores, so it is a check of its own: `make soak`, which prints how long it took.
"""

import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from . import estate as estates
from .burst import Burst, Numbers
from .estate import Estate

SEED = 20261125


@pytest_asyncio.fixture
async def estate() -> AsyncIterator[Estate]:
    """An estate without restarts, so that the queue is empty when all is done."""
    async with estates.play(alone=True, RESTART_WORKLOADS="off", RETRY_DELAY_SECONDS="1") as estate:
        yield estate


async def _run(estate: Estate, *, objects: int, versions: int) -> Numbers:
    burst = Burst(estate, objects=objects, versions=versions, chosen=SEED)
    burst.furnish()
    numbers = await burst.run()
    assert burst.lost() == [], f"seed {SEED}: {numbers}"
    assert numbers.dead == 0, f"seed {SEED}: {numbers}"
    assert numbers.faults, "no fault was met"
    return numbers


@pytest.mark.timeout(180)
async def test_a_hundred_events_with_faults_on_lose_nothing(estate: Estate) -> None:
    await _run(estate, objects=20, versions=5)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_thousand_events_with_faults_on_lose_nothing(
    estate: Estate, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = await _run(estate, objects=100, versions=10)

    with capsys.disabled():
        sys.stdout.write(f"\n{numbers}\n")
    assert numbers.events == 1000
