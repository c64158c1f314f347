"""One message: read it, hand it to those who care, settle it.

no notice at all, or a malformed one    dead letter, with the reason
an unknown type, a newer version        completed
a notice that nobody cares about        completed
a notice before the first handler       held until there is one
every handler returned                  completed
a handler raised, or took too long      abandoned after a growing pause; after `attempts` deliveries a dead letter
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver
from azure.servicebus.amqp import AmqpMessageBodyType

from keyvault_fanout.calling import call, describe, name_of
from keyvault_fanout.interest import Interest
from keyvault_fanout.locks import locked
from keyvault_fanout.notice import Foreign, Notice, Reason, parse
from keyvault_fanout.pace import Pace

_log = logging.getLogger("keyvault_fanout")

Handler = Callable[[Notice], Awaitable[object] | object]
"""Acts upon a notice; async, or blocking in a thread of its own. It may be called twice for the same notice."""

_HOPELESS = {
    Reason.NOT_A_NOTICE: "expected a CloudEvent of Key Vault Fan-out",
    Reason.MALFORMED: "a field that this type requires is missing or wrong",
}
_GOODBYE = 2.0
_LOOK = 0.1
"""Seconds between two looks whether there is a handler at all."""

HANDLER_FAILED = "handler-failed"


@dataclass(slots=True, kw_only=True)
class Delivery:
    """What is done with each message. `skipped` counts those that were no notice for this release, by reason.

    `pause` waits for some seconds, or less where the receiver is being closed.
    """

    handlers: Sequence[tuple[Interest, Handler]]
    attempts: int
    handler_timeout: float
    pace: Pace
    pause: Callable[[float], Awaitable[None]]
    skipped: dict[Reason, int] = field(default_factory=dict)
    waiting: bool = False
    """Whether a notice is held for the first handler; nobody acts upon it."""
    _heard: bool = field(default=False, init=False)

    async def deliver(self, receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage) -> None:
        """Do it. Raises what the SDK raises where the message cannot be settled: it will come again."""
        found = parse(_body(message))
        if isinstance(found, Foreign):
            await self._skip(receiver, message, found)
            return
        self._heard = self._heard or bool(self.handlers)
        if self._heard and not self._who_cares(found):
            await receiver.complete_message(message)
            return
        attempt = (message.delivery_count or 0) + 1
        async with locked(receiver, message):
            try:
                await self._first_handler()
                failure = await self._act(self._who_cares(found), found)
            except asyncio.CancelledError:
                await _give_back(receiver, message)
                raise
            if failure and attempt < self.attempts:
                await self.pause(self.pace.wait(attempt))
        if not failure:
            await receiver.complete_message(message)
        elif attempt < self.attempts:
            await receiver.abandon_message(message)
        else:
            _log.error("notice %s is given up after %d deliveries: %s", found.id, attempt, failure)
            await receiver.dead_letter_message(message, reason=HANDLER_FAILED, error_description=failure)

    async def _first_handler(self) -> None:
        self.waiting = not self.handlers
        try:
            while not self.handlers and not self._heard:  # noqa: ASYNC110 - one may be named from any thread
                await asyncio.sleep(_LOOK)
            self._heard = True
        finally:
            self.waiting = False

    def _who_cares(self, notice: Notice) -> list[Handler]:
        return [handler for interest, handler in tuple(self.handlers) if interest.matches(notice)]

    async def _act(self, handlers: Sequence[Handler], notice: Notice) -> str:
        """Call all of them, one after another, and return what failed: names, never an error's own text."""
        failures: list[str] = []
        for handler in handlers:
            try:
                async with asyncio.timeout(self.handler_timeout):
                    await call(handler, notice)
            except Exception as error:  # noqa: BLE001 - whatever it is, it ends no receiver
                failures.append(f"{name_of(handler)} raised {describe(error)}")
                _log.error("a handler failed on %s about %s: %s", notice.type, notice.about, failures[-1])
        return "; ".join(failures)

    async def _skip(self, receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage, foreign: Foreign) -> None:
        self.skipped[foreign.reason] = self.skipped.get(foreign.reason, 0) + 1
        _log.info("a message is skipped: %s %r", foreign.reason, foreign.type)
        if foreign.reason in _HOPELESS:
            await receiver.dead_letter_message(
                message, reason=foreign.reason, error_description=_HOPELESS[foreign.reason]
            )
        else:
            await receiver.complete_message(message)


async def _give_back(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage) -> None:
    """Let somebody else have it now, and not when its lock ends; where that fails, then."""
    with contextlib.suppress(AzureError, ValueError, TimeoutError):
        async with asyncio.timeout(_GOODBYE):
            await receiver.abandon_message(message)


def _body(message: ServiceBusReceivedMessage) -> bytes:
    if message.body_type is not AmqpMessageBodyType.DATA:
        return b""
    body = message.body
    return body if isinstance(body, bytes) else b"".join(part for part in body if isinstance(part, bytes))
