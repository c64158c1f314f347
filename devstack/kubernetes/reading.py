"""Lists and watches: a selection of a collection, in pages that all show one moment, or as events from a moment on.

From the real server: a continue token names the version of the first page and the last key given; when the log no
longer reaches back to it the answer is 410 Expired (api-concepts, "Retrieving large results sets in chunks"). A watch
without a version, or from "0", begins with what is there; an object that leaves the selection is DELETED, shown as it
was when it was last selected, with the version of the change that took it out (pkg/storage/cacher).
"""

import re
from collections.abc import Mapping

from devstack.kubernetes.documents import Document
from devstack.kubernetes.query import is_true, read_number, read_selectors, selects
from devstack.kubernetes.resources import Address
from devstack.kubernetes.status import ApiError, not_implemented
from devstack.kubernetes.store import Change, Key, Store, TooOldError

_TOKEN = re.compile(r"([0-9]{1,19})/([^/]*)/([^/]+)")  # version, namespace, name
_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You must start a new list "
    "without the continue parameter."
)


def make_list(store: Store, address: Address, query: Mapping[str, str]) -> Document:
    """Return the List object: its items, resourceVersion, and with `limit` how to go on.

    A resourceVersion is a lower bound, which this server always meets. Raises ApiError 400, or 410 when the page's
    moment is forgotten.
    """
    tests = read_selectors(address.resource, query)
    limit = read_number(query, "limit")
    read_number(query, "resourceVersion")
    if query.get("resourceVersionMatch"):
        raise not_implemented("resourceVersionMatch")
    version, after = store.version, None
    if token := query.get("continue", ""):
        version, after = _read_token(token, address.resource.qualified)
    try:
        objects = store.collection(address.resource.qualified, version=version)
    except TooOldError:
        raise ApiError(410, _EXPIRED) from None
    selected = [
        (key, document)
        for key, document in objects.items()
        if address.namespace in ("", key.namespace) and (after is None or key > after) and selects(tests, document)
    ]
    metadata: Document = {"resourceVersion": str(version)}
    if 0 < limit < len(selected):
        last = selected[limit - 1][0]
        metadata["continue"] = f"{version}/{last.namespace}/{last.name}"
        if not tests:  # the real server does not count what a selector may leave out
            metadata["remainingItemCount"] = len(selected) - limit
        selected = selected[:limit]
    return {
        "kind": f"{address.resource.kind}List",
        "apiVersion": address.api_version,
        "metadata": metadata,
        "items": [_as_item(address, document) for _, document in selected],
    }


def _read_token(text: str, collection: str) -> tuple[int, Key]:
    match = _TOKEN.fullmatch(text)
    if not match:
        raise ApiError(400, "continue key is not valid")
    return int(match[1]), Key(collection, match[2], match[3])


def _as_item(address: Address, document: Document) -> Document:
    """Built-in kinds are listed without apiVersion and kind, as Go's typed lists are."""
    if address.resource.custom:
        return document | {"apiVersion": address.api_version}
    return {key: value for key, value in document.items() if key not in ("apiVersion", "kind")}


class Watch:
    """One watcher: which objects it sees and how far it has come. Its events are the lines' JSON objects."""

    def __init__(self, store: Store, address: Address, query: Mapping[str, str]) -> None:
        """Start. Raises ApiError 400, or 422 for what this server does not do."""
        if is_true(query, "sendInitialEvents"):
            raise ApiError(
                422,
                'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden '
                "for watch unless the WatchList feature gate is enabled",
            )
        self._store = store
        self._address = address
        self._tests = read_selectors(address.resource, query)
        after = read_number(query, "resourceVersion")
        self._begins = after == 0
        self._position = after or store.version

    def poll(self) -> list[Document]:
        """Return the events since the last call. Raises ApiError 410 when the log does not reach back that far."""
        if self._begins:
            self._begins, self._position = False, self._store.version
            there = self._store.collection(self._address.resource.qualified)
            return [self._event("ADDED", document) for key, document in there.items() if self._selects(key, document)]
        try:
            changes = self._store.changes(self._position)
        except TooOldError:
            raise ApiError(410, f"too old resource version: {self._position} ({self._store.oldest})") from None
        self._position = self._store.version
        return [event for event in map(self._event_of, changes) if event is not None]

    def bookmark(self) -> Document:
        """Return the event that says how far this watcher has come."""
        metadata = {"resourceVersion": str(self._position), "creationTimestamp": None}
        return self._event("BOOKMARK", {"kind": self._address.resource.kind, "metadata": metadata})

    def _selects(self, key: Key, document: Document | None) -> bool:
        return (
            document is not None
            and key.collection == self._address.resource.qualified
            and self._address.namespace in ("", key.namespace)
            and selects(self._tests, document)
        )

    def _event_of(self, change: Change) -> Document | None:
        before = change.before if self._selects(change.key, change.before) else None
        after = change.after if self._selects(change.key, change.after) else None
        if after is not None:
            return self._event("ADDED" if before is None else "MODIFIED", after)
        if before is None:
            return None
        metadata = before["metadata"] | {"resourceVersion": str(change.version)}
        return self._event("DELETED", before | {"metadata": metadata})

    def _event(self, kind: str, document: Document) -> Document:
        return {"type": kind, "object": document | {"apiVersion": self._address.api_version}}
