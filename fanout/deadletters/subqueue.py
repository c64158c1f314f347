"""The job queue's dead letters: looked through, taken one after another, and put back as fresh jobs.

The SDK's types and errors stop here.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.servicebus import (
    ServiceBusMessage,
    ServiceBusReceivedMessage,
    ServiceBusReceiveMode,
    ServiceBusSubQueue,
    exceptions,
)
from azure.servicebus.aio import ServiceBusReceiver
from azure.servicebus.amqp import AmqpMessageBodyType

from fanout.deadletters.jobs import Dead
from fanout.errors import OperatorError
from shared import job_message
from shared.bus_setting import BusSetting
from shared.edges.bus import QUEUE_REASONS
from shared.edges.bus_client import open_client
from shared.edges.outlet import Outlet
from shared.job import Job

_PAGE = 100
_AT_ONCE = 32
_LONGEST = 500


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A dead letter that is locked for us."""

    dead: Dead
    _message: ServiceBusReceivedMessage
    _receiver: ServiceBusReceiver

    async def complete(self) -> None:
        """Ask for it to be removed. The SDK waits for no answer: whether it is gone, only a look tells."""
        with contextlib.suppress(AzureError, ValueError):
            await self._receiver.complete_message(self._message)

    async def release(self) -> None:
        """Give it back. Where that fails, its lock ends by itself."""
        with contextlib.suppress(AzureError, ValueError):
            await self._receiver.abandon_message(self._message)


class DeadLetterQueue:
    """The job queue and its dead letters. Made inside the running loop.

    `patience` is how long there may be nothing to take, in seconds. Methods raise `OperatorError` where the queue
    cannot be reached.
    """

    def __init__(
        self,
        setting: BusSetting,
        credential: AsyncTokenCredential | None = None,
        *,
        timeout: float,
        patience: float = 5.0,
    ) -> None:
        self.name = setting.queue
        self._timeout = timeout
        self._patience = patience
        self._client = open_client(
            timeout,
            connection_string=setting.connection_string,
            namespace=setting.namespace,
            credential=credential,
        )
        self._outlet = Outlet(
            setting.queue,
            timeout=timeout,
            open_sender=lambda: self._client.get_queue_sender(setting.queue),
            reasons=QUEUE_REASONS,
        )
        # One link for all of it: what was settled is on its way before a later look.
        self._receiver = self._client.get_queue_receiver(
            self.name, sub_queue=ServiceBusSubQueue.DEAD_LETTER, receive_mode=ServiceBusReceiveMode.PEEK_LOCK
        )

    async def peek(self) -> AsyncIterator[Dead]:
        """Yield every dead letter, those that somebody holds as well. Nothing is taken."""
        position = 1
        try:
            while page := await self._receiver.peek_messages(_PAGE, sequence_number=position, timeout=self._timeout):
                for message in page:
                    dead = _dead(message)
                    position = max(position, dead.sequence + 1)
                    yield dead
        except (AzureError, ValueError) as error:
            raise self._translate(error) from None

    async def take(self) -> Sequence[Held]:
        """Return the next dead letters, under locks; none where all are held or there are no more."""
        try:
            found = await self._receiver.receive_messages(max_message_count=_AT_ONCE, max_wait_time=self._patience)
        except (AzureError, ValueError) as error:
            raise self._translate(error) from None
        return [Held(_dead(message), message, self._receiver) for message in found]

    async def send(self, jobs: Sequence[tuple[str, Job]]) -> None:
        """Put jobs on the queue under these ids. Raises as `Outlet.send` does."""
        await self._outlet.send(
            [
                ServiceBusMessage(
                    job_message.compose(fresh),
                    content_type="application/json",
                    message_id=message_id,
                    subject=type(fresh).__name__,
                )
                for message_id, fresh in jobs
            ]
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._outlet.close()
        await self._receiver.close()
        await self._client.close()

    def _translate(self, error: Exception) -> OperatorError:
        where = f"the dead letters of {self.name}"
        if isinstance(error, ValueError):
            return OperatorError(f"{where}: the connection string is for another queue")
        if isinstance(error, exceptions.ServiceBusAuthorizationError):
            return OperatorError(f"{where}: give yourself the role Azure Service Bus Data Receiver on the queue")
        if isinstance(error, exceptions.ServiceBusAuthenticationError | ClientAuthenticationError):
            return OperatorError(f"{where}: not signed in; run az login, or check ServiceBusConnection")
        if isinstance(error, exceptions.MessagingEntityNotFoundError):
            return OperatorError(f"{where}: there is no such queue; check JOB_QUEUE")
        return OperatorError(f"{where}: {type(error).__name__}; can the namespace be reached from here?")


def _dead(message: ServiceBusReceivedMessage) -> Dead:
    body: bytes | None = None
    if message.body_type is AmqpMessageBodyType.DATA:
        body = b"".join(part for part in message.body if isinstance(part, bytes))
    return Dead(
        sequence=message.sequence_number or 0,
        body=body,
        reason=_text(message.dead_letter_reason),
        description=_text(message.dead_letter_error_description),
        deliveries=message.delivery_count or 0,
        enqueued=message.enqueued_time_utc,
    )


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value[:_LONGEST].decode(errors="replace")
    return value[:_LONGEST] if isinstance(value, str) else ""
