"""What wakes functions from inside the host: timers, and Service Bus queues and subscriptions.

Each listener is a coroutine that runs until it is cancelled. A message whose invocation was cancelled stays locked
until its lock ends, and comes again.
"""

import asyncio
import datetime as dt
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from azure.identity.aio import ManagedIdentityCredential
from azure.servicebus import ServiceBusReceivedMessage, ServiceBusReceiveMode
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import ServiceBusError

from devstack.host.engine import Outcome, Payload
from devstack.host.functions import AppError, Function
from devstack.host.schedules import Schedule, read_schedule

_log = logging.getLogger(__name__)

# maxConcurrentCalls' default in the Service Bus extension; here it is the size of a batch that runs at once.
_CONCURRENT_CALLS: Final = 16
_RECONNECT_SECONDS: Final = 1.0

Invoke = Callable[[Function, Payload, Mapping[str, object]], Awaitable[Outcome]]


def timer_payload(*, last: dt.datetime | None = None, following: dt.datetime | None = None) -> Payload:
    """Return what a timer trigger hands over."""
    never = "0001-01-01T00:00:00+00:00"
    status = {
        "Last": last.isoformat() if last else never,
        "Next": following.isoformat() if following else never,
        "LastUpdated": last.isoformat() if last else never,
    }
    content = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": False}
    return Payload(kind="json", content=json.dumps(content))


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
    if function.properties.get("runOnStartup"):
        await invoke(function, timer_payload(), {})
    due = schedule.next_after(dt.datetime.now(dt.UTC))
    while due is not None:
        await asyncio.sleep(max(0.0, (due - dt.datetime.now(dt.UTC)).total_seconds()))
        await invoke(function, timer_payload(last=due, following=schedule.next_after(due)), {})
        # What passed by during a long invocation is not made up for.
        due = schedule.next_after(max(due, dt.datetime.now(dt.UTC)))


class MessageListener:
    """Receives from one queue or subscription and settles by the function's outcome."""

    def __init__(self, function: Function, settings: Mapping[str, str], invoke: Invoke) -> None:
        if function.properties.get("isSessionsEnabled") or function.properties.get("cardinality") == "many":
            raise AppError(f"function {function.name}: the devstack's host has no sessions and no batches")
        self._function = function
        self._invoke = invoke
        self._connection = _read_connection(function, settings)
        keys = ("queueName",) if "queueName" in function.properties else ("topicName", "subscriptionName")
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
        async with _open_client(self._connection) as client, self._open_receiver(client) as receiver:
            while True:
                messages = await receiver.receive_messages(_CONCURRENT_CALLS, max_wait_time=60)
                calls = (
                    self._invoke(self._function, message_payload(message), message_metadata(message))
                    for message in messages
                )
                outcomes = await asyncio.gather(*calls)
                # One after the other: a receiver is not made for concurrent use.
                for message, outcome in zip(messages, outcomes, strict=True):
                    await _settle(receiver, message, outcome)

    def _open_receiver(self, client: ServiceBusClient) -> ServiceBusReceiver:
        if len(self._entity) == 1:
            return client.get_queue_receiver(self._entity[0], receive_mode=ServiceBusReceiveMode.PEEK_LOCK)
        topic, subscription = self._entity
        return client.get_subscription_receiver(topic, subscription, receive_mode=ServiceBusReceiveMode.PEEK_LOCK)


async def _settle(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage, outcome: Outcome) -> None:
    try:
        if outcome.error:
            await receiver.abandon_message(message)
        else:
            await receiver.complete_message(message)
    except ServiceBusError as error:
        # A lost lock concerns this message alone: it comes again.
        _log.warning("message %s could not be settled: %s", message.message_id, error)


def message_payload(message: ServiceBusReceivedMessage) -> Payload:
    """Return a message's body: text where it is UTF-8, else bytes."""
    body = b"".join(message.body) if not isinstance(message.body, bytes) else message.body
    try:
        return Payload(kind="string", content=body.decode())
    except UnicodeDecodeError:
        return Payload(kind="bytes", content=body)


def message_metadata(message: ServiceBusReceivedMessage) -> dict[str, object]:
    """Return the trigger metadata that the Service Bus extension gives.

    `UserProperties` has to be there: the library tells one message from a batch by it. DeliveryCount counts from 1.
    """
    properties = {_text(name): _text(value) for name, value in (message.application_properties or {}).items()}
    metadata: dict[str, Any] = {
        "MessageId": message.message_id,
        "ContentType": message.content_type,
        "CorrelationId": message.correlation_id,
        "Subject": message.subject,
        "Label": message.subject,
        "To": message.to,
        "ReplyTo": message.reply_to,
        "SessionId": message.session_id,
        "PartitionKey": message.partition_key,
        "DeliveryCount": (message.delivery_count or 0) + 1,
        "SequenceNumber": message.sequence_number,
        "EnqueuedTimeUtc": _time(message.enqueued_time_utc),
        "LockedUntil": _time(message.locked_until_utc),
        "ExpiresAtUtc": _time(message.expires_at_utc),
        "LockToken": str(message.lock_token),
        "ApplicationProperties": properties,
    }
    return {**{name: value for name, value in metadata.items() if value is not None}, "UserProperties": properties}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Connection:
    """Either a connection string, or a namespace that the managed identity `client_id` may read from."""

    string: str = field(default="", repr=False)
    namespace: str = ""
    client_id: str | None = None


def _read_connection(function: Function, settings: Mapping[str, str]) -> _Connection:
    name = str(function.properties.get("connection") or "ServiceBus")
    for key in (name, f"AzureWebJobs{name}"):
        if key in settings:
            return _Connection(string=settings[key])
        if f"{key}__fullyQualifiedNamespace" in settings:
            client_id = settings.get(f"{key}__clientId")
            return _Connection(namespace=settings[f"{key}__fullyQualifiedNamespace"], client_id=client_id)
    raise AppError(f"function {function.name}: its connection needs the setting {name}, which is not set")


@asynccontextmanager
async def _open_client(connection: _Connection) -> AsyncIterator[ServiceBusClient]:
    if connection.string:
        async with ServiceBusClient.from_connection_string(connection.string) as client:
            yield client
        return
    async with (
        ManagedIdentityCredential(client_id=connection.client_id) as credential,
        ServiceBusClient(connection.namespace, credential) as client,
    ):
        yield client


def _text(value: object) -> object:
    """Return an application property as JSON can carry it."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _time(moment: dt.datetime | None) -> str | None:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if moment else None
