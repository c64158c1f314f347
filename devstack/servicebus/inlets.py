"""Where messages enter a queue or topic: duplicates, and those scheduled for later. Pure, with the clock given.

What happens to a message that is due is somebody else's: `deliver` takes it.
"""

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from devstack.amqp.errors import AmqpError
from devstack.clock import Clock
from devstack.servicebus.messages import StoredMessage

MESSAGE_NOT_FOUND = "com.microsoft:message-not-found"

REMEMBERED = 10_000
"""How many accepted messages can be looked at afterwards: a stack that runs for days must not fill the memory."""


class Inlet:
    """The entrance of one queue or topic, and its counter of sequence numbers.

    An id is a duplicate for `duplicate_window` seconds from its first sighting; duplicates do not extend that.
    """

    def __init__(
        self, *, clock: Clock, duplicate_window: float | None, deliver: Callable[[StoredMessage], None]
    ) -> None:
        self._clock = clock
        self._duplicate_window = duplicate_window
        self._deliver = deliver
        self._numbers = itertools.count(1)
        self._seen: dict[str, float] = {}
        self._scheduled: dict[int, StoredMessage] = {}
        self._accepted: deque[StoredMessage] = deque(maxlen=REMEMBERED)

    @property
    def accepted(self) -> tuple[StoredMessage, ...]:
        """The messages that were accepted, duplicates included, in order; the newest 10,000."""
        return tuple(self._accepted)

    @property
    def scheduled(self) -> tuple[StoredMessage, ...]:
        """The messages that wait for their time, in order of their numbers."""
        self.advance()
        return tuple(self._scheduled.values())

    def send(self, sent: Sequence[StoredMessage]) -> list[int]:
        """Take messages and return their sequence numbers; a duplicate's is 0."""
        self.advance()
        accepted = [self._take(replace(message, enqueued_at=self._clock())) for message in sent]
        self._accepted.extend(accepted)
        return [message.sequence_number for message in accepted]

    def cancel(self, numbers: Sequence[int]) -> None:
        """Forget scheduled messages, all or none of them. Raises AmqpError."""
        self.advance()
        if not self._scheduled.keys() >= set(numbers):
            raise AmqpError(MESSAGE_NOT_FOUND, f"among {list(numbers)} are no numbers of scheduled messages")
        for number in set(numbers):
            del self._scheduled[number]

    def advance(self) -> None:
        """Deliver what has become due."""
        now = self._clock()
        due = [message for message in self._scheduled.values() if (message.scheduled_for or 0) <= now]
        for message in sorted(due, key=lambda message: message.scheduled_for or 0):
            del self._scheduled[message.sequence_number]
            # Enqueued as if it were sent now: the number it was scheduled under ends with the waiting.
            self._deliver(self._number(replace(message, enqueued_at=now)))

    def clear(self) -> None:
        """Forget everything but the count."""
        self._seen.clear()
        self._scheduled.clear()
        self._accepted.clear()

    def _take(self, message: StoredMessage) -> StoredMessage:
        if self._is_duplicate(message):
            return replace(message, duplicate=True)
        message = self._number(message)
        if message.pending:
            self._scheduled[message.sequence_number] = message
        else:
            self._deliver(message)
        return message

    def _is_duplicate(self, message: StoredMessage) -> bool:
        if self._duplicate_window is None:
            return False
        first = self._seen.get(message.message_id)
        if first is not None and first + self._duplicate_window > message.enqueued_at:
            return True
        self._seen[message.message_id] = message.enqueued_at
        return False

    def _number(self, message: StoredMessage) -> StoredMessage:
        number = next(self._numbers)
        return replace(message, sequence_number=number, enqueue_sequence_number=number)
