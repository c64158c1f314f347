"""The sync controller: asked by its force field, told of when it has written; nothing of ours is in its Secret."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from devstack import seed
from devstack.keyvault import Denial
from devstack.writers.secret_sync import MANAGER, SecretSyncs
from tests.e2e import declarations, jobs
from tests.e2e import scene as scenes
from tests.e2e.declarations import SYNCED
from tests.e2e.rights import logged_about
from tests.e2e.scene import FIRST, MARK, Scene


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Scene]:
    """The scene of this module: the controller is looked at 1 and 3 seconds after it was asked, and given up then."""
    async with scenes.play(RESTART_WORKLOADS="off", CHECK_DELAY_SECONDS="1", CHECK_LIMIT_SECONDS="5") as scene:
        yield scene


def _controller(scene: Scene) -> SecretSyncs:
    """Declare a SecretSync over the seed's class, which makes files only, and return a controller that never polls."""
    scene.stack.cluster.apply(declarations.files_only())
    scene.stack.cluster.apply(declarations.secret_sync())
    return SecretSyncs(scene.stack.admit("sync"), poll=10_000.0, retry=0.05)


def _forced(scene: Scene) -> object:
    found = scene.stack.cluster.get("secretsyncs", seed.NAMESPACE, SYNCED)
    assert found is not None
    return found["spec"].get("forceSynchronization")


def _secret(scene: Scene) -> dict[str, Any]:
    found = scene.stack.cluster.get("secrets", seed.NAMESPACE, SYNCED)
    assert found is not None
    return found


def _newest(scene: Scene) -> str:
    return scene.stack.vault.get(seed.OBJECT).value


async def test_the_controller_is_asked_writes_and_is_told_of_when_it_has(scene: Scene) -> None:
    async with _controller(scene):
        version = scene.rotate()

        status = await scene.deliver(scene.event(version))
        await jobs.empty(scene)

    assert status == 202
    assert scene.value(SYNCED) == _newest(scene)
    assert _forced(scene) == version
    (told,) = scene.notices("target.refreshed", secret=SYNCED)
    assert (told["owner"], told["action"]) == ("secrets-store-sync-controller", "nudged")
    assert (told["version"], told["resourceVersion"]) == (version, _secret(scene)["metadata"]["resourceVersion"])


async def test_nothing_of_ours_is_ever_in_its_secret(scene: Scene) -> None:
    async with _controller(scene):
        for _ in range(2):
            await scene.deliver(scene.event(scene.rotate()))
            await scene.eventually(lambda: scene.value(SYNCED) == _newest(scene))
        await jobs.empty(scene)

    assert set(scene.writers(SYNCED)) == {MANAGER}
    assert "keyvault-fanout" not in str(_secret(scene)["metadata"])
    assert scene.asked()["patch secrets"] == 0


async def test_a_redelivery_asks_for_nothing_new_and_tells_nothing_false(scene: Scene) -> None:
    async with _controller(scene):
        event = scene.event(scene.rotate())
        await scene.deliver(event)
        await jobs.empty(scene)
        scene.stack.cluster.clear_requests()

        await scene.deliver(event)
        await jobs.empty(scene)

    assert scene.asked()["patch secretsyncs"] == 0
    assert len(scene.notices("target.refreshed", secret=SYNCED)) == 1
    assert scene.told("target.failed") == []


async def test_a_controller_that_the_vault_refuses_is_given_up_after_the_limit(scene: Scene) -> None:
    async with _controller(scene):
        scene.stack.vault.rights = lambda identity, _: Denial.RBAC if identity == "sync" else None
        event = scene.event(scene.rotate())

        status = await scene.deliver(event)
        await jobs.empty(scene)

    assert status == 202
    (failed,) = scene.notices("target.failed")
    assert (failed["secret"], failed["reason"]) == (SYNCED, "owner-failing")
    assert failed["owner"] == "secrets-store-sync-controller"
    await logged_about(scene, event.id, "its owner is failing: ProviderError")
    assert scene.value(SYNCED) == FIRST


async def test_a_controller_that_is_not_there_is_given_up_after_the_limit_and_not_told_as_refreshed(
    scene: Scene,
) -> None:
    async with _controller(scene):
        pass
    synced = scene.stack.cluster.get("secretsyncs", seed.NAMESPACE, SYNCED)
    assert synced is not None
    synced["status"]["lastSuccessfulSyncTime"] = "2026-01-01T00:00:00Z"  # its times are whole seconds
    scene.stack.cluster.apply(synced)
    event = scene.event(scene.rotate())

    statuses = [await scene.deliver(event) for _ in range(2)]
    await jobs.empty(scene)

    assert statuses == [202, 202]
    assert scene.value(SYNCED) == FIRST
    assert [failed["reason"] for failed in scene.notices("target.failed", secret=SYNCED)] == ["owner-failing"]
    assert scene.told("target.refreshed") == []


async def test_of_a_class_that_feeds_a_secret_of_the_driver_too_each_owners_secret_goes_its_own_way(
    scene: Scene,
) -> None:
    async with _controller(scene):
        scene.stack.cluster.apply(seed.provider_class(vault=scene.stack.vault.name))
        await scene.deliver(scene.event(scene.rotate()))
        await jobs.empty(scene)

    assert scene.value() == scene.value(SYNCED) == _newest(scene)
    assert scene.value().startswith(MARK)
    actions = {one["secret"]: one["action"] for one in scene.notices("target.refreshed")}
    assert actions == {seed.SECRET: "written", SYNCED: "nudged"}
