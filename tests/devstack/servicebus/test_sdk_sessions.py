"""Sessions with the unmodified SDK: who gets which, who has to wait, and what becomes of what was not settled."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import (
    OperationTimeoutError,
    ServiceBusError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

from devstack.servicebus import ServiceBus, Subscription, Topic
from tests.e2e.scene import AheadClock

TOPIC, SUBSCRIPTION = "changes", "in-order"


@pytest.fixture
def clock() -> AheadClock:
    """The broker's time: the SDK compares it with its own."""
    return AheadClock()


@pytest_asyncio.fixture
async def broker(clock: AheadClock) -> AsyncIterator[ServiceBus]:
    """A topic with a subscription that requires sessions, and one that has none."""
    subscriptions = [Subscription(name=SUBSCRIPTION, requires_session=True), Subscription(name="plain")]
    async with ServiceBus(topics=[Topic(name=TOPIC, subscriptions=subscriptions)], key="key", clock=clock) as running:
        yield running


@pytest_asyncio.fixture
async def client(broker: ServiceBus) -> AsyncIterator[ServiceBusClient]:
    """A client that does not try again."""
    async with ServiceBusClient.from_connection_string(broker.connection_string, retry_total=0) as opened:
        async with opened.get_topic_sender(TOPIC) as sender:
            for body, session in ((b"1", "a"), (b"2", "b"), (b"3", "a")):
                await sender.send_messages(ServiceBusMessage(body, session_id=session))
        yield opened


def receiver(client: ServiceBusClient, session: object, *, wait: float = 1) -> ServiceBusReceiver:
    """Return a receiver of a session."""
    return client.get_subscription_receiver(TOPIC, SUBSCRIPTION, session_id=session, max_wait_time=wait)  # type: ignore[arg-type]


async def bodies(opened: ServiceBusReceiver) -> list[bytes]:
    """Receive what there is."""
    return [b"".join(message.body) for message in await opened.receive_messages(10, max_wait_time=1)]


async def test_a_receiver_gets_the_messages_of_its_session_alone_and_in_order(client: ServiceBusClient) -> None:
    async with receiver(client, NEXT_AVAILABLE_SESSION) as first, receiver(client, NEXT_AVAILABLE_SESSION) as second:
        assert (first.session.session_id, await bodies(first)) == ("a", [b"1", b"3"])
        assert (second.session.session_id, await bodies(second)) == ("b", [b"2"])


async def test_a_session_that_somebody_holds_cannot_be_had_until_it_is_given_back(client: ServiceBusClient) -> None:
    async with receiver(client, "a"):
        with pytest.raises(SessionCannotBeLockedError):
            async with receiver(client, "a"):
                pass

    async with receiver(client, "a") as later:
        assert await bodies(later) == [b"1", b"3"]


async def test_where_no_session_has_messages_the_wait_ends_with_a_time_out(
    broker: ServiceBus, client: ServiceBusClient
) -> None:
    broker.clear()

    with pytest.raises(OperationTimeoutError):
        async with receiver(client, NEXT_AVAILABLE_SESSION, wait=0.2):
            pass


async def test_what_was_not_settled_comes_again_to_who_is_next(client: ServiceBusClient) -> None:
    async with receiver(client, "b") as first:
        await first.receive_messages(1)

    async with receiver(client, "b") as second:
        (message,) = await second.receive_messages(1)
        assert (b"".join(message.body), message.delivery_count) == (b"2", 1)


async def test_a_session_whose_lock_ran_out_is_lost_with_its_messages(
    client: ServiceBusClient, clock: AheadClock
) -> None:
    async with receiver(client, "b") as late:
        await late.receive_messages(1)
        clock.ahead += 61

        with pytest.raises(SessionLockLostError):
            await late.session.renew_lock()
        async with receiver(client, "b") as other:
            assert await bodies(other) == [b"2"]


@pytest.mark.parametrize(("subscription", "session"), [(SUBSCRIPTION, None), ("plain", "a")])
async def test_a_receiver_and_a_subscription_that_do_not_agree_about_sessions_are_refused(
    client: ServiceBusClient, subscription: str, session: str | None
) -> None:
    with pytest.raises(ServiceBusError, match="sessions"):
        async with client.get_subscription_receiver(TOPIC, subscription, session_id=session):
            pass
