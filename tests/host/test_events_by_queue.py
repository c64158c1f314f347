"""on_key_vault_event_message: events that Event Grid puts on a queue, where it may not call the function."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from devstack import eventgrid, seed, stack
from devstack.eventgrid import Schema
from devstack.faults import Fault
from tests.e2e import scene as scenes
from tests.e2e.scene import Scene

DEAD_LETTERS = f"{stack.EVENTS}/$DeadLetterQueue"

BUSY = Fault(condition="com.microsoft:server-busy")


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Scene]:
    """The scene of this module: an app that listens to the queue too."""
    async with scenes.play(EVENT_QUEUE=stack.EVENTS) as scene:
        yield scene


@pytest.fixture
def scene(playing: Scene) -> Scene:
    """The scene, as good as new."""
    playing.reset()
    return playing


async def put(scene: Scene, body: bytes) -> None:
    """Let Event Grid put a message on the queue."""
    async with (
        ServiceBusClient.from_connection_string(scene.stack.bus.connection_string) as client,
        client.get_queue_sender(stack.EVENTS) as sender,
    ):
        await sender.send_messages(ServiceBusMessage(body), timeout=10)


async def taken(scene: Scene) -> None:
    """Wait until the queue is empty."""
    await scene.eventually(lambda: not scene.stack.bus.messages(stack.EVENTS))


def failures(scene: Scene) -> int:
    """Count how often the function has failed so far."""
    return scene.host.stderr_text().count("Executed 'Functions.on_key_vault_event_message' (Failed")


@pytest.mark.parametrize("schema", Schema)
async def test_an_event_from_the_queue_is_handled_as_one_that_is_posted(scene: Scene, schema: Schema) -> None:
    version = scene.rotate()

    await put(scene, eventgrid.body([scene.event(version)], schema))
    await scene.eventually(lambda: bool(scene.told("target.refreshed")))
    await taken(scene)

    assert scene.value() == scene.stack.vault.get(seed.OBJECT).value
    assert {told["version"] for told in scene.told()} == {version}
    assert scene.stack.bus.messages(DEAD_LETTERS) == ()


async def test_an_event_that_comes_both_ways_is_written_and_told_once(scene: Scene) -> None:
    event = scene.event(scene.rotate())

    await put(scene, eventgrid.body([event], Schema.CLOUD_EVENTS))
    await taken(scene)
    status = await scene.deliver(event)

    assert status == 202
    assert len(scene.values()) == 2
    assert len(scene.told("target.refreshed")) == 1


async def test_an_event_that_can_neither_be_done_nor_put_off_comes_again(scene: Scene) -> None:
    """Nothing can be sent, not even a job: the message is given back, and the Secret is told of in the end."""
    before = failures(scene)
    scene.stack.bus.faults.plan(
        lambda operation: operation.kind == "send" and operation.entity in {stack.TOPIC, stack.QUEUE}, BUSY, times=None
    )
    version = scene.rotate()

    await put(scene, eventgrid.body([scene.event(version)], Schema.CLOUD_EVENTS))
    await scene.eventually(lambda: failures(scene) > before)
    scene.stack.bus.faults.clear()
    await scene.eventually(lambda: bool(scene.told("target.refreshed")))
    await taken(scene)

    assert [told["version"] for told in scene.told("target.refreshed")] == [version]
    assert scene.stack.bus.messages(DEAD_LETTERS) == ()


@pytest.mark.parametrize("body", [b"open sesame", b"\xff\xfe sesame", b'{"specversion": "1.0"}'])
async def test_what_is_no_event_is_recorded_and_ended_without_quoting_it(scene: Scene, body: bytes) -> None:
    before = len(scene.host.stderr_text())

    await put(scene, body)
    await taken(scene)
    await scene.eventually(lambda: "Executed" in scene.host.stderr_text()[before:])

    log = scene.host.stderr_text()[before:]
    assert "event refused" in log
    assert "sesame" not in log
    assert scene.stack.bus.messages(DEAD_LETTERS) == ()
    assert scene.asked() == {}


async def test_the_function_is_there_where_its_queue_is_named(scene: Scene) -> None:
    assert scene.host.functions == ("on_key_vault_event", "on_key_vault_event_message", "on_job", "sweep")
