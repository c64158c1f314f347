"""on_job, from the queue to the function and back: what ends a message that is no work."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from devstack import seed, stack
from shared.model import ObjectType, VaultObject
from tests.e2e import declarations, jobs
from tests.e2e import scene as scenes
from tests.e2e.scene import Scene

DELIVERIES = 10
"""The default of Service Bus, and of the stack's queue."""


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Scene]:
    """The scene of this module."""
    async with scenes.play() as scene:
        yield scene


@pytest.fixture
def scene(playing: Scene) -> Scene:
    """The scene, as good as new."""
    playing.reset()
    return playing


async def _log_of(scene: Scene, message: bytes) -> list[str]:
    """Put a message on the queue, wait until it is in the dead letters, and return what was logged meanwhile."""
    before = len(scene.host.stderr_text())
    await jobs.put(scene, message)
    await scene.stack.bus.wait_for(jobs.DEAD_LETTERS, 1, 30)
    await scene.eventually(lambda: scene.host.stderr_text()[before:].count("Executed 'Functions.on_job'") == DELIVERIES)
    return scene.host.stderr_text()[before:].splitlines()


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        (b"open sesame", "it is not JSON"),
        (b"\xff\xfe", "it is not JSON"),
        (b'["sesame"]', "it is no JSON object"),
        (b'{"format": 9, "password": "sesame"}', "its format is not 1"),
    ],
    ids=["text", "no text", "another shape", "another format"],
)
async def test_a_message_that_is_no_job_ends_in_the_dead_letters_and_the_log_says_what_is_wrong_without_quoting_it(
    scene: Scene, message: bytes, wrong: str
) -> None:
    log = await _log_of(scene, message)

    (dead,) = scene.stack.bus.messages(jobs.DEAD_LETTERS)
    assert (dead.body, dead.dead_letter_reason) == (message, "MaxDeliveryCountExceeded")
    assert [line for line in log if f"job refused: {wrong}" in line]
    assert not [line for line in log if "sesame" in line]


async def test_a_job_about_a_cluster_that_is_not_listed_any_more_ends_with_a_line(scene: Scene) -> None:
    gone = jobs.restart_job(scene, cluster="gone")

    await jobs.put(scene, gone)
    await scene.logged(f"job of event {gone.cause.id!r} ended: gone or ")
    await jobs.empty(scene)

    assert scene.stack.bus.messages(jobs.DEAD_LETTERS) == ()
    assert scene.asked() == {}


async def test_a_job_about_a_vault_that_is_not_listed_any_more_ends_with_a_line(scene: Scene) -> None:
    elsewhere = VaultObject(vault="kv-gone", type=ObjectType.SECRET, name=seed.OBJECT)
    job = jobs.restart_job(scene)
    job = replace(job, cause=replace(job.cause, object=elsewhere))

    await jobs.put(scene, job)
    await scene.logged(f"job of event {job.cause.id!r} ended: {stack.CLUSTER} or kv-gone/")
    await jobs.empty(scene)

    assert scene.stack.bus.messages(jobs.DEAD_LETTERS) == ()
    assert scene.asked() == {}


async def test_a_job_is_done_and_leaves_the_queue(scene: Scene) -> None:
    scene.stack.cluster.apply(declarations.lease_namespace())
    scene.stack.cluster.apply(declarations.workload())
    job = jobs.restart_job(scene)

    await jobs.put(scene, job)
    await scene.logged(f"Deployment {seed.NAMESPACE}/{declarations.READER} restarted")
    await jobs.empty(scene)

    assert scene.stack.bus.messages(jobs.DEAD_LETTERS) == ()
