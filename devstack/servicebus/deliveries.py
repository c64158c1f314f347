"""The translation between AMQP's deliveries and the entities: sending, receiving, settling."""

import uuid
from collections.abc import Callable

from devstack.amqp.errors import INVALID_FIELD, NOT_IMPLEMENTED, AmqpError
from devstack.amqp.nodes import Delivery
from devstack.amqp.performatives import Accepted, Modified, Outcome, Rejected, Released
from devstack.faults import Faults
from devstack.servicebus import messages
from devstack.servicebus.inlets import Inlet
from devstack.servicebus.operations import Operation, undergo
from devstack.servicebus.queues import MessageQueue


class EntitySink:
    """A queue or topic that a client sends to."""

    def __init__(self, faults: Faults[Operation], path: str, inlet: Inlet) -> None:
        self.max_message_size = inlet.max_message_size
        self._faults = faults
        self._path = path
        self._inlet = inlet

    async def accept(self, delivery: Delivery) -> None:
        """Take a message, or a batch of them as a whole."""
        batch = delivery.message_format == messages.BATCH
        sent = messages.read_batch(delivery.payload) if batch else [messages.read(delivery.payload)]
        operations = [Operation(kind="send", entity=self._path, message_id=message.message_id) for message in sent]
        await undergo(self._faults, operations, lambda: self._inlet.send(sent))


class QueueSupply:
    """A queue, subscription or dead-letter queue that a client receives from."""

    def __init__(self, faults: Faults[Operation], queue: MessageQueue, *, settled: bool) -> None:
        self._faults = faults
        self._queue = queue
        self._settled = settled
        self._wake: Callable[[], None] | None = None

    async def take(self) -> Delivery | None:
        """Return the next message: locked, or for good where the client wants it settled."""
        following = self._queue.find_next()
        if following is None:
            return None
        operation = Operation(kind="receive", entity=self._queue.path, message_id=following.message_id)
        return await undergo(self._faults, [operation], self._take)

    async def settle(self, tag: bytes, outcome: Outcome) -> None:
        """Do what the outcome says. Raises AmqpError, among others for a lock that is lost."""
        try:
            token = uuid.UUID(bytes_le=tag)
        except ValueError as error:
            raise AmqpError(INVALID_FIELD, "a delivery tag that is no lock token") from error
        operation = Operation(
            kind="settle",
            entity=self._queue.path,
            message_id=self._queue.find_locked(token).message_id,
            action=type(outcome).__name__.lower(),
        )
        await undergo(self._faults, [operation], lambda: self._settle(token, outcome))

    def attached(self, wake: Callable[[], None]) -> None:
        """Call back when a message becomes available."""
        self._wake = wake
        self._queue.watch(wake)

    def detached(self) -> None:
        """Call back no longer."""
        if self._wake:
            self._queue.unwatch(self._wake)
            self._wake = None

    def _take(self) -> Delivery | None:
        stored = self._queue.take(lock=not self._settled)
        if stored is None:
            return None
        # The SDK reads the lock token out of the tag with bytes_le, and fails on any other length than 16.
        tag = stored.lock.token.bytes_le if stored.lock else uuid.uuid4().bytes_le
        return Delivery(payload=stored.encode(), tag=tag, settled=self._settled)

    def _settle(self, token: uuid.UUID, outcome: Outcome) -> None:
        match outcome:
            case Accepted():
                self._queue.complete(token)
            case Released() | Modified(delivery_failed=None | False, undeliverable_here=None | False):
                self._queue.release(token)
            case Modified(undeliverable_here=True):
                raise AmqpError(NOT_IMPLEMENTED, "deferring is not served")
            case Modified(message_annotations=annotations) if annotations:
                raise AmqpError(NOT_IMPLEMENTED, "changing properties when abandoning is not served")
            case Modified():
                self._queue.abandon(token)
            case Rejected():
                self._queue.dead_letter(token, _read_reasons(outcome))


def _read_reasons(outcome: Rejected) -> dict[str, str]:
    if outcome.error is None:
        return {}
    info = outcome.error.info or {}
    names = (messages.DEAD_LETTER_REASON, messages.DEAD_LETTER_DESCRIPTION)
    return {name: str(info[name]) for name in names if info.get(name) is not None}
