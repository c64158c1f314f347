"""Listener(sessions=True): a subscription that requires sessions, and the order of each target's notices."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from devstack.faults import Fault
from devstack.servicebus import Subscription
from devstack.servicebus.operations import Operation
from keyvault_fanout import Interest, Notice
from tests.client.conftest import Scene
from tests.client.eventually import eventually
from tests.client.notices import SUBSCRIPTION, TARGET, TOPIC, refreshed, topic

EVERYTHING = Interest()

PATH = f"{TOPIC}/subscriptions/{SUBSCRIPTION}"


@pytest_asyncio.fixture(scope="module")
async def serving() -> AsyncIterator[Scene]:
    """A topic whose subscription requires sessions; locks are short."""
    subscription = Subscription(name=SUBSCRIPTION, requires_session=True, max_delivery_count=5, lock_duration=5)
    async with topic(subscription) as (broker, sender):
        yield Scene(broker, sender)


@pytest.fixture
def scene(serving: Scene) -> Scene:
    """The topic, empty and without planned failures."""
    serving.broker.clear()
    serving.broker.faults.clear()
    return serving


async def tell(scene: Scene, versions: int, *targets: str) -> None:
    """Publish so many versions of each target, one target after the other."""
    for version in range(versions):
        for name in targets:
            target = replace(TARGET, secret=name)
            await scene.tell(refreshed(f"v{version}", resource_version=str(version), target=target))


async def test_each_targets_notices_come_in_order_also_with_several_receivers(scene: Scene) -> None:
    heard: dict[str, list[str]] = defaultdict(list)
    busy: set[str] = set()

    async def note(notice: Notice) -> None:
        assert notice.target not in busy, "two receivers have one session"
        busy.add(notice.target)
        await asyncio.sleep(0)
        heard[notice.target].append(notice.version)
        busy.discard(notice.target)

    await tell(scene, 3, "one", "two", "three")
    async with scene.listener(sessions=True) as first, scene.listener(sessions=True) as second:
        for listener in (first, second):
            listener.on(EVERYTHING, note)
        await eventually(lambda: sum(map(len, heard.values())) == 9)
        await eventually(lambda: not scene.broker.messages(PATH))

    assert dict(heard) == {f"aks-one/shop/{name}": ["v0", "v1", "v2"] for name in ("one", "two", "three")}


async def test_a_notice_that_fails_comes_again_before_the_next_of_its_target(scene: Scene) -> None:
    heard: list[str] = []

    def note(notice: Notice) -> None:
        heard.append(notice.version)
        if len(heard) == 1:
            raise ValueError

    await tell(scene, 2, "one")
    async with scene.listener(sessions=True) as listener:
        listener.on(EVERYTHING, note)
        await eventually(lambda: len(heard) == 3)

    assert heard == ["v0", "v0", "v1"]


async def test_a_session_is_kept_for_a_handler_that_takes_longer_than_its_lock(scene: Scene) -> None:
    heard: list[str] = []
    renewed = asyncio.Event()

    async def note(notice: Notice) -> None:
        if not heard:
            await asyncio.wait_for(renewed.wait(), 15)
        heard.append(notice.version)

    def notice_it(operation: Operation) -> bool:
        """See the renewal go by; nothing is to fail."""
        if operation.action == "renew-session-lock":
            renewed.set()
        return False

    scene.broker.faults.plan(notice_it, Fault(), times=None)
    await tell(scene, 2, "one")
    async with scene.listener(sessions=True) as listener:
        listener.on(EVERYTHING, note)
        await eventually(lambda: heard == ["v0", "v1"])
        await eventually(lambda: not scene.broker.messages(PATH))


async def test_without_sessions_such_a_subscription_refuses_and_the_listener_says_so(scene: Scene) -> None:
    async with scene.listener() as listener:
        await eventually(lambda: listener.health().error)

        assert not listener.health().connected


async def test_what_comes_later_is_heard_by_a_listener_that_waits_for_a_session(scene: Scene) -> None:
    heard: list[str] = []
    async with scene.listener(sessions=True) as listener:
        listener.on(EVERYTHING, lambda notice: heard.append(notice.target))
        await tell(scene, 1, "one")
        await eventually(lambda: len(heard) == 1)
        await tell(scene, 1, "two")
        await eventually(lambda: len(heard) == 2)

    assert heard == ["aks-one/shop/one", "aks-one/shop/two"]


async def test_a_message_without_a_session_is_a_dead_letter(scene: Scene) -> None:
    await scene.send(b"{}")

    assert [reason for reason, _ in await scene.dead()] == ["Session id is null."]
