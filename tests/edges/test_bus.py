"""The topic's edge against the devstack's broker: what arrives, in how many messages, over how many connections.

Failures are in test_bus_failures. Opening a sender costs half a second, so one topic serves the module (local-stack
1.6).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from devstack.servicebus import CorrelationRule, ServiceBus, Subscription, Topic
from shared.edges.bus import ServiceBusTopic
from shared.errors import PermanentError
from shared.lineage import Lineage
from shared.model import SecretValue
from shared.notice import CONTENT_TYPE, NoticeType
from shared.reason import Reason
from tests.edges.notices import ABOUT, build_notice
from tests.notices import verdict

LIMIT = 262_144
ALL = "changes/Subscriptions/all"


@pytest.fixture(scope="module")
async def broker() -> AsyncIterator[ServiceBus]:
    """A broker with a topic of the standard tier, whose messages have 256 KB at most."""
    shop = CorrelationRule(properties={"namespace": "shop"}, subject=NoticeType.TARGET_REFRESHED)
    topic = Topic(
        name="changes",
        subscriptions=[Subscription(name="all"), Subscription(name="shop", rules=(shop,))],
        duplicate_window=600,
    )
    async with ServiceBus(topics=[topic], key="key") as served:
        yield served


@pytest.fixture(scope="module")
async def opened(broker: ServiceBus) -> AsyncIterator[ServiceBusTopic]:
    """The edge, pointed at that topic."""
    topic = ServiceBusTopic(
        topic="changes", timeout=5, connection_string=SecretValue(broker.connection_string.encode())
    )
    yield topic
    await topic.close()


@pytest.fixture
def topic(broker: ServiceBus, opened: ServiceBusTopic) -> Iterator[ServiceBusTopic]:
    """The edge, and a broker that holds nothing; afterwards it holds nothing that breaks the contract."""
    broker.clear()
    broker.faults.clear()
    yield opened
    assert [broken for message in broker.accepted("changes") for broken in verdict.broken_by(message)] == []


async def test_what_is_too_large_keeps_nothing_else_of_its_caller_back(
    broker: ServiceBus, topic: ServiceBusTopic
) -> None:
    """Those before and behind it are sent, and the caller is told."""
    notices = [build_notice("small-1"), build_notice("big", size=2**21), build_notice("small-2")]

    with pytest.raises(PermanentError):
        await topic.publish(notices)

    assert [message.message_id for message in broker.accepted("changes")] == ["small-1", "small-2"]


async def test_a_notice_arrives_as_it_was_composed(broker: ServiceBus, topic: ServiceBusTopic) -> None:
    """Body, content type, id, session, subject, and the properties that subscribers filter by."""
    notice = build_notice("id-1", about=replace(ABOUT, name="süß"))

    await topic.publish([notice])

    (arrived,) = await broker.wait_for(ALL, 1, timeout=5)
    assert arrived.body == notice.body
    assert arrived.content_type == CONTENT_TYPE
    assert arrived.message_id == "id-1"
    assert arrived.session_id == notice.session
    assert arrived.subject == "target.refreshed"
    assert arrived.application_properties == notice.properties
    assert notice.properties["object"] == "süß"


async def test_subscribers_get_what_their_correlation_filter_matches(
    broker: ServiceBus, topic: ServiceBusTopic
) -> None:
    """Properties are texts, or a filter would not match them."""
    await topic.publish([build_notice("mine", namespace="shop"), build_notice("other", namespace="bank")])

    await broker.wait_for(ALL, 2, timeout=5)
    assert [message.message_id for message in broker.messages("changes/Subscriptions/shop")] == ["mine"]


async def test_a_traced_notice_says_so_by_every_name_that_clients_look_for(
    broker: ServiceBus, topic: ServiceBusTopic
) -> None:
    """W3C's for OpenTelemetry, `Diagnostic-Id` for Azure's clients and the Functions host."""
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    untraced = build_notice("untraced")
    await topic.publish([untraced, replace(build_notice("traced"), trace=Lineage(parent=parent, state="a=b"))])

    plain, traced = await broker.wait_for(ALL, 2, timeout=5)
    assert plain.application_properties == untraced.properties
    assert traced.application_properties == {
        **untraced.properties,
        "traceparent": parent,
        "tracestate": "a=b",
        "Diagnostic-Id": parent,
    }


async def test_nothing_to_tell_opens_nothing() -> None:
    """No connection for an event that concerns nobody."""
    async with ServiceBus(key="key") as unused:
        topic = ServiceBusTopic(
            topic="changes", timeout=5, connection_string=SecretValue(unused.connection_string.encode())
        )
        await topic.publish([])
        await topic.close()

    assert unused.connections == 0


async def test_the_same_notice_told_twice_arrives_once(broker: ServiceBus, topic: ServiceBusTopic) -> None:
    """Within one batch and in two: the id is what duplicates are found by."""
    await topic.publish([build_notice("same"), build_notice("same")])
    await topic.publish([build_notice("same")])

    assert [message.message_id for message in await broker.wait_for(ALL, 1, timeout=5)] == ["same"]
    assert [message.duplicate for message in broker.accepted("changes")] == [False, True, True]


async def test_more_notices_than_a_batch_holds_go_out_in_several(broker: ServiceBus, topic: ServiceBusTopic) -> None:
    """In order, and each batch within the limit that the broker names."""
    await topic.publish([build_notice("first")])
    notices = [build_notice(f"n-{number}", size=60_000) for number in range(10)]

    await topic.publish(notices)

    arrived = await broker.wait_for(ALL, 11, timeout=5)
    assert [message.message_id for message in arrived[1:]] == [notice.id for notice in notices]


async def test_a_notice_that_just_fits_is_sent_among_others(broker: ServiceBus, topic: ServiceBusTopic) -> None:
    """It fills a batch of its own."""
    sizes = {"small": 10, "large": LIMIT - 1_000, "last": 10}

    await topic.publish([build_notice(name, size=size) for name, size in sizes.items()])

    assert [message.message_id for message in await broker.wait_for(ALL, 3, timeout=5)] == list(sizes)


async def test_a_notice_that_is_too_large_is_refused_for_good(broker: ServiceBus, topic: ServiceBusTopic) -> None:
    """No retry makes it smaller. The next one goes out as ever."""
    with pytest.raises(PermanentError) as caught:
        await topic.publish([build_notice("large", size=LIMIT + 1)])
    await topic.publish([build_notice("small")])

    assert caught.value.reason is Reason.TOPIC_REFUSED
    assert [message.message_id for message in await broker.wait_for(ALL, 1, timeout=5)] == ["small"]


async def test_a_notice_that_is_too_large_fails_its_own_caller_only(broker: ServiceBus, topic: ServiceBusTopic) -> None:
    """Those whose notices went out together with it are none the worse."""
    callers = [
        topic.publish([build_notice("a")]),
        topic.publish([build_notice("b"), build_notice("large", size=LIMIT + 1)]),
        topic.publish([build_notice("c")]),
        topic.publish([build_notice("d")]),
    ]

    outcomes = await asyncio.gather(*callers, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [type(None), PermanentError, type(None), type(None)]
    arrived = {message.message_id for message in await broker.wait_for(ALL, 3, timeout=5)}
    assert {"a", "c", "d"} <= arrived <= {"a", "b", "c", "d"}


async def test_many_publish_at_once_and_everything_arrives_exactly_once(
    broker: ServiceBus, topic: ServiceBusTopic
) -> None:
    """The SDK's sender, used by two at a time, loses and repeats messages (local-stack 1.7)."""
    await topic.publish([build_notice("warm")])
    connections = broker.connections
    names = [f"n-{number}" for number in range(200)]

    await asyncio.gather(*[topic.publish([build_notice(name)]) for name in names])

    await broker.wait_for(ALL, 201, timeout=5)
    assert sorted(message.message_id for message in broker.accepted("changes")) == sorted([*names, "warm"])
    assert broker.connections == connections


async def test_one_caller_after_another_uses_one_connection(broker: ServiceBus, topic: ServiceBusTopic) -> None:
    """Opening one costs half a second."""
    await topic.publish([build_notice("warm")])
    connections = broker.connections

    for number in range(20):
        await topic.publish([build_notice(f"n-{number}")])

    assert len(broker.accepted("changes")) == 21
    assert broker.connections == connections


async def test_nothing_stays_open_after_close(broker: ServiceBus) -> None:
    """Neither a connection, nor a task that keeps one alive."""
    before = asyncio.all_tasks()
    topic = ServiceBusTopic(
        topic="changes", timeout=5, connection_string=SecretValue(broker.connection_string.encode())
    )
    await topic.publish([build_notice("last")])
    during = asyncio.all_tasks() - before

    await topic.close()
    await asyncio.wait(during, timeout=5)

    assert during
    assert asyncio.all_tasks() <= before
