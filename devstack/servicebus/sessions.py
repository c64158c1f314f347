"""Who holds which session of an entity that requires them (Service Bus, "Message sessions"). Pure, clock given.

A session is the messages of one session id. One receiver holds it at a time, until it leaves or its lock runs out.
"""

import uuid

from devstack.amqp.errors import AmqpError
from devstack.clock import Clock

SESSION_LOCK_LOST = "com.microsoft:session-lock-lost"
CANNOT_BE_LOCKED = "com.microsoft:session-cannot-be-locked"


class SessionLocks:
    """The locks on sessions: by session id, with the holder's own token."""

    def __init__(self, clock: Clock, duration: float) -> None:
        self._clock = clock
        self._duration = duration
        self._held: dict[str, tuple[uuid.UUID, float]] = {}

    def is_free(self, session: str) -> bool:
        """Tell whether nobody holds a session."""
        return session not in self._held or self._held[session][1] <= self._clock()

    def take(self, session: str) -> tuple[uuid.UUID, float]:
        """Lock a session; return the holder's token, and until when, in Unix seconds. Raises AmqpError."""
        if not self.is_free(session):
            raise AmqpError(
                CANNOT_BE_LOCKED, f"the requested session {session!r} cannot be accepted: somebody holds it"
            )
        self._held[session] = held = (uuid.uuid4(), self._clock() + self._duration)
        return held

    def check(self, session: str, holder: uuid.UUID) -> None:
        """Raise AmqpError unless this holder still has the session."""
        if self.is_free(session) or self._held[session][0] != holder:
            raise _lost(session)

    def renew(self, session: str) -> float:
        """Lock a held session anew and return until when. Raises AmqpError."""
        if self.is_free(session):
            raise _lost(session)
        until = self._clock() + self._duration
        self._held[session] = (self._held[session][0], until)
        return until

    def release(self, session: str, holder: uuid.UUID) -> bool:
        """Give a session back; tell whether this holder had it."""
        if session in self._held and self._held[session][0] == holder:
            del self._held[session]
            return True
        return False

    def expired(self) -> list[str]:
        """Forget the locks that have run out, and return their sessions."""
        over = [session for session in self._held if self.is_free(session)]
        for session in over:
            del self._held[session]
        return over

    def clear(self) -> None:
        """Forget every lock."""
        self._held.clear()


def _lost(session: str) -> AmqpError:
    return AmqpError(SESSION_LOCK_LOST, f"the lock on session {session!r} has expired")
