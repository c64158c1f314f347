"""What a collection holds, kept up to date as client-go's informers do: one list, then a watch, then again."""

import asyncio
from collections.abc import Callable, Mapping

from devstack.writers.cluster import Cluster, Document
from devstack.writers.loop import Loop

Key = tuple[str, str]
"""Namespace and name."""

Notice = Callable[[Document | None, Document | None], None]
"""Called with the state before and the one after: None before the first and after the last."""

_PATIENCE = 0.2


def key_of(document: Document) -> Key:
    """Return an object's namespace and name."""
    return document["metadata"].get("namespace", ""), document["metadata"]["name"]


class Informer:
    """Follows one collection from its making until `loop` is stopped. A change between two watches is not missed."""

    def __init__(
        self,
        cluster: Cluster,
        path: str,
        notice: Notice,
        *,
        query: Mapping[str, str] | None = None,
        only_metadata: bool = False,
    ) -> None:
        self.known: dict[Key, Document] = {}
        self.synced = asyncio.Event()
        self._cluster = cluster
        self._path = path
        self._notice = notice
        self._query = dict(query or {})
        self._only_metadata = only_metadata
        self.loop = Loop(self._follow, retry=_PATIENCE)

    async def _follow(self) -> float:
        listed = await self._cluster.list(self._path, self._query, only_metadata=self._only_metadata)
        found = {key_of(item): item for item in listed["items"]}
        for key in self.known.keys() | found.keys():
            self._replace(key, found.get(key))
        self.synced.set()
        after = {"resourceVersion": listed["metadata"]["resourceVersion"]}
        async for event in self._cluster.watch(self._path, self._query | after, only_metadata=self._only_metadata):
            if event["type"] == "ERROR":
                break
            document = event["object"]
            self._replace(key_of(document), None if event["type"] == "DELETED" else document)
        return 0.0

    def _replace(self, key: Key, after: Document | None) -> None:
        before = self.known.pop(key, None)
        if after is not None:
            self.known[key] = after
        if _version(before) != _version(after):
            self._notice(before, after)


def _version(document: Document | None) -> str:
    return "" if document is None else str(document["metadata"]["resourceVersion"])
