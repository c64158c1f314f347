"""Duplicate detection: which message ids were seen within a window. Pure, with the clock given."""

from devstack.clock import Clock


class DuplicateWindow:
    """The ids seen in the last `length` seconds. An id counts from its first sighting; duplicates do not extend it."""

    def __init__(self, length: float, clock: Clock) -> None:
        self._length = length
        self._clock = clock
        self._seen: dict[str, float] = {}

    def admit(self, message_id: str) -> bool:
        """Answer whether the id is new, and remember it if so."""
        now = self._clock()
        self._forget(now)
        if message_id in self._seen:
            return False
        self._seen[message_id] = now + self._length
        return True

    def clear(self) -> None:
        """Forget every id."""
        self._seen.clear()

    def _forget(self, now: float) -> None:
        # In the order of their sightings, so the first that is still inside the window ends the search.
        for message_id, until in list(self._seen.items()):
            if until > now:
                break
            del self._seen[message_id]
