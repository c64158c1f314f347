"""Watches: from the store's changes to the events of one watcher. What time does to a watch is the transport's.

From the real server (apiserver, pkg/storage/cacher): a watch without a version, or from "0", begins with what is
there; an object that leaves the selection is DELETED, shown as it was when it was last selected, with the version of
the change that took it out.
"""

from dataclasses import dataclass
from typing import Literal

from devstack.kubernetes.documents import Document
from devstack.kubernetes.resources import Address
from devstack.kubernetes.selectors import Selection
from devstack.kubernetes.status import ApiError
from devstack.kubernetes.store import Change, Store, TooOldError


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a watch."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: Document

    def as_document(self) -> Document:
        """Return the line's JSON object."""
        return {"type": self.type, "object": self.object}


class Watch:
    """One watcher: which objects it sees and how far it has come."""

    def __init__(self, store: Store, address: Address, selection: Selection, *, after: int) -> None:
        self._store = store
        self._address = address
        self._selection = selection
        self._from_start = after == 0
        self._position = after or store.version

    def poll(self) -> list[Event]:
        """Return the events since the last call. Raises ApiError 410 when the log does not reach back that far."""
        events = self._begin() if self._from_start else []
        try:
            changes = list(self._store.changes(self._position))
        except TooOldError:
            raise ApiError(410, f"too old resource version: {self._position} ({self._store.oldest})") from None
        for change in changes:
            self._position = change.version
            event = self._event(change)
            if event is not None:
                events.append(event)
        return events

    def bookmark(self) -> Event:
        """Return the event that says how far this watcher has come."""
        metadata = {"resourceVersion": str(self._position), "creationTimestamp": None}
        return Event("BOOKMARK", self._render({"kind": self._address.resource.kind, "metadata": metadata}))

    def _begin(self) -> list[Event]:
        self._from_start = False
        self._position = self._store.version
        return [
            Event("ADDED", self._render(document))
            for key, document in self._store.collection(self._address.resource.qualified).items()
            if self._in_namespace(key.namespace) and self._selection(document)
        ]

    def _in_namespace(self, namespace: str) -> bool:
        return self._address.namespace in ("", namespace)

    def _event(self, change: Change) -> Event | None:
        if change.key.collection != self._address.resource.qualified or not self._in_namespace(change.key.namespace):
            return None
        before = change.before if change.before is not None and self._selection(change.before) else None
        after = change.after if change.after is not None and self._selection(change.after) else None
        if after is not None:
            return Event("ADDED" if before is None else "MODIFIED", self._render(after))
        if before is None:
            return None
        metadata = before["metadata"] | {"resourceVersion": str(change.version)}
        return Event("DELETED", self._render(before | {"metadata": metadata}))

    def _render(self, document: Document) -> Document:
        return document | {"apiVersion": self._address.api_version}
