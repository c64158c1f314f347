"""A link that is opened before there is anything to send, and what becomes of those who wait for it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from azure.servicebus import ServiceBusMessage, exceptions
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

from devstack.servicebus import Queue, ServiceBus
from shared.edges.bus import QUEUE_REASONS
from shared.edges.outlet import Outlet
from shared.errors import TransientError


@pytest.fixture
async def broker() -> AsyncIterator[ServiceBus]:
    """A broker with a queue."""
    async with ServiceBus(queues=[Queue(name="jobs")], key="key") as served:
        yield served


class Opened:
    """An outlet over the SDK whose sender cannot be opened `failures` times."""

    def __init__(self, broker: ServiceBus, *, failures: int = 0) -> None:
        self._client = ServiceBusClient.from_connection_string(broker.connection_string)
        self._failures = failures
        self.outlet = Outlet("jobs", timeout=5, open_sender=self._open, reasons=QUEUE_REASONS)

    def _open(self) -> ServiceBusSender:
        if self._failures:
            self._failures -= 1
            raise exceptions.ServiceBusConnectionError(message="not now")
        return self._client.get_queue_sender("jobs")

    async def close(self) -> None:
        """Close both."""
        await self.outlet.close()
        await self._client.close()


def _message(name: str) -> ServiceBusMessage:
    return ServiceBusMessage("body", message_id=name)


def _arrived(broker: ServiceBus) -> list[str]:
    return [message.message_id for message in broker.messages("jobs")]


async def test_what_waits_for_a_link_that_is_being_opened_goes_out_over_it(broker: ServiceBus) -> None:
    opened = Opened(broker)
    opened.outlet.open_ahead()

    await asyncio.gather(*[opened.outlet.send([_message(name)]) for name in "ab"])
    await opened.outlet.send([_message("c")])
    await opened.close()

    assert _arrived(broker) == ["a", "b", "c"]
    assert broker.connections == 1


async def test_a_link_is_open_before_anything_is_sent(broker: ServiceBus) -> None:
    opened = Opened(broker)
    opened.outlet.open_ahead()

    async with asyncio.timeout(5):
        while not broker.connections:  # noqa: ASYNC110 - what the broker saw sets no event
            await asyncio.sleep(0.01)
    await opened.close()

    assert _arrived(broker) == []


async def test_a_link_that_could_not_be_opened_ahead_is_nobodys_failure(broker: ServiceBus) -> None:
    opened = Opened(broker, failures=1)
    opened.outlet.open_ahead()
    await asyncio.sleep(0)  # it fails here

    await opened.outlet.send([_message("a")])
    await opened.close()

    assert _arrived(broker) == ["a"]


async def test_who_waits_for_a_link_that_cannot_be_opened_is_told_and_the_next_one_tries_anew(
    broker: ServiceBus,
) -> None:
    opened = Opened(broker, failures=1)
    opened.outlet.open_ahead()

    with pytest.raises(TransientError):
        await opened.outlet.send([_message("a")])
    await opened.outlet.send([_message("b")])
    await opened.close()

    assert _arrived(broker) == ["b"]


async def test_a_link_that_was_opened_by_a_send_is_not_opened_again(broker: ServiceBus) -> None:
    opened = Opened(broker)
    await opened.outlet.send([_message("a")])

    opened.outlet.open_ahead()
    await opened.outlet.send([_message("b")])
    await opened.close()

    assert _arrived(broker) == ["a", "b"]
    assert broker.connections == 1
