"""Objects and their history: one counter, the current state, a bounded log of changes, every state ever held.

No validation and no I/O. Documents put in here are never changed afterwards, so they are handed out uncopied.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
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
    """Every object of the cluster, at every version that the log still holds."""

    def __init__(self, *, history: int) -> None:
        if history < 1:
            raise ValueError("the log of changes must hold at least one")
        self._version = _FIRST_VERSION
        self._objects: dict[Key, Document] = {}
        self._log: deque[Change] = deque(maxlen=history)
        self._forgotten = _FIRST_VERSION
        self._states: defaultdict[Key, list[Document]] = defaultdict(list)
        self._listeners: set[Callable[[], None]] = set()

    @property
    def version(self) -> int:
        """The version of the newest change."""
        return self._version

    @property
    def oldest(self) -> int:
        """The oldest version that can still be read or watched from."""
        return self._forgotten

    def get(self, key: Key) -> Document | None:
        """Return the object as it is now."""
        return self._objects.get(key)

    def put(self, key: Key, document: Document) -> Document:
        """Store a new state, give it the next resourceVersion and return it as stored."""
        version = self._version + 1
        stored = document | {"metadata": document["metadata"] | {"resourceVersion": str(version)}}
        self._record(Change(version, key, self._objects.get(key), stored))
        self._states[key].append(stored)
        return stored

    def remove(self, key: Key) -> Document:
        """Remove an object and return its last state. Raises KeyError."""
        before = self._objects[key]
        self._record(Change(self._version + 1, key, before, None))
        return before

    def collection(self, name: str, *, version: int | None = None) -> dict[Key, Document]:
        """Return a collection's objects, sorted by key, as they are now or were at a version.

        Raises TooOldError when the log does not reach back to that version.
        """
        objects = {key: document for key, document in self._objects.items() if key.collection == name}
        if version is not None:
            for change in reversed(list(self.changes(version))):
                if change.key.collection != name:
                    continue
                if change.before is None:
                    objects.pop(change.key, None)
                else:
                    objects[change.key] = change.before
        return dict(sorted(objects.items()))

    def changes(self, after: int) -> Iterator[Change]:
        """Yield the changes later than a version, oldest first. Raises TooOldError, at once."""
        if after < self._forgotten:
            raise TooOldError
        recent = []
        for change in reversed(self._log):
            if change.version <= after:
                break
            recent.append(change)
        return reversed(recent)

    def states(self, key: Key) -> list[Document]:
        """Return every state the object has had, oldest first."""
        return list(self._states.get(key, []))

    def clear(self) -> None:
        """Remove every object, as deletions that watchers see, and forget the states."""
        for key in list(self._objects):
            self.remove(key)
        self._states.clear()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after every change; returns what ends that."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def notify(self) -> None:
        """Wake every listener."""
        for listener in list(self._listeners):
            listener()

    def _record(self, change: Change) -> None:
        if len(self._log) == self._log.maxlen:
            self._forgotten = self._log[0].version
        self._log.append(change)
        self._version = change.version
        if change.after is None:
            del self._objects[change.key]
        else:
            self._objects[change.key] = change.after
        self.notify()
