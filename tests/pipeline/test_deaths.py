"""The process dies, is cut off, or meets a fault of its own: the redelivery, to a fresh process, ends right."""

import asyncio

import pytest

from shared.job import RestartJob
from shared.notice import NoticeType
from shared.reason import Reason
from tests.builders import PLACE, World, build_world
from tests.fakes import ProcessDied

from .verdicts import assert_done, fails

THREE = ("shop/web-secret", "shop/api-secret", "pay/web-secret")

DEAD = (ProcessDied, ExceptionGroup)
"""A death in the task of a write comes out as that target's failure. Either way the event is not acknowledged."""


def restarts(world: World) -> set[tuple[str, str, str]]:
    """Return every Secret whose readers a job on the queue restarts."""
    waiting = [job for job in world.queue.waiting.values() if isinstance(job, RestartJob)]
    return {(job.cluster, wish.namespace, wish.secret) for job in waiting for wish in job.wishes}


async def test_wherever_the_process_dies_the_redelivery_ends_right() -> None:
    """Dead before and after each effect in turn, with several effects under way at once."""
    places = ("shop/web-secret", "pay/web-secret")
    trial = build_world(*places, clusters=("aks-one", "aks-two"))
    await trial.deliver(trial.rotate("after"))

    for moment in range(len(trial.life.moments)):
        world = build_world(*places, clusters=("aks-one", "aks-two"))
        payload = world.rotate("after")
        world.life.ends_at = moment
        with pytest.raises(DEAD):
            await world.deliver(payload)

        world.life.ends_at = None
        await world.deliver(payload)

        assert_done(world, *places)
        assert [cluster.writes for cluster in world.clusters] == [2, 2]
        assert restarts(world) == restarts(trial)


async def test_a_process_that_dies_again_and_again_gets_there_all_the_same() -> None:
    world = build_world(*THREE)
    payload = world.rotate("after")

    for moments in range(1, 40):
        world.life.ends_at = len(world.life.moments) + moments
        try:
            await world.deliver(payload)
        except DEAD:
            continue
        break

    assert_done(world, *THREE)
    assert world.cluster.writes == 3


async def test_a_handler_that_is_cut_off_writes_nothing_afterwards() -> None:
    world = build_world()
    writing = world.cluster.script.pause("write")
    delivery = asyncio.ensure_future(world.deliver(world.rotate("after")))
    await writing.reached.wait()

    delivery.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivery
    writing.end()
    await asyncio.sleep(0)

    assert world.cluster.values(PLACE) == {"password": "before"}


# Faults of the program itself


@pytest.mark.parametrize("call", ["classes", "driver", "pod_statuses", "secret", "write"])
async def test_a_fault_nobody_foresaw_in_one_cluster_costs_the_others_nothing(call: str) -> None:
    world = build_world(clusters=("aks-one", "aks-two"))
    payload = world.rotate("after")
    world.clusters[0].script.fail(call, ZeroDivisionError())

    assert await fails(world, payload) == {Reason.UNEXPECTED}

    assert world.told() == [("aks-two/shop/web-secret", world.newest())]
    assert len(world.told(NoticeType.OBJECT_NEW_VERSION)) == 1
    world.heal()
    await world.deliver(payload)
    assert_done(world)


@pytest.mark.parametrize("call", ["read", "confirms", "publish"])
async def test_a_fault_nobody_foresaw_anywhere_brings_the_event_back(call: str) -> None:
    world = build_world()
    payload = world.rotate("after")
    (world.bus if call == "publish" else world.vault).script.fail(call, ZeroDivisionError())

    assert await fails(world, payload) == {Reason.UNEXPECTED}

    world.heal()
    await world.deliver(payload)
    assert_done(world)


async def test_a_fault_in_one_event_of_a_batch_costs_the_others_nothing() -> None:
    world = build_world()
    payloads = [world.rotate("after"), world.rotate("x", name="other")]
    world.vault.script.fail("read", ZeroDivisionError(), about="other")

    assert await fails(world, f"[{', '.join(payloads)}]") == {Reason.UNEXPECTED}

    assert_done(world)
