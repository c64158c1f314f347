"""Several clusters: all at once, one vault read, and one that is down costs the others nothing."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from devstack import seed, stack
from devstack.faults import Fault
from tests.e2e import wide as wides
from tests.e2e.scene import Scene
from tests.e2e.wide import Wide

NAMES = ("east", "west", "north")


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Wide]:
    """The clusters of this module, around an app that tries again within a tenth of a second."""
    async with wides.play(NAMES, RETRY_DELAY_SECONDS="0.1", RESTART_WORKLOADS="off") as wide:
        await _opened(wide)
        yield wide


@pytest.fixture
def wide(playing: Wide) -> Iterator[Wide]:
    """The clusters, as good as new."""
    playing.reset()
    yield playing
    playing.hunt()


async def _opened(wide: Wide) -> None:
    """Let the app open its connections, which may take longer than clusters wait for one another."""
    scene = wide.any
    assert await scene.deliver(scene.event(scene.rotate())) == 202


def _told(scene: Scene) -> set[object]:
    return {one["cluster"] for one in scene.told("target.refreshed")}


def _is_newest(scene: Scene) -> bool:
    return scene.value() == scene.stack.vault.get(seed.OBJECT).value


def _stop_queue(scene: Scene) -> None:
    scene.stack.bus.faults.plan(
        lambda operation: (operation.kind, operation.entity) == ("send", stack.QUEUE),
        Fault(condition="com.microsoft:server-busy"),
        times=None,
    )


async def test_all_clusters_are_refreshed_after_one_vault_read(wide: Wide) -> None:
    scene = wide.any
    await scene.deliver(scene.event(scene.rotate()))  # that the mounted version is one of this vault's is known then
    scene.stack.vault.clear_reads()
    version = scene.rotate()

    status = await scene.deliver(scene.event(version))

    assert status == 202
    assert [(read.operation, read.version) for read in scene.stack.vault.reads] == [("get", "")]
    assert all(_is_newest(one) for one in wide.scenes.values())
    assert {one["cluster"] for one in scene.told("target.refreshed") if one["version"] == version} == set(NAMES)


async def test_a_cluster_that_is_down_fails_alone_and_is_caught_up_by_a_job(wide: Wide) -> None:
    scene, west = wide.any, wide.scenes["west"]
    await west.stack.cluster.stop()

    status = await scene.deliver(scene.event(scene.rotate()))
    told_meanwhile = _told(scene)
    await west.stack.cluster.start()

    await scene.eventually(lambda: _told(scene) == set(NAMES))
    assert status == 202
    assert told_meanwhile == {"east", "north"}
    assert _is_newest(west)
    assert {job["cluster"] for job in scene.jobs("refresh")} == {"west"}


async def test_while_the_queue_is_down_too_a_cluster_that_is_down_is_caught_up_by_the_redelivery(wide: Wide) -> None:
    scene, west = wide.any, wide.scenes["west"]
    await west.stack.cluster.stop()
    _stop_queue(scene)
    event = scene.event(scene.rotate())

    failed = await scene.deliver(event)
    told_meanwhile = _told(scene)
    await west.stack.cluster.start()
    scene.stack.bus.faults.clear()
    healed = await scene.deliver(event)

    assert (failed, healed) == (500, 202)
    assert told_meanwhile == {"east", "north"}
    assert _is_newest(west)


async def test_a_cluster_that_does_not_answer_is_given_up_after_its_own_time_and_caught_up_by_a_job(wide: Wide) -> None:
    scene, north = wide.any, wide.scenes["north"]
    north.stack.cluster.faults.plan(lambda _: True, Fault(delay=30), times=None)

    status = await scene.deliver(scene.event(scene.rotate()))
    told_meanwhile = _told(scene)
    await scene.logged("north: SecretProviderClasses not read in time")
    north.stack.cluster.faults.clear()

    await scene.eventually(lambda: _told(scene) == set(NAMES))
    assert status == 202
    assert told_meanwhile == {"east", "west"}


@pytest_asyncio.fixture
async def shared_out() -> AsyncIterator[Wide]:
    """The same clusters around an app that does none of the work in the event's own invocation."""
    async with wides.play(NAMES, DIRECT_CLUSTERS="0", RETRY_DELAY_SECONDS="0.1", RESTART_WORKLOADS="off") as wide:
        yield wide


async def test_above_the_limit_each_cluster_gets_a_job_and_one_that_is_down_holds_up_no_other(shared_out: Wide) -> None:
    scene, west = shared_out.any, shared_out.scenes["west"]
    await west.stack.cluster.stop()

    status = await scene.deliver(scene.event(scene.rotate()))

    await scene.eventually(lambda: _told(scene) == {"east", "north"})
    await west.stack.cluster.start()
    await scene.eventually(lambda: _told(scene) == set(NAMES))
    assert status == 202
    assert {job["cluster"] for job in scene.jobs("refresh") if job["attempt"] == 0} == set(NAMES)
    assert len(scene.told("object.new-version")) == 1
