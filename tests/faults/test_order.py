"""Out of order: the Secret ends at the newest version and never goes back, whatever comes when.

Fifty versions of one object are written while their events are delivered, each ten times, in an order of chance; some
requests are slow. A notice may overtake another one on its way to the topic: what may not happen is that a later state
of the Secret (its resourceVersion) holds an older version.
"""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from devstack import eventgrid, seed, stack
from devstack.faults import Fault

from . import estate as estates
from .estate import Estate

VERSIONS = 50
COPIES = 10
AT_ONCE = 24


@pytest_asyncio.fixture(scope="module")
async def estate() -> AsyncIterator[Estate]:
    """An estate without restarts, so that the queue is empty when all is done."""
    async with estates.play(alone=True, RESTART_WORKLOADS="off", RETRY_DELAY_SECONDS="0.2") as estate:
        yield estate


@pytest.mark.timeout(180)
@pytest.mark.parametrize("chosen", [20261125])
async def test_ten_copies_of_each_event_in_any_order_among_fifty_versions_never_take_a_secret_back(
    estate: Estate, chosen: int
) -> None:
    """The seed is part of the test's name, and so of every report of a failure."""
    scene, chance = estate.scene, random.Random(chosen)
    scene.stack.cluster.faults.plan(lambda _: chance.random() < 0.1, Fault(delay=0.05), times=None)
    scene.stack.vault.faults.plan(lambda _: chance.random() < 0.1, Fault(delay=0.05), times=None)
    versions: list[str] = []
    deck: list[eventgrid.Event] = []
    answers: list[int] = []

    async def post() -> None:
        while deck or len(versions) < VERSIONS:
            if not deck:
                await asyncio.sleep(0.005)
                continue
            answers.append(await estate.deliver(deck.pop(chance.randrange(len(deck)))))

    async def write() -> None:
        while len(versions) < VERSIONS:
            versions.append(scene.rotate())
            deck.extend([scene.event(versions[-1])] * COPIES)
            await asyncio.sleep(chance.random() * 0.2)

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        for _ in range(AT_ONCE):
            group.create_task(post())
    await estate.work_all()

    assert (len(answers), set(answers)) == (VERSIONS * COPIES, {202})
    assert scene.value() == scene.stack.vault.get(seed.OBJECT).value
    numbers = [int(value.rpartition("-")[2]) for value in scene.values()[1:]]
    assert numbers == sorted(set(numbers))
    _assert_told_in_order(estate, versions)


def _assert_told_in_order(estate: Estate, versions: list[str]) -> None:
    """In the order of resourceVersions the notices about the target tell of no older version after a newer one."""
    told = estate.scene.notices("target.refreshed", cluster=stack.CLUSTER, secret=seed.SECRET)
    told.sort(key=lambda data: int(data["resourceVersion"]))
    ages = [versions.index(data["version"]) for data in told]
    assert ages == sorted(ages)
    assert ages[-1] == len(versions) - 1
    assert len(ages) == len(set(ages))
