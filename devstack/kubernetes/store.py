"""Objects and their history: one counter, the current state, a bounded log of changes, every state ever held.

No validation and no I/O. Documents put in here are never changed afterwards, so they are handed out uncopied.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from devstack.kubernetes.documents import Document

# Versions soon grow from three digits to four, so that whoever compares them as text is found out.
_FIRST_VERSION = 990


class Key(NamedTuple):
    """One object: its collection (`Resource.qualified`), namespace and name. Keys sort as etcd's do."""

    collection: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Change:
    """What one write did to one object. `before` is None when it made the object, `after` when it removed it."""

    version: int
    key: Key
    before: Document | None
    after: Document | None


class TooOldError(Exception):
    """The log no longer reaches back to the version asked for."""


class Store:
    """Every object of the cluster, at every version that the log still holds.

    `version` is that of the newest change, `oldest` the oldest that can still be read or watched from. `listeners` are
    called after every change.
    """

    def __init__(self, *, history: int) -> None:
        self.version = _FIRST_VERSION
        self.oldest = _FIRST_VERSION
        self.listeners: set[Callable[[], None]] = set()
        self._objects: dict[Key, Document] = {}
        self._log: deque[Change] = deque(maxlen=history)
        self._states: defaultdict[Key, list[Document]] = defaultdict(list)

    def get(self, key: Key) -> Document | None:
        """Return the object as it is now."""
        return self._objects.get(key)

    def put(self, key: Key, document: Document) -> Document:
        """Store a new state, give it the next resourceVersion and return it as stored."""
        version = self.version + 1
        stored = document | {"metadata": document["metadata"] | {"resourceVersion": str(version)}}
        before = self._objects.get(key)
        self._objects[key] = stored
        self._states[key].append(stored)
        self._record(Change(version, key, before, stored))
        return stored

    def remove(self, key: Key) -> None:
        """Remove an object. Raises KeyError."""
        before = self._objects.pop(key)
        self._record(Change(self.version + 1, key, before, None))

    def collection(self, name: str, *, version: int | None = None) -> dict[Key, Document]:
        """Return a collection's objects, sorted by key, as they are now or were at a version.

        Raises TooOldError when the log does not reach back to that version.
        """
        objects = {key: document for key, document in self._objects.items() if key.collection == name}
        for change in reversed(self.changes(self.version if version is None else version)):
            if change.key.collection != name:
                continue
            if change.before is None:
                del objects[change.key]
            else:
                objects[change.key] = change.before
        return dict(sorted(objects.items()))

    def changes(self, after: int) -> list[Change]:
        """Return the changes later than a version, oldest first. Raises TooOldError."""
        if after < self.oldest:
            raise TooOldError
        return [change for change in self._log if change.version > after]

    def states(self, key: Key) -> list[Document]:
        """Return every state the object has had, oldest first."""
        return self._states.get(key, [])

    def clear(self) -> None:
        """Remove every object, as deletions that watchers see, and forget the states."""
        for key in list(self._objects):
            self.remove(key)
        self._states.clear()

    def notify(self) -> None:
        """Wake every listener."""
        for listener in list(self.listeners):
            listener()

    def _record(self, change: Change) -> None:
        if len(self._log) == self._log.maxlen:
            self.oldest = self._log[0].version
        self._log.append(change)
        self.version = change.version
        self.notify()
