"""Twice, late, out of order and at once: the newest version wins, and the Secret never goes back."""

import asyncio
import random

import pytest

from devstack import seed
from devstack.faults import Fault
from tests.e2e.scene import Scene


async def test_an_event_delivered_again_writes_nothing_and_tells_nothing_new(scene: Scene) -> None:
    event = scene.event(scene.rotate())
    await scene.deliver(event)
    states, told = scene.values(), scene.told()

    statuses = [await scene.deliver(event) for _ in range(3)]

    assert statuses == [202, 202, 202]
    assert scene.values() == states
    assert scene.told() == told


async def test_a_late_event_changes_nothing(scene: Scene) -> None:
    older, newer = scene.rotate(), scene.rotate()

    await scene.deliver(scene.event(newer))
    await scene.deliver(scene.event(older))

    assert len(scene.values()) == 2
    assert {told["version"] for told in scene.told()} == {newer}


async def test_a_slow_handler_cannot_put_an_older_version_over_a_newer_one(scene: Scene) -> None:
    """The first handler reads the old version, then stalls before its write; the second one overtakes it."""
    scene.stack.cluster.faults.plan(lambda request: request.verb == "patch", Fault(delay=0.4))
    older = scene.rotate()
    slow = asyncio.create_task(scene.deliver(scene.event(older)))
    await scene.eventually(lambda: any(request.verb == "patch" for request in scene.stack.cluster.requests))

    newer = scene.rotate()
    fast = await scene.deliver(scene.event(newer))

    assert (fast, await slow) == (202, 202)
    assert scene.value() == scene.stack.vault.get(seed.OBJECT).value
    _never_back(scene)


@pytest.mark.parametrize("seed_", range(4))
async def test_many_versions_and_events_at_once_end_at_the_newest(scene: Scene, seed_: int) -> None:
    chance = random.Random(seed_)
    scene.stack.cluster.faults.plan(lambda _: chance.random() < 0.3, Fault(delay=0.03), times=60)
    deliveries = []
    for _ in range(12):
        event = scene.event(scene.rotate())
        deliveries += [asyncio.create_task(scene.deliver(event)) for _ in range(2)]
        await asyncio.sleep(chance.random() * 0.02)

    statuses = await asyncio.gather(*deliveries)

    assert set(statuses) <= {202, 500}
    if 500 in statuses:
        await scene.deliver(scene.event(scene.stack.vault.get(seed.OBJECT).version))
    assert scene.value() == scene.stack.vault.get(seed.OBJECT).value
    _never_back(scene)


def _never_back(scene: Scene) -> None:
    """Values end in a number that counts up; the seed ends in `first`."""
    numbers = [int(value.rpartition("-")[2]) for value in scene.values()[1:]]
    assert numbers == sorted(numbers)
