"""The app's Service Bus namespace, looked at by an operator: nothing is sent, nothing is taken. SDKs stop here.

What a queue or subscription keeps is peeked: that shows messages that are due later and those that somebody holds.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusReceivedMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender
from azure.servicebus.amqp import AmqpMessageBodyType

from shared.bus_setting import BusSetting
from shared.edges.bus import QUEUE_REASONS, TOPIC_REASONS, WATCH_REASONS
from shared.edges.bus_client import open_client
from shared.edges.outlet import Reasons, translate

_PAGE = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A message without its body: its subject, when it was or will be enqueued, and its dead-letter reason."""

    subject: str
    due: datetime | None
    reason: str
    held_back: bool


class BusReach:
    """The topic, the queue and a subscription. Made inside the running loop; `timeout` is for one try, in seconds.

    Methods raise `FanoutError`s, as the app's own edges do.
    """

    def __init__(self, setting: BusSetting, credential: AsyncTokenCredential | None, *, timeout: float) -> None:
        self._setting = setting
        self._timeout = timeout
        self._client: ServiceBusClient = open_client(
            timeout, connection_string=setting.connection_string, namespace=setting.namespace, credential=credential
        )

    async def may_send_to_topic(self) -> None:
        """Open a sender's link to the topic, which takes the right to send, and send nothing."""
        await self._link(lambda: self._client.get_topic_sender(self._setting.topic), self._setting.topic, TOPIC_REASONS)

    async def may_send_to_queue(self) -> None:
        """Open a sender's link to the queue, and send nothing."""
        await self._link(lambda: self._client.get_queue_sender(self._setting.queue), self._setting.queue, QUEUE_REASONS)

    async def queue(self, *, dead: bool = False, most: int) -> list[Kept]:
        """Return what the queue keeps, or its dead letters, `most` at most."""
        name = self._setting.queue
        part = ServiceBusSubQueue.DEAD_LETTER if dead else None
        return await self._peek(
            lambda: self._client.get_queue_receiver(name, sub_queue=part), name, QUEUE_REASONS, most
        )

    async def subscription(self, name: str, *, dead: bool = False, most: int) -> list[Kept]:
        """Return what a subscription of the topic keeps, or its dead letters, `most` at most."""
        topic = self._setting.topic
        part = ServiceBusSubQueue.DEAD_LETTER if dead else None
        return await self._peek(
            lambda: self._client.get_subscription_receiver(topic, name, sub_queue=part),
            f"{topic}/{name}",
            WATCH_REASONS,
            most,
        )

    async def bodies(self, queue: str) -> AsyncIterator[tuple[bytes, datetime]]:
        """Yield what any queue keeps, oldest first: each message's bytes (none of another form), and when it came."""
        with _translated(queue, QUEUE_REASONS):
            async with self._client.get_queue_receiver(queue) as receiver:
                async for message in self._pages(receiver):
                    data = message.body_type is AmqpMessageBodyType.DATA
                    at = message.enqueued_time_utc or datetime.now(UTC)
                    yield b"".join(message.body) if data else b"", at

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def _link(self, open_sender: Callable[[], ServiceBusSender], name: str, reasons: Reasons) -> None:
        with _translated(name, reasons):
            async with open_sender() as sender:
                # A batch needs the link's own limit of size, so the link is attached when this returns.
                await sender.create_message_batch()

    async def _peek(
        self, open_receiver: Callable[[], ServiceBusReceiver], name: str, reasons: Reasons, most: int
    ) -> list[Kept]:
        found = list[Kept]()
        with _translated(name, reasons):
            async with open_receiver() as receiver:
                async for message in self._pages(receiver):
                    found.append(_kept(message))
                    if len(found) >= most:
                        break
        return found

    async def _pages(self, receiver: ServiceBusReceiver) -> AsyncIterator[ServiceBusReceivedMessage]:
        position = 1
        while page := await receiver.peek_messages(_PAGE, sequence_number=position, timeout=self._timeout):
            for message in page:
                position = max(position, (message.sequence_number or 0) + 1)
                yield message


@contextlib.contextmanager
def _translated(name: str, reasons: Reasons) -> Iterator[None]:
    failure = None
    try:
        yield
    except (AzureError, ValueError) as error:
        failure = translate(error, name, reasons)
    if failure is not None:
        raise failure


def _kept(message: ServiceBusReceivedMessage) -> Kept:
    scheduled = message.scheduled_enqueue_time_utc
    return Kept(
        subject=_text(message.subject),
        due=scheduled or message.enqueued_time_utc,
        reason=_text(message.dead_letter_reason),
        held_back=scheduled is not None,
    )


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    return value[:80] if isinstance(value, str) else ""
