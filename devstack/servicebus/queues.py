"""What receivers take from: order, locks, delivery counts, expiry and dead letters. Pure, with the clock given.

A queue, a subscription and a dead-letter queue are all one of these; where their messages come from differs.
"""

import heapq
import itertools
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace

from devstack.amqp.errors import NOT_ALLOWED, AmqpError
from devstack.clock import Clock
from devstack.servicebus import messages
from devstack.servicebus.configuration import Queue, Subscription
from devstack.servicebus.errors import LockLostError
from devstack.servicebus.stored import Lock, StoredMessage


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
        self._stored: dict[int, StoredMessage] = {}
        self._available: list[int] = []  # A heap: what comes back takes its old place.
        self._locked: dict[uuid.UUID, int] = {}
        self._timers: list[tuple[float, int]] = []  # A heap of moments at which a message may have to be looked at.
        self._watchers: list[Callable[[], None]] = []

    @property
    def messages(self) -> tuple[StoredMessage, ...]:
        """Everything that is here and not settled, locked or not, in order."""
        self.advance()
        return tuple(self._stored[number] for number in sorted(self._stored))

    def append(self, stored: StoredMessage) -> None:
        """Put a message in, under the number it has."""
        lifetimes = [seconds for seconds in (stored.message.ttl, self._config.default_ttl) if seconds is not None]
        if lifetimes and self._dead_letters:
            stored = replace(stored, expires_at=stored.enqueued_at + min(lifetimes))
            heapq.heappush(self._timers, (stored.enqueued_at + min(lifetimes), stored.sequence_number))
        self._offer(stored)

    def append_next(self, stored: StoredMessage) -> None:
        """Put a message in, under a number of this queue's own."""
        self.append(replace(stored, sequence_number=next(self._numbers)))

    def find_next(self) -> StoredMessage | None:
        """Return the message that would be taken next."""
        self.advance()
        while self._available:
            stored = self._stored.get(self._available[0])
            if stored is not None and stored.lock is None:
                return stored
            heapq.heappop(self._available)
        return None

    def take(self, *, lock: bool) -> StoredMessage | None:
        """Take the next message: locked, or for good."""
        stored = self.find_next()
        if stored is None:
            return None
        heapq.heappop(self._available)
        if not lock:
            del self._stored[stored.sequence_number]
            return stored
        return self._lock(stored, Lock(uuid.uuid4(), self._clock() + self._config.lock_duration))

    def find_locked(self, token: uuid.UUID) -> StoredMessage:
        """Return the message that a token locks. Raises LockLostError."""
        self.advance()
        if token not in self._locked:
            raise LockLostError
        return self._stored[self._locked[token]]

    def complete(self, token: uuid.UUID) -> None:
        """Remove a locked message. Raises LockLostError, as all that take a token do."""
        self._unlock(token)

    def abandon(self, token: uuid.UUID) -> None:
        """Give a locked message back after a failed delivery."""
        self._take_back(self._unlock(token), failed=True)

    def release(self, token: uuid.UUID) -> None:
        """Give a locked message back that nobody looked at: its delivery does not count."""
        self._take_back(self._unlock(token), failed=False)

    def dead_letter(self, token: uuid.UUID, reasons: Mapping[str, str]) -> None:
        """Move a locked message to the dead letters, with reasons by property name."""
        if not self._dead_letters:
            raise AmqpError(NOT_ALLOWED, "a dead letter cannot be dead-lettered")
        self._bury(self._unlock(token), reasons)

    def renew(self, token: uuid.UUID) -> float:
        """Lock a locked message anew and return until when, in Unix seconds."""
        lock = Lock(token, self._clock() + self._config.lock_duration)
        self._lock(self._unlock(token), lock)
        return lock.until

    def advance(self) -> None:
        """Take back what was locked too long, and let expire what is too old."""
        now = self._clock()
        while self._timers and self._timers[0][0] <= now:
            _, number = heapq.heappop(self._timers)
            stored = self._stored.get(number)
            if stored is None:
                continue
            if stored.lock is None:
                self._expire(stored)
            elif stored.lock.until <= now:
                self._take_back(self._unlock_due(stored.lock.token), failed=True)

    def watch(self, changed: Callable[[], None]) -> None:
        """Call back whenever a message becomes available."""
        self._watchers.append(changed)

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Call back no longer."""
        self._watchers.remove(changed)

    def clear(self) -> None:
        """Forget every message and lock, but not the count."""
        self._stored.clear()
        self._available.clear()
        self._locked.clear()
        self._timers.clear()

    def _lock(self, stored: StoredMessage, lock: Lock) -> StoredMessage:
        stored = replace(stored, lock=lock)
        self._stored[stored.sequence_number] = stored
        self._locked[lock.token] = stored.sequence_number
        heapq.heappush(self._timers, (lock.until, stored.sequence_number))
        return stored

    def _unlock(self, token: uuid.UUID) -> StoredMessage:
        self.find_locked(token)
        return self._unlock_due(token)

    def _unlock_due(self, token: uuid.UUID) -> StoredMessage:
        return replace(self._stored.pop(self._locked.pop(token)), lock=None)

    def _take_back(self, stored: StoredMessage, *, failed: bool) -> None:
        stored = replace(stored, delivery_count=stored.delivery_count + failed)
        limit = self._config.max_delivery_count
        if failed and self._dead_letters and stored.delivery_count >= limit:
            description = f"The message was delivered {limit} times and never completed."
            self._bury(stored, _reasons("MaxDeliveryCountExceeded", description))
        else:
            self._offer(stored)

    def _offer(self, stored: StoredMessage) -> None:
        """Make a message available, unless its time is over."""
        if self._expire(stored):
            return
        self._stored[stored.sequence_number] = stored
        heapq.heappush(self._available, stored.sequence_number)
        for changed in tuple(self._watchers):
            changed()

    def _expire(self, stored: StoredMessage) -> bool:
        """Remove a message whose time is over, and answer whether it is."""
        if stored.expires_at is None or stored.expires_at > self._clock():
            return False
        self._stored.pop(stored.sequence_number, None)
        if self._config.dead_letter_expired:
            self._bury(stored, _reasons("TTLExpiredException", "The message expired and was dead lettered."))
        return True

    def _bury(self, stored: StoredMessage, reasons: Mapping[str, str]) -> None:
        if self._dead_letters:
            letter = replace(
                stored,
                message=stored.message.with_dead_letter(reasons),
                enqueue_sequence_number=stored.sequence_number,
                expires_at=None,
                dead_letter_source=self.path,
            )
            self._dead_letters.append_next(letter)


def _reasons(reason: str, description: str) -> dict[str, str]:
    return {messages.DEAD_LETTER_REASON: reason, messages.DEAD_LETTER_DESCRIPTION: description}
