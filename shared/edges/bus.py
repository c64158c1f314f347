"""The Service Bus topic as a `ports.Bus`: one long-lived sender behind one task.

The SDK's sender corrupts itself when two tasks use it at once, its sends have no time-out by default, and one refusal
leaves it waiting for ever (local-stack 1.5, 1.7). So sends are one after another, each has a limit, and a sender
whose send did not end well is thrown away.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.servicebus import ServiceBusMessage, exceptions
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

from shared.errors import ConfigurationError, FanoutError, PermanentError, TransientError, describe_fault
from shared.model import SecretValue
from shared.notice import CONTENT_TYPE, ChangeNotice
from shared.reason import Reason

_CONFIGURATION: dict[type[Exception], Reason] = {
    exceptions.ServiceBusAuthenticationError: Reason.TOPIC_FORBIDDEN,
    exceptions.ServiceBusAuthorizationError: Reason.TOPIC_FORBIDDEN,
    exceptions.MessagingEntityNotFoundError: Reason.TOPIC_NOT_FOUND,
    exceptions.MessagingEntityDisabledError: Reason.TOPIC_NOT_FOUND,
    exceptions.ServiceBusQuotaExceededError: Reason.TOPIC_REFUSED,
    ClientAuthenticationError: Reason.TOPIC_FORBIDDEN,
}

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Share:
    """What one caller hands in, and what became of it."""

    messages: list[ServiceBusMessage]
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    error: FanoutError | None = None

    def settle(self, error: FanoutError | None) -> None:
        self.error = error
        self.settled.set()


class ServiceBusTopic:
    """A topic, by connection string or by namespace and identity. Made inside the running loop."""

    def __init__(
        self,
        *,
        topic: str,
        timeout: float,
        connection_string: SecretValue | None = None,
        namespace: str = "",
        credential: AsyncTokenCredential | None = None,
    ) -> None:
        self._topic = topic
        self._timeout = timeout
        self._waiting: list[_Share] = []
        self._pump: asyncio.Task[None] | None = None
        self._sender: ServiceBusSender | None = None
        self._closing: set[asyncio.Task[None]] = set()
        if connection_string is not None:
            self._client = ServiceBusClient.from_connection_string(
                connection_string.reveal().decode(),
                retry_total=1,
                retry_backoff_factor=0.2,
                retry_backoff_max=1,
                try_timeout=timeout,
            )
        elif credential is not None:
            self._client = ServiceBusClient(
                namespace,
                credential,
                retry_total=1,
                retry_backoff_factor=0.2,
                retry_backoff_max=1,
                try_timeout=timeout,
            )
        else:
            raise ValueError("a topic needs a connection string, or a namespace and a credential")

    async def publish(self, notices: Sequence[ChangeNotice]) -> None:
        """Send every notice, or raise.

        What several callers hand in while a send is under way goes out together, in as few batches as the size limit
        allows. A task of the topic's own sends, so that a caller who is cut off cuts nobody else off. Raises
        `TransientError`, `ConfigurationError` (role, topic, quota) or `PermanentError` (a notice is too large; the
        others of its caller were sent).
        """
        if not notices:
            return
        share = _Share(messages=[_message(notice) for notice in notices])
        self._waiting.append(share)
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._send_waiting())
        try:
            await share.settled.wait()
        finally:
            if share in self._waiting:
                self._waiting.remove(share)
        if share.error is not None:
            raise share.error

    async def close(self) -> None:
        """Close the sender and the client. What was not sent yet fails."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        self._discard()
        await asyncio.gather(*self._closing, return_exceptions=True)
        await self._client.close()

    async def _send_waiting(self) -> None:
        """Send until nobody waits any more."""
        while self._waiting:
            shares, self._waiting = self._waiting, []
            try:
                error = await self._try([message for share in shares for message in share.messages])
                for share in shares:
                    alone = isinstance(error, PermanentError) and len(shares) > 1
                    share.settle(await self._try(share.messages) if alone else error)
            finally:
                for share in shares:
                    if not share.settled.is_set():
                        share.settle(
                            TransientError(f"{self._topic}: the send was cut off", reason=Reason.TOPIC_UNREACHABLE)
                        )

    async def _try(self, messages: list[ServiceBusMessage]) -> FanoutError | None:
        """Send within the time-out; return what went wrong. Whatever cut a send off, its sender is not used again."""
        well = False
        try:
            async with asyncio.timeout(self._timeout):
                await self._send(messages)
            well = True
        except TimeoutError:
            return TransientError(
                f"{self._topic}: no answer within {self._timeout:g} s", reason=Reason.TOPIC_UNREACHABLE
            )
        except (AzureError, ValueError) as error:
            return _translate(error, self._topic)
        except Exception as error:  # noqa: BLE001 - the task must live on, or those who wait behind wait for ever
            # Its text may quote what was sent, so only where it came from is logged.
            _log.error("%s: a fault while sending: %s", self._topic, describe_fault(error))
            return TransientError(f"{self._topic}: {type(error).__name__}", reason=Reason.UNEXPECTED)
        finally:
            if not well:
                self._discard()
        return None

    async def _send(self, messages: list[ServiceBusMessage]) -> None:
        """Send in batches; raise for messages that fit into none after the others were sent."""
        if self._sender is None:
            self._sender = self._client.get_topic_sender(self._topic)
        if len(messages) == 1:
            await self._sender.send_messages(messages[0], timeout=self._timeout)
            return
        too_large: exceptions.MessageSizeExceededError | None = None
        batch = await self._sender.create_message_batch()
        for message in messages:
            try:
                batch.add_message(message)
                continue
            except exceptions.MessageSizeExceededError as error:
                if len(batch) == 0:
                    too_large = error
                    continue
            await self._sender.send_messages(batch, timeout=self._timeout)
            batch = await self._sender.create_message_batch()
            try:
                batch.add_message(message)
            except exceptions.MessageSizeExceededError as error:
                too_large = error
        if len(batch) > 0:
            await self._sender.send_messages(batch, timeout=self._timeout)
        if too_large is not None:
            raise too_large

    def _discard(self) -> None:
        """Forget the sender and close it beside the way: closing waits for quiet reads of half a second."""
        sender, self._sender = self._sender, None
        if sender is not None:
            task = asyncio.create_task(_close(sender))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


async def _close(sender: ServiceBusSender) -> None:
    try:
        async with asyncio.timeout(5):
            await sender.close()
    except Exception as error:  # noqa: BLE001 - a broken link may fail to close in any way, and is gone anyhow
        _log.debug("closing a broken sender failed: %s", type(error).__name__)


def _message(notice: ChangeNotice) -> ServiceBusMessage:
    properties: dict[str | bytes, int | float | bytes | bool | str | UUID] = {}
    properties.update(notice.properties)
    return ServiceBusMessage(
        notice.body,
        content_type=CONTENT_TYPE,
        message_id=notice.id,
        session_id=notice.session,
        subject=str(notice.type),
        application_properties=properties,
    )


def _translate(error: Exception, topic: str) -> FanoutError:
    text = f"{topic}: {type(error).__name__}"
    if isinstance(error, exceptions.MessageSizeExceededError):
        return PermanentError(text, reason=Reason.TOPIC_REFUSED)
    if isinstance(error, ValueError):
        # The SDK's own check of its arguments: the connection string names another entity.
        return ConfigurationError(text, reason=Reason.TOPIC_REFUSED)
    for kind, reason in _CONFIGURATION.items():
        if isinstance(error, kind):
            return ConfigurationError(text, reason=reason)
    return TransientError(text, reason=Reason.TOPIC_UNREACHABLE)
