"""What goes out to one queue or topic: one long-lived sender behind one task.

The SDK's sender corrupts itself when two tasks use it at once, its sends have no time-out by default, and one refusal
leaves it waiting for ever (local-stack 1.5, 1.7). So sends are one after another, each has a limit, and a sender
whose send did not end well is thrown away.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.servicebus import ServiceBusMessage, exceptions
from azure.servicebus.aio import ServiceBusSender

from shared.errors import ConfigurationError, FanoutError, PermanentError, TransientError, describe_fault
from shared.reason import Reason

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """The words for what can be wrong with an entity."""

    forbidden: Reason
    not_found: Reason
    refused: Reason
    unreachable: Reason


@dataclass(slots=True, eq=False)
class _Share:
    """What one caller hands in, and what became of it."""

    messages: list[ServiceBusMessage]
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    error: FanoutError | None = None

    def settle(self, error: FanoutError | None) -> None:
        self.error = error
        self.settled.set()


class Outlet:
    """Sends to one entity, which `open_sender` reaches. Made inside the running loop."""

    def __init__(
        self, name: str, *, timeout: float, open_sender: Callable[[], ServiceBusSender], reasons: Reasons
    ) -> None:
        self._name = name
        self._timeout = timeout
        self._open_sender = open_sender
        self._reasons = reasons
        self._waiting: list[_Share] = []
        self._pump: asyncio.Task[None] | None = None
        self._sender: ServiceBusSender | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def open_ahead(self) -> None:
        """Begin to open the sender before there is anything to send, because that takes the SDK half a second.

        A failure is nobody's, but for those who wait to send by then: a send of their own would have met it.
        """
        if self._pump is None:
            self._pump = asyncio.create_task(self._open_then_send())

    async def send(self, messages: Sequence[ServiceBusMessage]) -> None:
        """Send every message, or raise.

        What several callers hand in while a send is under way goes out together, in as few batches as the size limit
        allows. A task of the outlet's own sends, so that a caller who is cut off cuts nobody else off. Raises
        `TransientError`, `ConfigurationError` (role, entity, quota) or `PermanentError` (a message is too large; the
        others of its caller were sent).
        """
        if not messages:
            return
        share = _Share(messages=list(messages))
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
        """Close the sender. What was not sent yet fails."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        waiting, self._waiting = self._waiting, []
        for share in waiting:
            share.settle(self._cut_off())
        self._discard()
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _open_then_send(self) -> None:
        error = await self._try(self._open())
        if error is not None:
            shares, self._waiting = self._waiting, []
            for share in shares:
                share.settle(error)
        await self._send_waiting()

    async def _send_waiting(self) -> None:
        """Send until nobody waits any more."""
        while self._waiting:
            shares, self._waiting = self._waiting, []
            try:
                error = await self._try(self._send([message for share in shares for message in share.messages]))
                for share in shares:
                    alone = isinstance(error, PermanentError) and len(shares) > 1
                    share.settle(await self._try(self._send(share.messages)) if alone else error)
            finally:
                for share in shares:
                    if not share.settled.is_set():
                        share.settle(self._cut_off())

    def _cut_off(self) -> FanoutError:
        return TransientError(f"{self._name}: the send was cut off", reason=self._reasons.unreachable)

    async def _try(self, work: Awaitable[object]) -> FanoutError | None:
        """Open or send within the time-out; return what went wrong. A sender that was cut off is not used again."""
        well = False
        try:
            async with asyncio.timeout(self._timeout):
                await work
            well = True
        except TimeoutError:
            return TransientError(
                f"{self._name}: no answer within {self._timeout:g} s", reason=self._reasons.unreachable
            )
        except (AzureError, ValueError) as error:
            return translate(error, self._name, self._reasons)
        except Exception as error:  # noqa: BLE001 - the task must live on, or those who wait behind wait for ever
            # Its text may quote what was sent, so only where it came from is logged.
            _log.error("%s: a fault while sending: %s", self._name, describe_fault(error))
            return TransientError(f"{self._name}: {type(error).__name__}", reason=Reason.UNEXPECTED)
        finally:
            if not well:
                self._discard()
        return None

    async def _open(self) -> None:
        """Open the sender; to ask it for a batch opens its link."""
        self._sender = self._open_sender()
        await self._sender.create_message_batch()

    async def _send(self, messages: list[ServiceBusMessage]) -> None:
        """Send in batches; raise for messages that fit into none after the others were sent."""
        if self._sender is None:
            self._sender = self._open_sender()
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


def translate(error: Exception, name: str, reasons: Reasons) -> FanoutError:
    """Say what an error of the SDK's means, without its text, which quotes the broker."""
    text = f"{name}: {type(error).__name__}"
    if isinstance(error, exceptions.MessageSizeExceededError):
        return PermanentError(text, reason=reasons.refused)
    if isinstance(error, ValueError):
        # The SDK's own check of its arguments: the connection string names another entity.
        return ConfigurationError(text, reason=reasons.refused)
    configuration: dict[type[Exception], Reason] = {
        exceptions.ServiceBusAuthenticationError: reasons.forbidden,
        exceptions.ServiceBusAuthorizationError: reasons.forbidden,
        exceptions.MessagingEntityNotFoundError: reasons.not_found,
        exceptions.MessagingEntityDisabledError: reasons.not_found,
        exceptions.ServiceBusQuotaExceededError: reasons.refused,
        ClientAuthenticationError: reasons.forbidden,
    }
    for kind, reason in configuration.items():
        if isinstance(error, kind):
            return ConfigurationError(text, reason=reason)
    return TransientError(text, reason=reasons.unreachable)
