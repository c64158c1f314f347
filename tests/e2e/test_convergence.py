"""A rotating driver of 1.6 or later with two nodes, of which one is behind: written again, proven, or given up.

The node that is up to date mounts anew when its pod is woken, and at no other time. The other one looks five times a
second, and is held: it keeps the old files and writes the Secret from them.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from devstack import seed, stack
from devstack.writers import csi
from devstack.writers.csi import Generation
from tests.e2e import declarations, jobs
from tests.e2e import wide as wides
from tests.e2e.scene import FIRST, Scene
from tests.e2e.wide import Wide

NEVER = 10_000.0
WOKEN = csi.Pace(poll=0.0, sync=NEVER, requeue=NEVER, owners=NEVER, retry=0.1)
BUSY = csi.Pace(poll=0.0, sync=0.2, requeue=0.2, owners=NEVER, retry=0.1)
IDLE = csi.Pace(poll=0.0, sync=0.2, requeue=NEVER, owners=NEVER, retry=0.1)
"""As BUSY, but it leaves the Secret alone until its files change."""

FRESH_POD, STALE_POD = seed.PODS
FRESH_NODE, STALE_NODE = "aks-nodepool1-0", "aks-nodepool1-1"

REPUBLISHING = (Generation.V1_6_0, Generation.V1_6_1)
BOTH = pytest.mark.parametrize("generation", REPUBLISHING, ids=str)

SETTINGS = {"CHECK_DELAY_SECONDS": "1", "CHECK_LIMIT_SECONDS": "10", "REWRITE_LIMIT": "1", "RESTART_WORKLOADS": "off"}
"""So a target is looked at one, three and seven seconds after its write, and written again once at most."""


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Wide]:
    """A cluster for each generation, since the app remembers for five minutes which one it found."""
    async with wides.play(map(str, REPUBLISHING), **SETTINGS) as wide:
        yield wide


@pytest.fixture
def scene(playing: Wide, generation: Generation) -> Iterator[Scene]:
    """The cluster of a generation, as good as new. The other ones are empty."""
    playing.reset()
    for other in playing.scenes.values():
        if other.stack.cluster.name != generation:
            other.stack.cluster.clear()
    scene = playing.scenes[str(generation)]
    pod = seed.pod(STALE_POD)
    pod["spec"]["nodeName"] = STALE_NODE
    scene.stack.cluster.apply(pod)
    yield scene
    playing.hunt()


@contextlib.asynccontextmanager
async def _nodes(
    scene: Scene, generation: Generation, *, stale: csi.Pace = BUSY
) -> AsyncIterator[tuple[csi.Driver, csi.Driver]]:
    """Run the driver on both nodes, and hold the pod on the second."""
    access = scene.stack.admit("csi")
    first = csi.Driver(access, generation=generation, rotation=True, pace=WOKEN, node=FRESH_NODE)
    second = csi.Driver(access, generation=generation, rotation=True, pace=stale, node=STALE_NODE)
    for manifest in first.manifests():
        scene.stack.cluster.apply(manifest)
    async with first, second:
        second.hold(STALE_POD)
        yield first, second


def _writes(scene: Scene) -> int:
    return scene.writers().count(stack.APP_USER)


def _newest(scene: Scene) -> str:
    return scene.stack.vault.get(seed.OBJECT).value


def _shown(scene: Scene) -> set[str]:
    """Return the versions that the pod statuses show."""
    statuses = scene.stack.cluster.list("secretproviderclasspodstatuses")
    return {entry["version"] for status in statuses for entry in status["status"]["objects"]}


@BOTH
async def test_what_a_stale_node_puts_back_is_written_again_until_every_pod_shows_the_version(
    scene: Scene, generation: Generation
) -> None:
    async with _nodes(scene, generation) as (fresh, stale):
        version = scene.rotate()
        status = await scene.deliver(scene.event(version))
        await scene.eventually(lambda: _writes(scene) == 2)
        shown_meanwhile, converged_meanwhile = _shown(scene), scene.told("target.converged")
        stale.release(STALE_POD)
        await scene.eventually(lambda: bool(scene.told("target.converged")))
        await jobs.empty(scene)

        assert status == 202
        assert (len(shown_meanwhile), converged_meanwhile) == (2, [])
        assert scene.values().index(_newest(scene)) < scene.values().index(FIRST, 1)
        assert fresh.versions(FRESH_POD) == stale.versions(STALE_POD) == {f"secret/{seed.OBJECT}": version}
    assert scene.value() == _newest(scene)
    assert _shown(scene) == {version}
    assert [(one["pods"], one["version"]) for one in scene.notices("target.converged")] == [(2, version)]
    assert _writes(scene) == 2
    assert scene.told("target.failed") == []


@pytest.mark.parametrize("generation", [Generation.V1_6_0], ids=str)
async def test_a_write_of_ours_never_puts_equal_bytes_and_a_repair_is_told_under_its_own_resource_version(
    scene: Scene, generation: Generation
) -> None:
    async with _nodes(scene, generation) as (_, stale):
        await scene.deliver(scene.event(scene.rotate()))
        await scene.eventually(lambda: _writes(scene) == 2)
        stale.release(STALE_POD)
        await jobs.empty(scene)

    steps = zip(scene.writers()[1:], scene.values(), scene.values()[1:], strict=False)
    assert [(before, after) for writer, before, after in steps if writer == stack.APP_USER] == [
        (FIRST, _newest(scene))
    ] * 2
    written = scene.notices("target.refreshed", action="written")
    assert len({one["resourceVersion"] for one in written}) == len(written) == 2


@BOTH
async def test_a_node_that_is_never_released_is_told_once_and_the_writing_stops(
    scene: Scene, generation: Generation
) -> None:
    async with _nodes(scene, generation) as (_, stale):
        await scene.deliver(scene.event(scene.rotate()))
        await scene.eventually(lambda: bool(scene.told("target.failed")))
        await jobs.empty(scene)
        await stale.passed(3)

    assert scene.value() == FIRST
    (failed,) = scene.notices("target.failed")
    assert failed["reason"] == "keeps-reverting"
    assert "managedFields" in failed["remedy"]
    assert _writes(scene) == 2
    assert scene.told("target.converged") == []


@pytest.mark.parametrize("generation", [Generation.V1_6_1], ids=str)
async def test_a_pod_that_never_shows_the_version_is_told_of_once_though_the_secret_holds_it(
    scene: Scene, generation: Generation
) -> None:
    async with _nodes(scene, generation, stale=IDLE):
        await scene.deliver(scene.event(scene.rotate()))
        await scene.eventually(lambda: bool(scene.told("target.failed")))
        await jobs.empty(scene)

    assert scene.value() == _newest(scene)
    assert [failed["reason"] for failed in scene.notices("target.failed")] == ["not-converged"]
    assert _writes(scene) == 1
    assert scene.told("target.converged") == []


@BOTH
async def test_woken_pods_mount_files_anew_at_once_where_there_is_no_secret(
    scene: Scene, generation: Generation
) -> None:
    scene.stack.cluster.apply(declarations.files_only())
    scene.stack.cluster.delete("secrets", seed.NAMESPACE, seed.SECRET)
    async with csi.Driver(scene.stack.admit("csi"), generation=generation, rotation=True, pace=WOKEN) as driver:
        for manifest in driver.manifests():
            scene.stack.cluster.apply(manifest)
        version = scene.rotate()

        status = await scene.deliver(scene.event(version))

        await scene.eventually(lambda: _shown(scene) == {version})
        await jobs.empty(scene)
    assert status == 202
    assert [(one["secret"], one["pods"]) for one in scene.notices("target.converged")] == [("", 2)]
    assert [one["noticeType"] for one in scene.told()] == ["object.new-version", "target.converged"]


@pytest.mark.parametrize("generation", [Generation.V1_6_1], ids=str)
async def test_of_two_rotations_in_a_row_only_the_newer_one_is_proven(scene: Scene, generation: Generation) -> None:
    async with _nodes(scene, generation, stale=IDLE) as (_, stale):
        await scene.deliver(scene.event(scene.rotate()))
        newer = scene.rotate()
        await scene.deliver(scene.event(newer))
        stale.release(STALE_POD)
        await jobs.empty(scene)

    assert scene.value() == _newest(scene)
    assert [one["version"] for one in scene.notices("target.converged")] == [newer]
    assert scene.told("target.failed") == []
