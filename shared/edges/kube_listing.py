"""Lists of declarations: each parsed once for each state of it, and kinds that a cluster may lack.

A kind that the server does not know, or that the identity may not list although nobody asked for it, is not asked for
again for five minutes. It is said once that a kind is forbidden, until it is allowed and forbidden again.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from shared import parts
from shared.edges import kube_pages, kube_watch
from shared.edges.kube_api import JSON, Json, KubeApi
from shared.edges.kube_pages import Page
from shared.edges.kube_watch import Change
from shared.errors import ConfigurationError
from shared.index import Key
from shared.reason import Reason

V = TypeVar("V")

_log = logging.getLogger(__name__)

ABSENCE = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(Generic[V]):
    """A collection at one version; an object that is none of ours is None. Without a version it is absent."""

    version: str = ""
    found: Mapping[Key, V | None] = field(default_factory=dict)


class Listing(Generic[V]):
    """One kind of declaration in all namespaces.

    `parse` returns None for an object that is none of ours. `optional` kinds are empty where they are forbidden.
    `accept` asks for a list in another form, `accept_one` for the objects of a watch. An object is parsed anew when its
    `state` has changed: uid and resourceVersion unless something smaller tells.
    """

    def __init__(
        self,
        api: KubeApi,
        path: str,
        parse: Callable[[Json], V | None],
        *,
        query: Mapping[str, str] | None = None,
        accept: str = JSON,
        accept_one: str = JSON,
        optional: str = "",
        state: Callable[[Json], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._api = api
        self._parse = parse
        self._query = query or {}
        self._accept = accept
        self._accept_one = accept_one
        self._optional = optional
        self._clock = clock
        self._state = state or _version
        self._parsed: dict[Key, tuple[object, V | None]] = {}
        self._parses = 0
        self._absent: float | None = None
        self._forbidden = False

    @property
    def absent(self) -> bool:
        """Whether it was found lately that there is no such kind here, or that it may not be listed."""
        return self._absent is not None and self._clock() - self._absent < ABSENCE

    @property
    def unknown(self) -> bool:
        """Whether it was found lately that the server does not know the kind. One that is forbidden it may know."""
        return self.absent and not self._forbidden

    @property
    def count(self) -> int:
        """How many objects are known, of ours and others."""
        return len(self._parsed)

    async def read(self) -> Snapshot[V]:
        """List them anew."""
        if self.absent:
            return Snapshot()
        try:
            return await self._list()
        except ConfigurationError as error:
            self._refuse(error)
            return Snapshot()

    async def glance(self) -> Page | None:
        """Read one object of the list: its version, and how many more there are. None where the kind is absent."""
        try:
            page = await kube_pages.first(self._api, self.path, self._query, limit=1, accept=self._accept)
        except ConfigurationError as error:
            self._refuse(error)
            return None
        if page is None:
            self._absent = self._clock()
        return page

    def watch(
        self, version: str, *, seconds: int, silence: float
    ) -> AbstractAsyncContextManager[AsyncIterator[Change]]:
        """Follow the collection from a version on (`kube_watch.watch`)."""
        return kube_watch.watch(
            self._api,
            self.path,
            self._query,
            version=version,
            accept=self._accept_one,
            seconds=seconds,
            silence=silence,
        )

    def parsed(self, manifest: Json) -> tuple[Key, V | None]:
        """Parse an object, unless it was parsed in this state."""
        key, state = key_of(manifest), self._state(manifest)
        known = self._parsed.get(key)
        if known is None or known[0] != state:
            known = self._parsed[key] = (state, self._parse(manifest))
            self._parses += 1
        return key, known[1]

    def forget(self, key: Key) -> None:
        """Keep nothing of an object that is gone."""
        self._parsed.pop(key, None)

    async def _list(self) -> Snapshot[V]:
        found: dict[Key, V | None] = {}
        version = None
        async for page in kube_pages.pages(self._api, self.path, self._query, accept=self._accept):
            version = page.version
            for manifest in page.items:
                parses = self._parses
                # Kept at once: a look that runs out of time must not do this work again.
                key, found[key] = self.parsed(manifest)
                if self._parses > parses:
                    await asyncio.sleep(0)  # so that thousands of new ones hold nobody else up
        for key in self._parsed.keys() - found.keys():
            del self._parsed[key]
        self._forbidden = False
        self._absent = self._clock() if version is None else None
        return Snapshot(version=version or "", found=found)

    def _refuse(self, error: ConfigurationError) -> None:
        """Take an optional kind that may not be listed for absent. Raises the error where it is anything else."""
        if not self._optional or error.reason is not Reason.CLUSTER_FORBIDDEN:
            raise error
        if not self._forbidden:
            _log.warning("%s; %s", error, self._optional)
        self._forbidden, self._absent = True, self._clock()


def key_of(manifest: Json) -> Key:
    """Return an object's namespace and name."""
    meta = parts.mapping(manifest, "metadata")
    return str(meta.get("namespace", "")), str(meta.get("name", ""))


def _version(manifest: Json) -> object:
    """Return uid and resourceVersion: an object deleted and made again may repeat one of them."""
    meta = parts.mapping(manifest, "metadata")
    return meta.get("uid"), meta.get("resourceVersion")
