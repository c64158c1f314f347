"""Lists of declarations: each parsed once for each state of it, and kinds that a cluster may lack.

A kind that the server does not know, or that the identity may not list although nobody asked for it, is not asked for
again for five minutes. It is said once that a kind is forbidden, until it is allowed and forbidden again.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from shared import parts
from shared.edges.kube_api import Json, KubeApi
from shared.errors import ConfigurationError
from shared.reason import Reason

V = TypeVar("V")

_log = logging.getLogger(__name__)

ABSENCE = 300.0


class Listing(Generic[V]):
    """One kind of declaration in all namespaces.

    `parse` returns None for an object that is none of ours. `optional` kinds are empty where they are forbidden.
    """

    def __init__(
        self,
        api: KubeApi,
        path: str,
        parse: Callable[[Json], V | None],
        *,
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
        optional: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._path = path
        self._parse = parse
        self._query = query or {}
        self._accept = accept
        self._optional = optional
        self._clock = clock
        self._parsed: dict[tuple[str, str], tuple[str, V | None]] = {}
        self._absent: float | None = None
        self._forbidden = False

    async def items(self) -> Sequence[V]:
        """List them anew."""
        if self.absent:
            return ()
        try:
            return await self._list()
        except ConfigurationError as error:
            if not self._optional or error.reason is not Reason.CLUSTER_FORBIDDEN:
                raise
            if not self._forbidden:
                _log.warning("%s; %s", error, self._optional)
            self._forbidden, self._absent = True, self._clock()
            return ()

    @property
    def absent(self) -> bool:
        """Whether it was found lately that there is no such kind here, or that it may not be listed."""
        return self._absent is not None and self._clock() - self._absent < ABSENCE

    @property
    def unknown(self) -> bool:
        """Whether it was found lately that the server does not know the kind. One that is forbidden it may know."""
        return self.absent and not self._forbidden

    async def _list(self) -> Sequence[V]:
        seen: dict[tuple[str, str], V | None] = {}
        known_to_server = False
        async for page in self._api.pages(self._path, self._query, accept=self._accept):
            known_to_server = True
            for manifest in page:
                meta = parts.mapping(manifest, "metadata")
                key = str(meta.get("namespace", "")), str(meta.get("name", ""))
                # uid and resourceVersion together: an object deleted and made again may repeat neither
                state = f"{meta.get('uid')}/{meta.get('resourceVersion')}"
                known = self._parsed.get(key)
                if known is None or known[0] != state:
                    # Kept at once: a look that runs out of time must not do this work again.
                    known = self._parsed[key] = (state, self._parse(manifest))
                    await asyncio.sleep(0)  # so that thousands of new ones hold nobody else up
                seen[key] = known[1]
        for key in self._parsed.keys() - seen.keys():
            del self._parsed[key]
        self._forbidden = False
        self._absent = None if known_to_server else self._clock()
        return [one for one in seen.values() if one is not None]
