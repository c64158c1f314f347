"""Pods that mount a refreshed Secret are woken, so that their kubelet looks now: exactly those, once."""

from collections.abc import AsyncIterator

import pytest_asyncio

from devstack import seed
from devstack.faults import Fault
from tests.e2e import scene as scenes
from tests.e2e.scene import Scene

ANNOTATION = "keyvault-fanout.dev/refreshed"


def _annotations(scene: Scene) -> dict[str, str | None]:
    pods = scene.stack.cluster.list("pods")
    return {pod["metadata"]["name"]: pod["metadata"].get("annotations", {}).get(ANNOTATION) for pod in pods}


def _version(scene: Scene) -> str:
    secret = scene.stack.cluster.get("secrets", seed.NAMESPACE, seed.SECRET)
    assert secret is not None
    return str(secret["metadata"]["resourceVersion"])


async def test_exactly_the_running_pods_that_mount_the_secret_are_woken(scene: Scene) -> None:
    pending, bystander = seed.pod("pending"), seed.pod("bystander")
    pending["status"]["phase"] = "Pending"
    bystander["spec"]["volumes"] = []
    for pod in (pending, bystander):
        scene.stack.cluster.apply(pod)

    await scene.deliver(scene.event(scene.rotate()))

    state = f"app-secret={_version(scene)}"
    assert _annotations(scene) == {
        "busybox-secrets-store-inline-wi-0": state,
        "busybox-secrets-store-inline-wi-1": state,
        "pending": None,
        "bystander": None,
    }


async def test_a_redelivery_wakes_nobody_again(scene: Scene) -> None:
    event = scene.event(scene.rotate())
    await scene.deliver(event)
    scene.stack.cluster.clear_requests()

    await scene.deliver(event)

    assert [request for request in scene.stack.cluster.requests if request.verb == "patch"] == []


async def test_a_crash_between_writing_and_waking_is_made_good_by_the_redelivery(scene: Scene) -> None:
    scene.stack.cluster.faults.plan(lambda request: request.resource == "pods", Fault(status=500), times=None)
    event = scene.event(scene.rotate())
    await scene.deliver(event)
    asleep = set(_annotations(scene).values())
    scene.stack.cluster.faults.clear()

    await scene.deliver(event)

    assert asleep == {None}
    assert set(_annotations(scene).values()) == {f"app-secret={_version(scene)}"}


async def test_pods_that_cannot_be_woken_do_not_bring_the_event_back(scene: Scene) -> None:
    scene.stack.cluster.faults.plan(lambda request: request.resource == "pods", Fault(status=500), times=None)

    status = await scene.deliver(scene.event(scene.rotate()))

    assert status == 202
    assert [told["noticeType"] for told in scene.told()] == ["object.new-version", "target.refreshed"]


@pytest_asyncio.fixture
async def rotating() -> AsyncIterator[Scene]:
    """A cluster whose driver is of 1.6 or later and rotates; its generation is remembered, so the host is fresh."""
    async with scenes.play() as scene:
        driver = seed.csi_driver()
        driver["spec"]["requiresRepublish"] = True
        scene.stack.cluster.apply(driver)
        yield scene


async def test_a_rotating_driver_is_made_to_mount_anew_where_there_are_only_files(rotating: Scene) -> None:
    class_ = seed.provider_class(vault=rotating.stack.vault.name)
    del class_["spec"]["secretObjects"]
    rotating.stack.cluster.apply(class_)
    version = rotating.rotate()

    status = await rotating.deliver(rotating.event(version))

    assert status == 202
    assert set(_annotations(rotating).values()) == {f"azure-keyvault-wi={version}"}


@pytest_asyncio.fixture
async def quiet() -> AsyncIterator[Scene]:
    async with scenes.play(NUDGE_PODS="off") as scene:
        yield scene


async def test_nudging_can_be_switched_off(quiet: Scene) -> None:
    status = await quiet.deliver(quiet.event(quiet.rotate()))

    assert status == 202
    assert [request for request in quiet.stack.cluster.requests if request.resource == "pods"] == []
