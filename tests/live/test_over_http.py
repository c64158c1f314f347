"""What the app answers the live page: from the subscription, while somebody asks, and without wearing itself out."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from devstack import stack
from devstack.servicebus import ServiceBus, Subscription, Topic
from fanout.live.over_http import Live
from fanout.reply import Reply
from tests.live.test_story import told

TOPIC = "keyvault-changes"


@pytest_asyncio.fixture
async def bus() -> AsyncIterator[ServiceBus]:
    """A broker with a topic and the page's subscription."""
    topic = Topic(name=TOPIC, subscriptions=(Subscription(name=stack.LIVE),))
    async with ServiceBus(topics=(topic,), key="k" * 32) as found:
        yield found


def environ(bus: ServiceBus, subscription: str = stack.LIVE) -> dict[str, str]:
    """Return the app's settings."""
    return {
        "KEY_VAULTS": "kv-demo",
        "CLUSTERS": "[]",
        "ServiceBusConnection": bus.connection_string,
        "JOB_QUEUE": "jobs",
        "SWEEP_SCHEDULE": "0 */15 * * * *",
        "LIVE_SUBSCRIPTION": subscription,
    }


async def tell(bus: ServiceBus, name: str = "object.new-version", **changes: Any) -> None:
    """Send a notice, with `changes` of its data."""
    one = told(name, **changes)
    body = json.dumps({"type": f"dev.keyvault-fanout.{one.type}.v1", "data": dict(one.data)})
    async with (
        ServiceBusClient.from_connection_string(bus.connection_string) as client,
        client.get_topic_sender(TOPIC) as sender,
    ):
        await sender.send_messages(ServiceBusMessage(body), timeout=10)


def shown(reply: Reply) -> Any:
    """Return what an answer shows; None where it shows nothing."""
    lines = [line for line in reply["body"].splitlines() if line.startswith("data: ")]
    return json.loads(lines[0].removeprefix("data: ")) if lines else None


def id_of(reply: Reply) -> str:
    """Return what the page names when it asks again."""
    (line,) = [line for line in reply["body"].splitlines() if line.startswith("id: ")]
    return line.removeprefix("id: ")


async def until(live: Live, wanted: str, last: str = "") -> Reply:
    """Ask until a text is in an answer."""
    async with asyncio.timeout(20):
        while wanted not in (reply := await live.events(last))["body"]:
            last = id_of(reply) if "\nid: " in reply["body"] else last
    return reply


async def test_who_asks_first_is_shown_what_was_told_before(bus: ServiceBus) -> None:
    await tell(bus)
    live = Live(environ(bus), patience=10)

    first = await live.events("")

    assert len(shown(first)["rotations"]) == 1
    await live.close()


async def test_where_nothing_comes_the_answer_says_so_and_shows_nothing(bus: ServiceBus) -> None:
    live = Live(environ(bus), patience=0.2)
    first = await until(live, "data: ")

    second = await live.events(id_of(first))

    assert second["body"] == "retry: 1000\n: nothing new\n\n"
    await live.close()


async def test_what_was_seen_in_one_process_is_no_news_in_another(bus: ServiceBus) -> None:
    await tell(bus)
    one, other = Live(environ(bus), patience=5), Live(environ(bus), patience=0.5)
    await other.events("")

    seen = id_of(await until(one, "new version"))
    await until(other, "new version")

    assert shown(await other.events(seen)) is None
    await one.close()
    await other.close()


async def test_a_notice_with_a_time_that_no_calendar_has_ends_nothing(bus: ServiceBus) -> None:
    await tell(
        bus, "target.refreshed", refreshedTime="0001-01-01T00:00:00+14:00", eventTime="0001-01-01T00:00:00+14:00"
    )
    await tell(bus)
    live = Live(environ(bus), patience=10)

    assert (await until(live, "new version"))["status_code"] == 200
    await live.close()


async def test_a_subscription_that_is_missing_is_said_on_the_page(bus: ServiceBus) -> None:
    live = Live(environ(bus, "gone"), patience=10)

    reply = await until(live, "gone")

    assert shown(reply)["trouble"] == f"{TOPIC}/gone: MessagingEntityNotFoundError"
    await live.close()


async def test_too_many_at_a_time_are_asked_to_come_again(bus: ServiceBus) -> None:
    live = Live(environ(bus), patience=10, at_once=1)
    seen = id_of(await live.events(""))
    waiting = asyncio.create_task(live.events(seen))
    await asyncio.sleep(0)

    refused = await live.events("")

    assert (refused["status_code"], refused["headers"]["Retry-After"]) == (429, "10")
    await tell(bus)
    assert shown(await waiting) is not None
    await live.close()


async def test_nobody_is_heard_for_when_nobody_asks_and_the_next_who_asks_is_shown_all(bus: ServiceBus) -> None:
    live = Live(environ(bus), patience=5, idle=0.2)
    await tell(bus)
    await until(live, "new version")
    async with asyncio.timeout(20):
        while live.hears:  # noqa: ASYNC110 - it ends by itself
            await asyncio.sleep(0.05)

    await tell(bus, "target.refreshed")
    reply = await until(live, '"state"')

    assert shown(reply)["targets"]
    await live.close()
