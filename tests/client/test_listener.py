"""What becomes of a message, over a real wire."""

import asyncio
import threading

import pytest
from azure.servicebus.amqp import AmqpAnnotatedMessage

from keyvault_fanout import Bus, Interest, Notice, NoticeType, Reason
from tests.client.conftest import PATH, Scene
from tests.client.eventually import eventually
from tests.client.notices import altered, new_version, refreshed

EVERYTHING = Interest()


class Noted:
    """A handler that remembers, and fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.versions: list[str] = []
        self.failures = failures

    async def __call__(self, notice: Notice) -> None:
        """Note the version."""
        self.versions.append(notice.version)
        if self.failures:
            self.failures -= 1
            raise ConnectionError("password=hunter2")

    async def wait_for(self, *versions: str) -> None:
        """Return once these and no others were noted."""
        await eventually(lambda: self.versions == list(versions))


async def gone(scene: Scene) -> None:
    """Return once the subscription is empty."""
    await eventually(lambda: not scene.broker.messages(PATH))


async def test_a_notice_reaches_those_who_care_and_is_completed(scene: Scene) -> None:
    wanted, other = Noted(), Noted()
    async with scene.listener() as listener:
        listener.on(Interest(object="db-password", types=[NoticeType.TARGET_REFRESHED]), wanted)
        listener.on(Interest(object="another"), other)
        await scene.tell(new_version("v1"), refreshed("v2"), refreshed("v3"))
        await wanted.wait_for("v2", "v3")
        await gone(scene)

    assert other.versions == []


async def test_a_notice_waits_for_the_first_handler(scene: Scene) -> None:
    noted = Noted()
    async with scene.listener() as listener:
        await scene.tell(refreshed("v1"))
        await held(scene)
        listener.on(EVERYTHING, noted)
        await noted.wait_for("v1")
        await gone(scene)


async def test_a_notice_that_nobody_was_there_for_is_given_back_at_the_end(scene: Scene) -> None:
    async with scene.listener(grace=60) as listener:
        await scene.tell(refreshed("v1"))
        # The broker's lock is there before the client has the message; then nothing is awaited before the handler is.
        await eventually(lambda: listener._delivering)  # noqa: SLF001 - seen nowhere else
        await asyncio.sleep(0.05)

    await eventually(lambda: [bool(message.lock) for message in scene.broker.messages(PATH)] == [False])


async def test_a_handler_that_runs_has_its_time_although_it_is_named_no_longer(scene: Scene) -> None:
    """What keeps a secret is closed before its listener."""
    entered, done = asyncio.Event(), list[bool]()

    async def handle(_notice: Notice) -> None:
        entered.set()
        await asyncio.sleep(0.2)
        done.append(True)

    async with scene.listener() as listener:
        listener.on(EVERYTHING, handle)
        await scene.tell(refreshed("v1"))
        await entered.wait()
        listener.off(handle)

    assert done == [True]
    await gone(scene)


async def test_once_there_was_a_handler_nothing_waits_for_another(scene: Scene) -> None:
    noted = Noted()
    async with scene.listener() as listener:
        listener.on(EVERYTHING, noted)
        await scene.tell(refreshed("v1"))
        await noted.wait_for("v1")
        listener.off(noted)
        await scene.tell(refreshed("v2"))
        await gone(scene)


async def held(scene: Scene) -> None:
    """Return once a listener has the one message."""
    await eventually(lambda: any(message.lock for message in scene.broker.messages(PATH)))


async def test_a_notice_is_completed_only_after_its_handler_returned(scene: Scene) -> None:
    entered, goes_on = asyncio.Event(), asyncio.Event()

    async def handle(_notice: Notice) -> None:
        entered.set()
        await goes_on.wait()

    async with scene.listener() as listener:
        listener.on(EVERYTHING, handle)
        await scene.tell(refreshed("v1"))
        await entered.wait()
        assert len(scene.broker.messages(PATH)) == 1
        goes_on.set()
        await gone(scene)


async def test_a_blocking_handler_runs_in_a_thread_of_its_own(scene: Scene) -> None:
    threads: list[threading.Thread] = []
    async with scene.listener() as listener:
        listener.on(EVERYTHING, lambda _: threads.append(threading.current_thread()))
        await scene.tell(refreshed("v1"))
        await gone(scene)

    assert [thread.daemon for thread in threads] == [True]
    assert threads[0] is not threading.current_thread()


async def test_a_handler_that_raises_gets_the_notice_again(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    noted = Noted(failures=2)
    async with scene.listener() as listener:
        listener.on(EVERYTHING, noted)
        await scene.tell(refreshed("v1"), refreshed("v2"))
        await eventually(lambda: "v2" in noted.versions)
        await gone(scene)

    assert sorted(noted.versions) == ["v1", "v1", "v1", "v2"]
    assert "ConnectionError at test_listener.py" in caplog.text
    assert "hunter2" not in caplog.text


async def test_a_handler_that_always_raises_ends_in_a_dead_letter_and_ends_no_receiver(scene: Scene) -> None:
    noted, sound = Noted(failures=3), Noted()
    async with scene.listener(attempts=3) as listener:
        listener.on(EVERYTHING, noted)
        listener.on(EVERYTHING, sound)
        await scene.tell(refreshed("v1"))
        ((reason, description),) = await scene.dead()
        await scene.tell(refreshed("v2"))
        await sound.wait_for("v1", "v1", "v1", "v2")

    assert reason == "handler-failed"
    assert "Noted raised ConnectionError" in str(description)
    assert "hunter2" not in str(description)


async def test_a_handler_that_takes_too_long_has_failed(scene: Scene) -> None:
    async with scene.listener(attempts=1, handler_timeout=0.1) as listener:
        listener.on(EVERYTHING, lambda _: asyncio.Event().wait())
        await scene.tell(refreshed("v1"))
        ((reason, description),) = await scene.dead()

    assert (reason, "TimeoutError" in str(description)) == ("handler-failed", True)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"not json", Reason.NOT_A_NOTICE),
        (b'{"specversion": "1.0", "type": "com.example.order.v1"}', Reason.NOT_A_NOTICE),
        (b"x" * 200_000, Reason.NOT_A_NOTICE),
        (altered(refreshed("v1"), {"data.version": None}), Reason.MALFORMED),
    ],
)
async def test_what_is_no_notice_becomes_a_dead_letter_at_once(scene: Scene, body: bytes, reason: Reason) -> None:
    noted = Noted()
    async with scene.listener() as listener:
        listener.on(EVERYTHING, noted)
        await scene.send(body)
        await scene.tell(refreshed("v9"))
        await noted.wait_for("v9")
        ((found, _),) = await scene.dead()
        assert listener.health().skipped == {reason: 1}

    assert found == reason


@pytest.mark.parametrize(
    ("type_", "reason"),
    [
        ("dev.keyvault-fanout.target.refreshed.v2", Reason.NEWER_VERSION),
        ("dev.keyvault-fanout.target.moved.v1", Reason.UNKNOWN_TYPE),
    ],
)
async def test_what_came_after_this_release_is_completed_and_counted(scene: Scene, type_: str, reason: Reason) -> None:
    noted = Noted()
    async with scene.listener() as listener:
        listener.on(EVERYTHING, noted)
        await scene.send(altered(refreshed("v1"), {"type": type_}))
        await scene.tell(refreshed("v9"))
        await noted.wait_for("v9")
        await gone(scene)
        assert listener.health().skipped == {reason: 1}

    assert scene.broker.messages(f"{PATH}/$deadletterqueue") == ()


async def test_a_body_that_is_no_bytes_is_no_notice(scene: Scene) -> None:
    value = AmqpAnnotatedMessage(value_body={"specversion": "1.0"})
    async with scene.listener():
        await scene.sender.send_messages(value)
        ((reason, _),) = await scene.dead()

    assert reason == Reason.NOT_A_NOTICE


async def test_a_handler_that_is_named_no_longer_is_called_no_longer(scene: Scene) -> None:
    first, second = Noted(), Noted()
    async with scene.listener() as listener:
        listener.on(EVERYTHING, first)
        listener.on(EVERYTHING, second)
        await scene.tell(refreshed("v1"))
        await second.wait_for("v1")
        listener.off(first)
        await scene.tell(refreshed("v2"))
        await second.wait_for("v1", "v2")

    assert first.versions == ["v1"]


def test_a_bus_is_reached_in_one_way() -> None:
    with pytest.raises(ValueError, match="expected either"):
        Bus()
    with pytest.raises(ValueError, match="expected either"):
        Bus(namespace="contoso.servicebus.windows.net")


async def test_a_connection_string_that_is_none_is_told_at_once_and_not_repeated(scene: Scene) -> None:
    wrong = Bus(connection_string="Endpoint=hunter2")
    with pytest.raises(ValueError, match="is wrong") as raised:
        wrong.open()

    assert "hunter2" not in f"{raised.value} {wrong!r}"
    assert scene.broker.connection_string not in repr(scene.bus)


async def test_a_handler_whose_task_is_cancelled_by_others_does_not_end_the_listener(scene: Scene) -> None:
    noted = Noted()

    async def cancelled(notice: Notice) -> None:
        await noted(notice)
        if len(noted.versions) == 1:
            raise asyncio.CancelledError

    async with scene.listener() as listener:
        listener.on(EVERYTHING, cancelled)
        await scene.tell(refreshed("v1"))
        await noted.wait_for("v1", "v1")
        await gone(scene)


async def test_a_listener_that_was_closed_says_so_and_can_be_used_again(scene: Scene) -> None:
    listener, noted = scene.listener(), Noted()
    listener.on(EVERYTHING, noted)
    listener.on_connected(lambda: 1 // 0)
    for version in ("v1", "v2"):
        async with listener:
            await scene.tell(refreshed(version))
            await eventually(lambda: version in noted.versions)  # noqa: B023 - waited for here
            await gone(scene)
        assert not listener.health().connected
