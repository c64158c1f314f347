"""The subscription in which the app hears what it told: looked through over the wire, and nothing taken out."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from devstack.faults import Fault
from devstack.servicebus import CorrelationRule, ServiceBus, Subscription, Topic
from shared.edges.bus import ServiceBusTopic, ServiceBusWatch
from shared.errors import ConfigurationError, TransientError
from shared.model import SecretValue
from shared.notice import ChangeNotice, Origin
from shared.reason import Reason
from tests.edges.notices import ABOUT, build_object_notice

WATCH = "changes/Subscriptions/watch"


@pytest.fixture(scope="module")
async def broker() -> AsyncIterator[ServiceBus]:
    """A broker whose topic keeps the notices about new versions for us."""
    rule = CorrelationRule(properties={"noticeType": "object.new-version"})
    topic = Topic(name="changes", subscriptions=[Subscription(name="watch", rules=(rule,))])
    async with ServiceBus(topics=[topic], key="key") as served:
        yield served


@pytest.fixture(scope="module")
async def opened(broker: ServiceBus) -> AsyncIterator[ServiceBusTopic]:
    """The topic."""
    topic = ServiceBusTopic(
        topic="changes", timeout=5, connection_string=SecretValue(broker.connection_string.encode())
    )
    yield topic
    await topic.close()


@pytest.fixture
def topic(broker: ServiceBus, opened: ServiceBusTopic) -> ServiceBusTopic:
    """The topic, and a broker that holds nothing."""
    broker.clear()
    broker.faults.clear()
    return opened


@pytest.fixture
async def watch(broker: ServiceBus) -> AsyncIterator[ServiceBusWatch]:
    """The edge."""
    watch = reach(broker)
    yield watch
    await watch.close()


def reach(broker: ServiceBus, subscription: str = "watch", *, timeout: float = 5) -> ServiceBusWatch:
    """Point an edge at a subscription."""
    return ServiceBusWatch(
        topic="changes",
        subscription=subscription,
        timeout=timeout,
        connection_string=SecretValue(broker.connection_string.encode()),
    )


def foreign(version: str) -> ChangeNotice:
    """Build what somebody else sent to the topic, with a property that we do not use so."""
    notice = build_object_notice(version)
    return replace(notice, properties={**notice.properties, "objectType": "something"})


async def test_what_events_and_sweeps_told_is_heard_apart(topic: ServiceBusTopic, watch: ServiceBusWatch) -> None:
    await topic.publish([build_object_notice("v1"), build_object_notice("v2", Origin.SWEEP)])

    heard = await watch.heard()

    assert heard.versions == {(ABOUT, "v1"): True, (ABOUT, "v2"): False}
    assert heard.newest is not None


async def test_looking_takes_nothing_out(broker: ServiceBus, topic: ServiceBusTopic, watch: ServiceBusWatch) -> None:
    await topic.publish([build_object_notice("v1")])

    first, second = await watch.heard(), await watch.heard()

    assert first == second
    assert len(broker.messages(WATCH)) == 1


async def test_more_than_a_page_is_looked_through(topic: ServiceBusTopic, watch: ServiceBusWatch) -> None:
    await topic.publish([build_object_notice(f"v{number}") for number in range(600)])

    heard = await watch.heard()

    assert len(heard.versions) == 600


async def test_silence_is_no_failure(topic: ServiceBusTopic, watch: ServiceBusWatch) -> None:
    del topic

    heard = await watch.heard()

    assert (dict(heard.versions), heard.newest) == ({}, None)


async def test_a_sweep_alone_is_no_sign_of_events(topic: ServiceBusTopic, watch: ServiceBusWatch) -> None:
    await topic.publish([build_object_notice("v1", Origin.SWEEP)])

    assert (await watch.heard()).newest is None


async def test_what_is_not_ours_is_passed_over(topic: ServiceBusTopic, watch: ServiceBusWatch) -> None:
    await topic.publish([foreign("v1"), build_object_notice("v2")])

    heard = await watch.heard()

    assert list(heard.versions) == [(ABOUT, "v2")]


async def test_a_subscription_that_is_not_there_is_a_configuration_fault(broker: ServiceBus) -> None:
    watch = reach(broker, "another")

    with pytest.raises(ConfigurationError) as caught:
        await watch.heard()
    await watch.close()

    assert caught.value.reason is Reason.WATCH_NOT_FOUND
    assert "SharedAccess" not in str(caught.value)


async def test_a_broker_that_does_not_answer_is_a_passing_fault(broker: ServiceBus, topic: ServiceBusTopic) -> None:
    await topic.publish([build_object_notice("v1")])
    broker.faults.plan(lambda operation: operation.kind == "manage", Fault(delay=60), times=None)
    watch = reach(broker, timeout=0.3)

    with pytest.raises(TransientError):
        await watch.heard()
    await watch.close()
    broker.faults.clear()
