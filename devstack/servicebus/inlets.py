"""Where messages enter a queue or topic: size, duplicates, and those scheduled for later. Pure, with the clock given.

What happens to a message that is due is somebody else's: `deliver` takes it.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from devstack.amqp.errors import TOO_LARGE, AmqpError
from devstack.clock import Clock
from devstack.servicebus.duplicates import DuplicateWindow
from devstack.servicebus.errors import MessageNotFoundError
from devstack.servicebus.messages import Message
from devstack.servicebus.stored import StoredMessage

REMEMBERED = 10_000
"""How many accepted messages can be looked at afterwards: a stack that runs for days must not fill the memory."""


class Inlet:
    """The entrance of one queue or topic, and its counter of sequence numbers."""

    def __init__(
        self,
        *,
        clock: Clock,
        max_message_size: int,
        duplicate_window: float | None,
        deliver: Callable[[StoredMessage], None],
    ) -> None:
        self.max_message_size = max_message_size
        self._clock = clock
        self._numbers: Iterator[int] = itertools.count(1)
        self._window = None if duplicate_window is None else DuplicateWindow(duplicate_window, clock)
        self._deliver = deliver
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

    def send(self, sent: Sequence[Message]) -> list[int]:
        """Take messages, all or none of them, and return their sequence numbers; a duplicate's is 0.

        Raises AmqpError for one that is too large.
        """
        self.advance()
        for message in sent:
            if message.size > self.max_message_size:
                raise AmqpError(TOO_LARGE, f"a message has at most {self.max_message_size} bytes here")
        return [self._take(message) for message in sent]

    def cancel(self, numbers: Sequence[int]) -> None:
        """Forget scheduled messages, all or none of them. Raises MessageNotFoundError."""
        self.advance()
        for number in numbers:
            if number not in self._scheduled:
                raise MessageNotFoundError(f"no scheduled message has the sequence number {number}")
        for number in numbers:
            self._scheduled.pop(number, None)

    def advance(self) -> None:
        """Deliver what has become due."""
        now = self._clock()
        times = [(stored.scheduled_for or 0.0, number) for number, stored in self._scheduled.items()]
        for _, number in sorted(entry for entry in times if entry[0] <= now):
            stored = self._scheduled.pop(number)
            # Enqueued as if it were sent now: the number it was scheduled under ends with the waiting.
            self._deliver(self._number(replace(stored, enqueued_at=now, pending=False)))

    def clear(self) -> None:
        """Forget everything but the count."""
        self._scheduled.clear()
        self._accepted.clear()
        if self._window:
            self._window.clear()

    def _take(self, message: Message) -> int:
        now = self._clock()
        stored = StoredMessage(message=message, enqueued_at=now, scheduled_for=message.scheduled_for)
        if self._window and not self._window.admit(message.message_id):
            self._accepted.append(replace(stored, duplicate=True))
            return 0
        stored = self._number(stored)
        if stored.scheduled_for is not None and stored.scheduled_for > now:
            stored = replace(stored, pending=True)
            self._scheduled[stored.sequence_number] = stored
        else:
            self._deliver(stored)
        self._accepted.append(stored)
        return stored.sequence_number

    def _number(self, stored: StoredMessage) -> StoredMessage:
        number = next(self._numbers)
        return replace(stored, sequence_number=number, enqueue_sequence_number=number)
