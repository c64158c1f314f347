"""What wakes functions from inside the host: timers, and Service Bus queues and subscriptions.

Each listener is a coroutine that runs until it is cancelled. A message whose invocation was cancelled stays locked
until its lock ends, and comes again.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import ServiceBusError

from devstack.host.functions import AppError, Function, Outcome, Payload
from devstack.host.schedules import Schedule, read_schedule

_log = logging.getLogger(__name__)

# maxConcurrentCalls' default in the Service Bus extension; here it is the size of a batch that runs at once.
_CONCURRENT_CALLS: Final = 16
_RECONNECT_SECONDS: Final = 1.0

# How long one call waits for messages. The SDK (7.15) keeps a message that its keep-alive task read just before the
# call began to count until that time is over or another comes: measured, about once in a thousand deliveries.
_WAIT_SECONDS: Final = 1.0

TIMER: Final = Payload(kind="json", content='{"Schedule": {}, "ScheduleStatus": {}, "IsPastDue": false}')
"""What a timer trigger hands over. Nothing remembers when it last ran."""

Invoke = Callable[[Function, Payload, Mapping[str, object]], Awaitable[Outcome]]


def read_timer(function: Function, settings: Mapping[str, str]) -> Schedule:
    """Return a timer trigger's schedule.

    Raises:
        AppError: A setting is missing or the expression is none.
    """
    try:
        return read_schedule(function.setting("schedule", settings))
    except ValueError as error:
        raise AppError(f"function {function.name}: {error}") from error


async def run_timer(function: Function, schedule: Schedule, invoke: Invoke) -> None:
    """Invoke a function at every occurrence of its schedule, one after the other."""
    due = schedule.next_after(dt.datetime.now(dt.UTC))
    while due is not None:
        await asyncio.sleep(max(0.0, (due - dt.datetime.now(dt.UTC)).total_seconds()))
        await invoke(function, TIMER, {})
        # What passed by during a long invocation is not made up for.
        due = schedule.next_after(max(due, dt.datetime.now(dt.UTC)))


class MessageListener:
    """Receives from one queue or subscription and settles by the function's outcome."""

    def __init__(self, function: Function, settings: Mapping[str, str], invoke: Invoke) -> None:
        if function.properties.get("isSessionsEnabled") or function.properties.get("cardinality") == "many":
            raise AppError(f"function {function.name}: the devstack's host has no sessions and no batches")
        connection = str(function.properties.get("connection"))
        if connection not in settings:
            raise AppError(
                f"function {function.name}: its connection needs the setting {connection}, which is not set; "
                "the devstack's host connects by connection strings only"
            )
        keys = ("queueName",) if "queueName" in function.properties else ("topicName", "subscriptionName")
        self._function = function
        self._invoke = invoke
        self._connection = settings[connection]
        self._entity = [function.setting(key, settings) for key in keys]

    async def run(self) -> None:
        """Receive until cancelled; a lost connection is opened again."""
        while True:
            try:
                await self._receive()
            except Exception as error:  # noqa: BLE001 a listener that ended would look like an empty queue
                _log.warning("function %s: %s: %s", self._function.name, type(error).__name__, error)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _receive(self) -> None:
        async with (
            ServiceBusClient.from_connection_string(self._connection) as client,
            self._open_receiver(client) as receiver,
        ):
            while True:
                messages = await receiver.receive_messages(_CONCURRENT_CALLS, max_wait_time=_WAIT_SECONDS)
                calls = [self._invoke(self._function, _payload(message), _metadata(message)) for message in messages]
                outcomes = await asyncio.gather(*calls)
                # One after the other: a receiver is not made for concurrent use.
                for message, outcome in zip(messages, outcomes, strict=True):
                    await _settle(receiver, message, outcome)

    def _open_receiver(self, client: ServiceBusClient) -> ServiceBusReceiver:
        if len(self._entity) == 1:
            return client.get_queue_receiver(self._entity[0])
        return client.get_subscription_receiver(*self._entity)


async def _settle(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage, outcome: Outcome) -> None:
    try:
        if outcome.error:
            await receiver.abandon_message(message)
        else:
            await receiver.complete_message(message)
    except ServiceBusError as error:
        # A lost lock concerns this message alone: it comes again.
        _log.warning("message %s could not be settled: %s", message.message_id, error)


def _payload(message: ServiceBusReceivedMessage) -> Payload:
    """Return a message's body: text where it is UTF-8, else bytes."""
    body = b"".join(message.body)
    try:
        return Payload(kind="string", content=body.decode())
    except UnicodeDecodeError:
        return Payload(kind="bytes", content=body)


def _metadata(message: ServiceBusReceivedMessage) -> dict[str, object]:
    """Return the trigger metadata that the Service Bus extension gives, as far as an app here may look at it.

    `UserProperties` has to be there: the library tells one message from a batch by it. DeliveryCount counts from 1.
    """
    properties = {_text(name): _text(value) for name, value in (message.application_properties or {}).items()}
    metadata: dict[str, Any] = {
        "MessageId": message.message_id,
        "ContentType": message.content_type,
        "CorrelationId": message.correlation_id,
        "Subject": message.subject,
        "SessionId": message.session_id,
        "DeliveryCount": (message.delivery_count or 0) + 1,
        "SequenceNumber": message.sequence_number,
        "EnqueuedTimeUtc": message.enqueued_time_utc.isoformat() if message.enqueued_time_utc else None,
        "ApplicationProperties": properties,
        "UserProperties": properties,
    }
    return {name: value for name, value in metadata.items() if value is not None}


def _text(value: object) -> object:
    """Return an application property as JSON can carry it."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if value is None or isinstance(value, str | int | float) else str(value)
