"""The translation between AMQP's deliveries and the entities: sending, receiving, settling."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from devstack.amqp.codec import Long, Symbol
from devstack.amqp.errors import NOT_IMPLEMENTED, AmqpError
from devstack.amqp.nodes import Delivery, Terms
from devstack.amqp.performatives import Accepted, Modified, Outcome, Rejected, Released
from devstack.faults import Faults
from devstack.servicebus import messages
from devstack.servicebus.inlets import Inlet
from devstack.servicebus.operations import Operation, undergo
from devstack.servicebus.queues import MessageQueue

SESSION_FILTER = Symbol("com.microsoft:session-filter")
TIMEOUT = "com.microsoft:timeout"
_LOCKED_UNTIL = Symbol("com.microsoft:locked-until-utc")
_DOT_NET_EPOCH = 621_355_968_000_000_000
"""Ticks of 100 nanoseconds from the year 1 to 1970."""


async def send(faults: Faults[Operation], path: str, inlet: Inlet, delivery: Delivery) -> None:
    """Take a message, or a batch of them as a whole, into a queue or topic."""
    batch = delivery.message_format == messages.BATCH
    sent = messages.read_batch(delivery.payload) if batch else [messages.read(delivery.payload)]
    operations = [Operation(kind="send", entity=path, message_id=message.message_id) for message in sent]
    await undergo(faults, operations, lambda: inlet.send(sent))


@dataclass(frozen=True, slots=True)
class Held:
    """A session that a receiver holds, its token, and until when, in Unix seconds."""

    session: str
    holder: uuid.UUID
    until: float


async def accept(queue: MessageQueue, wanted: str | None, *, patience: float) -> Held:
    """Hold a session, or the next that has messages, waiting for it for some seconds. Raises AmqpError."""
    changed = asyncio.Event()
    queue.watch(changed.set)
    try:
        async with asyncio.timeout(patience):
            while (found := queue.accept(wanted)) is None:
                changed.clear()
                await changed.wait()
        return Held(*found)
    except TimeoutError:
        raise AmqpError(TIMEOUT, "there is no session with messages that nobody holds") from None
    finally:
        queue.unwatch(changed.set)


class QueueSupply:
    """A queue, subscription or dead-letter queue that a client receives from; with `settled` for good.

    With `held` it is one session of it.
    """

    def __init__(
        self,
        faults: Faults[Operation],
        queue: MessageQueue,
        wake: Callable[[], None],
        *,
        settled: bool,
        held: Held | None = None,
    ) -> None:
        self._held = held
        self._session = held.session if held else None
        self._faults = faults
        self._queue = queue
        self._settled = settled
        self._wake = wake
        queue.watch(wake)

    @property
    def terms(self) -> Terms:
        """The session that the receiver got, and until when."""
        if self._held is None:
            return Terms()
        until = Long(round(self._held.until * 10_000_000) + _DOT_NET_EPOCH)
        return Terms(filters={SESSION_FILTER: self._held.session}, properties={_LOCKED_UNTIL: until})

    async def take(self) -> Delivery | None:
        """Return the next message: locked, or for good where the client wants it settled."""
        if self._held is not None:
            self._queue.check_session(self._held.session, self._held.holder)
        following = self._queue.find_next(self._session)
        if following is None:
            return None
        operation = Operation(kind="receive", entity=self._queue.path, message_id=following.message_id)
        return await undergo(self._faults, [operation], self._take)

    async def settle(self, tag: bytes, outcome: Outcome) -> None:
        """Do what the outcome says. Raises AmqpError, among others for a lock that is lost."""
        if self._held is not None:
            self._queue.check_session(self._held.session, self._held.holder)
        token = uuid.UUID(bytes_le=tag)
        operation = Operation(
            kind="settle",
            entity=self._queue.path,
            message_id=self._queue.find_locked(token).message_id,
            action=type(outcome).__name__.lower(),
        )
        await undergo(self._faults, [operation], lambda: self._settle(token, outcome))

    def detached(self) -> None:
        """Call back no longer, and give the session back."""
        self._queue.unwatch(self._wake)
        if self._held is not None:
            self._queue.leave(self._held.session, self._held.holder)

    def _take(self) -> Delivery | None:
        stored = self._queue.take(lock=not self._settled, session=self._session)
        if stored is None:
            return None
        # The SDK reads the lock token out of the tag with bytes_le, and fails on any other length than 16.
        token = stored.lock.token if stored.lock else uuid.uuid4()
        return Delivery(payload=stored.encode(), tag=token.bytes_le, settled=self._settled)

    def _settle(self, token: uuid.UUID, outcome: Outcome) -> None:
        match outcome:
            case Accepted():
                self._queue.complete(token)
            case Modified(undeliverable_here=True):
                raise AmqpError(NOT_IMPLEMENTED, "deferring is not served")
            case Modified(message_annotations=annotations) if annotations:
                raise AmqpError(NOT_IMPLEMENTED, "changing properties when abandoning is not served")
            case Modified():
                self._queue.abandon(token)
            case Released():
                self._queue.release(token)
            case Rejected(error=error):
                info = error.info if error and isinstance(error.info, dict) else {}
                reason, description = info.get(messages.DEAD_LETTER_REASON), info.get(messages.DEAD_LETTER_DESCRIPTION)
                self._queue.dead_letter(token, reason, description)
