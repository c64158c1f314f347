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
from devstack.servicebus.sessions import SessionLocks

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
        self._sessions = SessionLocks(clock, config.lock_duration)

    @property
    def requires_session(self) -> bool:
        """Whether it is received from session by session. Dead letters never are."""
        return isinstance(self._config, Subscription) and self._config.requires_session and bool(self._dead_letters)

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
        if self.requires_session and message.session_id is None:
            self._bury(message, "Session id is null.", "The subscription requires sessions, and the message has none.")

    def append_next(self, message: StoredMessage) -> None:
        """Put a message in, under a number of this queue's own."""
        self.append(replace(message, sequence_number=next(self._numbers)))

    def find_next(self, session: str | None = None) -> StoredMessage | None:
        """Return the message that would be taken next, of a session where one is named."""
        return next(
            (one for one in self.messages if not one.locked and (session is None or one.session_id == session)), None
        )

    def accept(self, wanted: str | None) -> tuple[str, uuid.UUID, float] | None:
        """Lock a session, or any that is free and has messages; return its id, the holder's token and until when.

        None where there is none. Raises AmqpError where somebody holds the wanted one.
        """
        if wanted is None:
            waiting = (one.session_id for one in self.messages if not one.locked and one.session_id is not None)
            wanted = next((session for session in waiting if self._sessions.is_free(session)), None)
        return None if wanted is None else (wanted, *self._sessions.take(wanted))

    def check_session(self, session: str, holder: uuid.UUID) -> None:
        """Raise AmqpError unless this holder still has the session."""
        self._sessions.check(session, holder)

    def renew_session(self, session: str) -> float:
        """Lock a session and its messages anew, and return until when, in Unix seconds. Raises AmqpError."""
        until = self._sessions.renew(session)
        for message in self._of(session):
            if message.lock:
                self._lock(message, message.lock.token)
        return until

    def leave(self, session: str, holder: uuid.UUID) -> None:
        """Give a session back, and what was received of it and not settled."""
        if self._sessions.release(session, holder):
            self._give_back(session)

    def take(self, *, lock: bool, session: str | None = None) -> StoredMessage | None:
        """Take the next message: locked, or for good."""
        message = self.find_next(session)
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
        for session in self._sessions.expired():
            self._give_back(session)
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
        self._sessions.clear()

    def _of(self, session: str) -> list[StoredMessage]:
        return [message for message in self._stored.values() if message.session_id == session]

    def _give_back(self, session: str) -> None:
        """Let others have a session, and what is locked of it."""
        for message in self._of(session):
            if message.lock:
                self._take_back(message)
        for changed in tuple(self._watchers):
            changed()

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
