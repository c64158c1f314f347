"""What fails, over real wires: a job does it later, or it ends with its reason; whatever else could be done is done.

While the queue is down too there is no job, and the event comes back.
"""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from devstack import seed, stack
from devstack.faults import Fault
from devstack.kubernetes import Request as ClusterRequest
from devstack.servicebus import Operation
from tests.e2e import jobs
from tests.e2e import scene as scenes
from tests.e2e.rights import logged_about
from tests.e2e.scene import Scene

FOR_EVER = None

BUSY = Fault(condition="com.microsoft:server-busy")

VAULT_FAILURES = pytest.mark.parametrize(
    ("status", "code", "inner"),
    [
        (500, "InternalError", ""),
        (503, "ServiceUnavailable", ""),
        (403, "Forbidden", "ForbiddenByRbac"),
        (403, "Forbidden", "ForbiddenByFirewall"),
    ],
)
VERBS = pytest.mark.parametrize("verb", ["list", "get", "patch"])


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Scene]:
    """The scene of this module: an app that tries again within a tenth of a second."""
    async with scenes.play(RETRY_DELAY_SECONDS="0.1", RESTART_WORKLOADS="off") as scene:
        yield scene


def _patches(request: ClusterRequest) -> bool:
    return request.verb == "patch"


def _sends_to(*entities: str) -> Callable[[Operation], bool]:
    return lambda operation: operation.kind == "send" and operation.entity in entities


def _stop_vault(scene: Scene, status: int, code: str, inner: str) -> None:
    error = {"code": code, "message": "no", "innererror": {"code": inner}}
    scene.stack.vault.faults.plan(
        lambda request: request.operation == "get", Fault(status=status, body={"error": error}), times=FOR_EVER
    )


def _stop_verb(scene: Scene, verb: str) -> None:
    scene.stack.cluster.faults.plan(lambda request: request.verb == verb, Fault(status=500), times=FOR_EVER)


def _stop_sending(scene: Scene, *entities: str) -> None:
    scene.stack.bus.faults.plan(_sends_to(*entities), BUSY, times=FOR_EVER)


def _is_newest(scene: Scene) -> bool:
    return scene.value() == scene.stack.vault.get(seed.OBJECT).value


def _types(scene: Scene) -> list[str]:
    return sorted(str(told["noticeType"]) for told in scene.told())


BOTH = ["object.new-version", "target.refreshed"]


@VAULT_FAILURES
async def test_while_the_vault_fails_a_job_waits_for_it_and_brings_the_rest(
    scene: Scene, status: int, code: str, inner: str
) -> None:
    _stop_vault(scene, status, code, inner)

    accepted = await scene.deliver(scene.event(scene.rotate()))
    written_while_failing = len(scene.values()) - 1
    scene.stack.vault.faults.clear()

    await scene.eventually(lambda: _types(scene) == BOTH)
    assert (accepted, written_while_failing) == (202, 0)
    assert _is_newest(scene)


@pytest.mark.parametrize(
    ("status", "code", "inner"), [(500, "InternalError", ""), (403, "Forbidden", "ForbiddenByRbac")]
)
async def test_while_the_queue_is_down_too_a_vault_that_fails_brings_the_event_back(
    scene: Scene, status: int, code: str, inner: str
) -> None:
    _stop_vault(scene, status, code, inner)
    _stop_sending(scene, stack.QUEUE)
    event = scene.event(scene.rotate())

    failed = await scene.deliver(event)
    written_while_failing = len(scene.values()) - 1
    scene.stack.vault.faults.clear()
    scene.stack.bus.faults.clear()
    healed = await scene.deliver(event)

    assert (failed, written_while_failing, healed) == (500, 0, 202)
    assert _is_newest(scene)
    assert _types(scene) == BOTH


@VERBS
async def test_while_an_api_server_fails_a_job_waits_for_it_and_brings_the_rest(scene: Scene, verb: str) -> None:
    _stop_verb(scene, verb)

    accepted = await scene.deliver(scene.event(scene.rotate()))
    written_while_failing = len(scene.values()) - 1
    scene.stack.cluster.faults.clear()

    await scene.eventually(lambda: _types(scene) == BOTH)
    assert (accepted, written_while_failing) == (202, 0)
    assert _is_newest(scene)


@VERBS
async def test_while_the_queue_is_down_too_an_api_server_that_fails_brings_the_event_back(
    scene: Scene, verb: str
) -> None:
    _stop_verb(scene, verb)
    _stop_sending(scene, stack.QUEUE)
    event = scene.event(scene.rotate())

    failed = await scene.deliver(event)
    scene.stack.cluster.faults.clear()
    scene.stack.bus.faults.clear()
    healed = await scene.deliver(event)

    assert (failed, healed) == (500, 202)
    assert _is_newest(scene)
    assert _types(scene) == BOTH


async def test_several_failures_at_once_heal_one_after_the_other_without_a_redelivery(scene: Scene) -> None:
    _stop_verb(scene, "list")
    _stop_vault(scene, 500, "InternalError", "")
    _stop_sending(scene, stack.TOPIC)

    event = scene.event(scene.rotate())
    accepted = await scene.deliver(event)
    scene.stack.cluster.faults.clear()
    await logged_about(scene, event.id, "failed, vault-unreachable")
    scene.stack.vault.faults.clear()
    await scene.eventually(lambda: _is_newest(scene))
    told_while_failing = scene.told()
    scene.stack.bus.faults.clear()

    await scene.eventually(lambda: _types(scene) == BOTH)
    await jobs.empty(scene)
    assert (accepted, told_while_failing) == (202, [])
    assert len(scene.values()) == 2


async def test_what_was_written_but_not_told_is_told_by_a_job(scene: Scene) -> None:
    _stop_sending(scene, stack.TOPIC)

    accepted = await scene.deliver(scene.event(scene.rotate()))
    written, told = len(scene.values()) - 1, scene.told()
    scene.stack.bus.faults.clear()

    await scene.eventually(lambda: _types(scene) == BOTH)
    assert (accepted, written, told) == (202, 1, [])
    assert len(scene.values()) == 2


async def test_while_the_queue_is_down_too_what_was_written_but_not_told_is_told_by_the_redelivery(
    scene: Scene,
) -> None:
    """The function dies, as far as the bus knows, between writing and telling."""
    _stop_sending(scene, stack.TOPIC, stack.QUEUE)
    event = scene.event(scene.rotate())

    failed = await scene.deliver(event)
    written, told = len(scene.values()) - 1, scene.told()
    scene.stack.bus.faults.clear()
    healed = await scene.deliver(event)

    assert (failed, written, told, healed) == (500, 1, [], 202)
    assert len(scene.values()) == 2
    assert _types(scene) == BOTH


async def test_a_topic_connection_that_is_cut_heals_by_itself_or_by_a_job(scene: Scene) -> None:
    scene.stack.bus.faults.plan(_sends_to(stack.TOPIC), Fault(drop=True))

    accepted = await scene.deliver(scene.event(scene.rotate()))

    await scene.eventually(lambda: _types(scene) == BOTH)
    assert accepted == 202


async def test_a_disabled_newest_version_ends_the_event_and_the_target_is_told_of(scene: Scene) -> None:
    version = scene.rotate(enabled=False)

    status = await scene.deliver(scene.event(version))

    assert status == 202
    assert len(scene.values()) == 1
    assert [told["noticeType"] for told in scene.told()] == ["target.failed"]


async def test_a_deleted_object_ends_the_event(scene: Scene) -> None:
    version = scene.rotate()
    scene.stack.vault.delete(seed.OBJECT)

    status = await scene.deliver(scene.event(version))

    assert status == 202
    assert len(scene.values()) == 1


async def test_a_conflict_is_looked_at_again(scene: Scene) -> None:
    scene.stack.cluster.faults.plan(_patches, Fault(status=409), times=2)

    status = await scene.deliver(scene.event(scene.rotate()))

    assert status == 202
    assert scene.value() == scene.stack.vault.get(seed.OBJECT).value


async def test_a_write_whose_answer_was_lost_is_not_written_again(scene: Scene) -> None:
    scene.stack.cluster.faults.plan(_patches, Fault(drop=True, after=True))

    status = await scene.deliver(scene.event(scene.rotate()))

    assert status == 202
    assert len(scene.values()) == 2
    assert [told["noticeType"] for told in scene.told()] == ["object.new-version", "target.refreshed"]
