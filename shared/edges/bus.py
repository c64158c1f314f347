"""Service Bus: the topic as a `ports.Bus`, the job queue as a `ports.Queue`, a subscription as a `ports.Watch`.

How messages go out is in `outlet`.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Unpack
from uuid import UUID

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusReceiver

from shared import job, job_message
from shared.edges.bus_client import Reached, open_client
from shared.edges.outlet import Outlet, Reasons, translate
from shared.errors import FanoutError, TransientError
from shared.job import Job
from shared.lineage import Lineage
from shared.model import ObjectType, VaultObject
from shared.notice import CONTENT_TYPE, ChangeNotice, Origin
from shared.ports import Heard
from shared.reason import Reason

TOPIC_REASONS = Reasons(
    forbidden=Reason.TOPIC_FORBIDDEN,
    not_found=Reason.TOPIC_NOT_FOUND,
    refused=Reason.TOPIC_REFUSED,
    unreachable=Reason.TOPIC_UNREACHABLE,
)
WATCH_REASONS = Reasons(
    forbidden=Reason.WATCH_FORBIDDEN,
    not_found=Reason.WATCH_NOT_FOUND,
    refused=Reason.TOPIC_REFUSED,
    unreachable=Reason.TOPIC_UNREACHABLE,
)
QUEUE_REASONS = Reasons(
    forbidden=Reason.QUEUE_FORBIDDEN,
    not_found=Reason.QUEUE_NOT_FOUND,
    refused=Reason.QUEUE_REFUSED,
    unreachable=Reason.QUEUE_UNREACHABLE,
)

_PAGE = 250
"""Messages that are looked through at a time; a peek gives 250 at most."""
_LONG_LOOK = 6
"""Time-outs that a look through all of a subscription may take."""


class ServiceBusTopic:
    """A topic, by connection string or by namespace and identity. Made inside the running loop."""

    def __init__(self, *, topic: str, timeout: float, **reached: Unpack[Reached]) -> None:
        self._client = open_client(timeout, **reached)
        self._outlet = Outlet(
            topic, timeout=timeout, open_sender=lambda: self._client.get_topic_sender(topic), reasons=TOPIC_REASONS
        )

    def open_ahead(self) -> None:
        """Begin to open the link (see `Outlet.open_ahead`)."""
        self._outlet.open_ahead()

    async def publish(self, notices: Sequence[ChangeNotice]) -> None:
        """Send every notice, or raise (see `Outlet.send`)."""
        await self._outlet.send([_notice(one) for one in notices])

    async def close(self) -> None:
        """Close the sender and the client. What was not sent yet fails."""
        await self._outlet.close()
        await self._client.close()


class ServiceBusQueue:
    """The job queue, reached as the topic is. Jobs are received by the host."""

    def __init__(self, *, queue: str, timeout: float, **reached: Unpack[Reached]) -> None:
        self._client = open_client(timeout, **reached)
        self._outlet = Outlet(
            queue, timeout=timeout, open_sender=lambda: self._client.get_queue_sender(queue), reasons=QUEUE_REASONS
        )

    def open_ahead(self) -> None:
        """Begin to open the link (see `Outlet.open_ahead`)."""
        self._outlet.open_ahead()

    async def schedule(self, jobs: Sequence[Job]) -> None:
        """Put every job on the queue for its own time, or raise (see `Outlet.send`)."""
        await self._outlet.send([_job(one) for one in jobs])

    async def close(self) -> None:
        """Close the sender and the client. What was not sent yet fails."""
        await self._outlet.close()
        await self._client.close()


class ServiceBusWatch:
    """A subscription that keeps what was told of objects: it is looked through, and nothing is taken out."""

    def __init__(self, *, topic: str, subscription: str, timeout: float, **reached: Unpack[Reached]) -> None:
        self._topic, self._subscription, self._timeout = topic, subscription, timeout
        self._client = open_client(timeout, **reached)

    async def heard(self) -> Heard:
        """Look through all that the subscription keeps; a link of its own each time, because sweeps are far apart."""
        failure: FanoutError
        try:
            async with (
                asyncio.timeout(self._timeout * _LONG_LOOK),
                self._client.get_subscription_receiver(self._topic, self._subscription) as receiver,
            ):
                return await self._look_through(receiver)
        except TimeoutError:
            failure = TransientError(
                f"{self._subscription}: not looked through in time", reason=Reason.TOPIC_UNREACHABLE
            )
        except (AzureError, ValueError) as error:
            failure = translate(error, f"{self._topic}/{self._subscription}", WATCH_REASONS)
        raise failure

    async def _look_through(self, receiver: ServiceBusReceiver) -> Heard:
        versions: dict[tuple[VaultObject, str], bool] = {}
        newest: datetime | None = None
        position = 1
        while page := await receiver.peek_messages(_PAGE, sequence_number=position, timeout=self._timeout):
            for message in page:
                position = max(position, (message.sequence_number or 0) + 1)
                told = {_text(name): _text(value) for name, value in (message.application_properties or {}).items()}
                if told.get("objectType") not in set(ObjectType):
                    continue  # not ours
                about = VaultObject(
                    vault=told.get("vault", ""), type=ObjectType(told["objectType"]), name=told.get("object", "")
                )
                by_event = told.get("origin") == Origin.EVENT
                place = about, told.get("version", "")
                versions[place] = by_event or versions.get(place, False)
                at = message.enqueued_time_utc
                if by_event and at is not None:
                    newest = max(newest or at, at)
        return Heard(versions=versions, newest=newest)

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _notice(notice: ChangeNotice) -> ServiceBusMessage:
    properties: dict[str | bytes, int | float | bytes | bool | str | UUID] = {}
    properties.update(notice.properties)
    properties.update(_traced(notice.trace))
    return ServiceBusMessage(
        notice.body,
        content_type=CONTENT_TYPE,
        message_id=notice.id,
        session_id=notice.session,
        subject=str(notice.type),
        application_properties=properties,
    )


def _traced(trace: Lineage | None) -> dict[str, str]:
    """Name the trace as Service Bus clients do: `Diagnostic-Id` is what the host's trigger goes by."""
    return {**trace.attributes, "Diagnostic-Id": trace.parent} if trace else {}


def _job(due: Job) -> ServiceBusMessage:
    properties: dict[str | bytes, int | float | bytes | bool | str | UUID] = {}
    properties.update(_traced(due.cause.trace))
    return ServiceBusMessage(
        job_message.compose(due),
        content_type="application/json",
        message_id=job.identify(due),
        subject=type(due).__name__,
        application_properties=properties,
        scheduled_enqueue_time_utc=due.due,
    )
