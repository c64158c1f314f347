"""What a listener survives, and how it ends."""

import asyncio
import threading

from devstack.faults import Fault
from devstack.servicebus import Subscription
from keyvault_fanout import Interest, Notice
from tests.client.conftest import PATH, Scene
from tests.client.eventually import eventually
from tests.client.notices import SUBSCRIPTION, refreshed, topic
from tests.client.test_listener import EVERYTHING, Noted, gone


async def test_a_listener_comes_up_while_the_bus_is_down_and_connects_later(scene: Scene) -> None:
    noted = Noted()
    await scene.tell(refreshed("v1"))
    await scene.broker.stop()
    async with scene.listener() as listener:
        listener.on(EVERYTHING, noted)
        await eventually(lambda: listener.health().error)
        assert not listener.health().connected
        await scene.broker.start()
        await noted.wait_for("v1")
        assert (listener.health().connected, listener.health().error) == (True, "")


async def test_a_connection_that_is_cut_is_made_again(scene: Scene) -> None:
    noted = Noted()
    async with scene.listener() as listener:
        listener.on(EVERYTHING, noted)
        await listener.connected()
        await scene.broker.stop()
        await scene.broker.start()
        await scene.tell(refreshed("v1"))
        await noted.wait_for("v1")


async def test_a_subscription_that_is_missing_or_forbidden_is_asked_for_again(scene: Scene) -> None:
    noted = Noted()
    scene.broker.faults.plan(
        lambda operation: operation.kind == "attach" and operation.entity == PATH,
        Fault(condition="amqp:not-found"),
        times=4,
    )
    async with scene.listener() as listener:
        listener.on(EVERYTHING, noted)
        await eventually(lambda: listener.health().error)
        error = listener.health().error
        await scene.tell(refreshed("v1"))
        await noted.wait_for("v1")

    assert "there is no such subscription or queue" in error


async def test_a_settlement_that_is_lost_brings_the_notice_again(scene: Scene) -> None:
    noted = Noted()
    scene.broker.faults.plan(lambda operation: operation.kind == "settle", Fault(drop=True))
    async with scene.listener() as listener:
        listener.on(EVERYTHING, noted)
        await scene.tell(refreshed("v1"))
        await eventually(lambda: noted.versions)
        await listener.connected()


async def test_whoever_wants_to_look_is_called_on_each_connection(scene: Scene) -> None:
    looks: list[bool] = []
    async with scene.listener() as listener:
        listener.on_connected(lambda: looks.append(True))
        await eventually(lambda: len(looks) == 1)
        scene.broker.faults.plan(lambda operation: operation.kind == "connect", Fault(drop=True), times=3)
        await scene.broker.stop()
        await eventually(lambda: not listener.health().connected)
        await scene.broker.start()
        await eventually(lambda: len(looks) == 2)


async def test_what_prepares_the_subscription_is_called_before_each_attempt_and_may_fail(scene: Scene) -> None:
    calls: list[bool] = []

    async def prepare() -> None:
        calls.append(True)
        if len(calls) < 3:
            raise PermissionError

    async with scene.listener(prepare=prepare) as listener:
        await listener.connected()

    assert len(calls) == 3


async def test_a_lock_is_renewed_while_a_handler_works() -> None:
    entered, goes_on = asyncio.Event(), asyncio.Event()
    calls: list[str] = []

    async def handle(notice: Notice) -> None:
        calls.append(notice.version)
        entered.set()
        await goes_on.wait()

    async with topic(Subscription(name=SUBSCRIPTION, lock_duration=5)) as (broker, sender):
        scene = Scene(broker, sender)
        async with scene.listener() as listener:
            listener.on(EVERYTHING, handle)
            await scene.tell(refreshed("v1"))
            await entered.wait()
            (held,) = broker.messages(PATH)
            assert held.lock
            first = held.lock.until
            await eventually(lambda: any(one.lock and one.lock.until > first + 2 for one in broker.messages(PATH)))
            goes_on.set()
            await gone(scene)

    assert calls == ["v1"]


async def test_closing_waits_for_the_handler_that_runs(scene: Scene) -> None:
    entered, goes_on = asyncio.Event(), asyncio.Event()
    done: list[bool] = []

    async def handle(_notice: Notice) -> None:
        entered.set()
        await goes_on.wait()
        done.append(True)

    listener = scene.listener()
    listener.on(EVERYTHING, handle)
    await listener.start()
    await scene.tell(refreshed("v1"))
    await entered.wait()
    closing = asyncio.create_task(listener.close())
    await asyncio.sleep(0.05)
    assert not closing.done()
    goes_on.set()
    await closing

    assert done == [True]
    await gone(scene)


async def test_closing_waits_no_longer_than_its_grace_and_gives_the_notice_back(scene: Scene) -> None:
    entered = asyncio.Event()

    async def handle(_notice: Notice) -> None:
        entered.set()
        await asyncio.Event().wait()

    listener = scene.listener(grace=0.1)
    listener.on(EVERYTHING, handle)
    await listener.start()
    await scene.tell(refreshed("v1"))
    await entered.wait()
    await listener.close()

    await eventually(lambda: [one.locked for one in scene.broker.messages(PATH)] == [False])


async def test_a_blocking_handler_that_never_returns_holds_up_no_end(scene: Scene) -> None:
    entered, never = threading.Event(), threading.Event()

    def handle(_notice: Notice) -> None:
        entered.set()
        never.wait(30)

    async with scene.listener(grace=0.1) as listener:
        listener.on(EVERYTHING, handle)
        await scene.tell(refreshed("v1"))
        await eventually(entered.is_set)
    never.set()


async def test_closing_ends_a_pause_between_two_deliveries_and_a_wait_for_a_message(scene: Scene) -> None:
    noted = Noted(failures=100)
    async with scene.listener(grace=30) as listener:
        listener.on(Interest(vault="kv-shop"), noted)
        await scene.tell(refreshed("v1"))
        await eventually(lambda: noted.versions)
    async with scene.listener(grace=30) as idle:
        await idle.connected()


async def test_a_bus_that_is_gone_holds_up_no_end(scene: Scene) -> None:
    async with scene.listener() as listener:
        await listener.connected()
        await scene.broker.stop()
        assert not listener.health().error
    await scene.broker.start()
