"""What receivers take from: order, locks, delivery counts, expiry and dead letters. Pure, with the clock given.

A queue, a subscription and a dead-letter queue are all one of these; where their messages come from differs. Messages
are looked for one after another, which is fast enough for some thousands.
"""

import itertools
import uuid
from collections.abc import Callable
from dataclasses import replace

from devstack.amqp.errors import NOT_ALLOWED, AmqpError
from devstack.clock import Clock
from devstack.servicebus.configuration import Queue, Subscription
from devstack.servicebus.messages import Lock, StoredMessage

LOCK_LOST = "com.microsoft:message-lock-lost"


class MessageQueue:
    """Messages in the order of their sequence numbers, some of them locked.

    Without `dead_letters` it is a dead-letter queue itself: its messages neither expire nor are delivered too often.
    """

    def __init__(
        self, path: str, config: Queue | Subscription, clock: Clock, dead_letters: "MessageQueue | None" = None
    ) -> None:
        self.path = path
        self._config = config
        self._clock = clock
        self._dead_letters = dead_letters
        self._numbers = itertools.count(1)
        # In order: numbers rise, and a message that changes keeps its place.
        self._stored: dict[int, StoredMessage] = {}
        self._watchers: list[Callable[[], None]] = []

    @property
    def messages(self) -> tuple[StoredMessage, ...]:
        """Everything that is here and not settled, locked or not, in order."""
        self.advance()
        return tuple(self._stored.values())

    def append(self, message: StoredMessage) -> None:
        """Put a message in, under the number it has."""
        if message.ttl is not None and self._dead_letters:
            message = replace(message, expires_at=message.enqueued_at + message.ttl)
        self._offer(message)

    def append_next(self, message: StoredMessage) -> None:
        """Put a message in, under a number of this queue's own."""
        self.append(replace(message, sequence_number=next(self._numbers)))

    def find_next(self) -> StoredMessage | None:
        """Return the message that would be taken next."""
        return next((message for message in self.messages if not message.locked), None)

    def take(self, *, lock: bool) -> StoredMessage | None:
        """Take the next message: locked, or for good."""
        message = self.find_next()
        if message and lock:
            return self._lock(message, uuid.uuid4())
        if message:
            del self._stored[message.sequence_number]
        return message

    def find_locked(self, token: uuid.UUID) -> StoredMessage:
        """Return the message that a token locks. Raises AmqpError."""
        for message in self.messages:
            if message.lock and message.lock.token == token:
                return message
        raise AmqpError(LOCK_LOST, "the lock has expired, or the message was settled already")

    def complete(self, token: uuid.UUID) -> None:
        """Remove a locked message. Raises AmqpError, as all that take a token do."""
        del self._stored[self.find_locked(token).sequence_number]

    def abandon(self, token: uuid.UUID) -> None:
        """Give a locked message back after a failed delivery."""
        self._take_back(self.find_locked(token))

    def release(self, token: uuid.UUID) -> None:
        """Give a locked message back that nobody looked at: its delivery does not count."""
        self._offer(replace(self.find_locked(token), lock=None))

    def dead_letter(self, token: uuid.UUID, reason: object, description: object) -> None:
        """Move a locked message to the dead letters, with reasons that may be None."""
        self._bury(self.find_locked(token), reason, description)

    def renew(self, token: uuid.UUID) -> float:
        """Lock a locked message anew and return until when, in Unix seconds."""
        self._lock(self.find_locked(token), token)
        return self._clock() + self._config.lock_duration

    def advance(self) -> None:
        """Take back what was locked too long, and let expire what is too old."""
        now = self._clock()
        for message in tuple(self._stored.values()):
            if message.lock and message.lock.until <= now:
                self._take_back(message)
            elif not message.lock and message.expires_at is not None and message.expires_at <= now:
                del self._stored[message.sequence_number]

    def watch(self, changed: Callable[[], None]) -> None:
        """Call back whenever a message becomes available."""
        self._watchers.append(changed)

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Call back no longer."""
        self._watchers.remove(changed)

    def clear(self) -> None:
        """Forget every message and lock, but not the count."""
        self._stored.clear()

    def _lock(self, message: StoredMessage, token: uuid.UUID) -> StoredMessage:
        message = replace(message, lock=Lock(token, self._clock() + self._config.lock_duration))
        self._stored[message.sequence_number] = message
        return message

    def _take_back(self, message: StoredMessage) -> None:
        message = replace(message, lock=None, delivery_count=message.delivery_count + 1)
        limit = self._config.max_delivery_count
        if self._dead_letters and message.delivery_count >= limit:
            description = f"The message was delivered {limit} times and never completed."
            self._bury(message, "MaxDeliveryCountExceeded", description)
        else:
            self._offer(message)

    def _offer(self, message: StoredMessage) -> None:
        self._stored[message.sequence_number] = message
        for changed in tuple(self._watchers):
            changed()

    def _bury(self, message: StoredMessage, reason: object, description: object) -> None:
        if not self._dead_letters:
            raise AmqpError(NOT_ALLOWED, "a dead letter cannot be dead-lettered")
        del self._stored[message.sequence_number]
        letter = replace(
            message.with_dead_letter(reason, description),
            enqueue_sequence_number=message.sequence_number,
            expires_at=None,
            lock=None,
            dead_letter_source=self.path,
        )
        self._dead_letters.append_next(letter)
