"""What all writers are: async context managers with a session, a view of both neighbours, and loops to end."""

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Self

import aiohttp

from devstack.writers.access import Access
from devstack.writers.cluster import Cluster
from devstack.writers.informer import Informer, Notice
from devstack.writers.loop import Loop, Work
from devstack.writers.vault import Vault

_STARTING = 30.0
_REQUEST = 10.0


class Writer(ABC):
    """A program that writes Secrets for as long as the block runs.

    Entering it waits until what is there has been dealt with once. Leaving it raises what broke it, if anything did.
    """

    agent: ClassVar[str]
    """The user agent; up to the first slash also the field manager."""

    cluster: Cluster
    vault: Vault

    def __init__(self, access: Access, *, namespace: str = "") -> None:
        """Prepare. `namespace` is the only one looked at, or "" for all."""
        self._access = access
        self._namespace = namespace
        self._running: list[Loop] = []

    @abstractmethod
    async def begin(self) -> None:
        """Start the loops and wait until what is there has been dealt with."""

    @abstractmethod
    def loops(self) -> Iterable[Loop]:
        """Return the loops whose rounds `passed` counts."""

    async def passed(self, rounds: int = 1) -> None:
        """Wait until each thing in hand has been through so many whole rounds that began after this call.

        Rounds come by the clock: with the real durations this takes as long as it takes a real cluster.
        """
        await asyncio.gather(*(loop.passed(rounds) for loop in list(self.loops())))

    def repeat(self, work: Work, *, retry: float, delay: float = 0.0) -> Loop:
        """Run a loop that ends with the block."""
        loop = Loop(work, retry=retry, delay=delay)
        self._running.append(loop)
        return loop

    def follow(self, path: str, notice: Notice, *, selector: str = "", only_metadata: bool = False) -> Informer:
        """Follow a collection until the end of the block."""
        query = {"labelSelector": selector} if selector else {}
        informer = Informer(self.cluster, path, notice, query=query, only_metadata=only_metadata)
        self._running.append(informer.loop)
        return informer

    async def __aenter__(self) -> Self:
        access = self._access
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=access.ca_pem), limit=0)
        timeout = aiohttp.ClientTimeout(total=_REQUEST)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        self.cluster = Cluster(self._session, access.cluster_url, access.cluster_token, self.agent)
        self.vault = Vault(self._session, access.vault_name, access.vault_url, access.vault_token)
        try:
            async with asyncio.timeout(_STARTING):
                await self.begin()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._end()

    async def _end(self) -> None:
        broken: list[Exception] = []
        while self._running:  # a loop that is being stopped may still have started another
            running, self._running = self._running, []
            stopped = await asyncio.gather(*(loop.stop() for loop in running), return_exceptions=True)
            broken += [error for error in stopped if isinstance(error, Exception)]
        await self._session.close()
        if broken:
            raise ExceptionGroup("a writer broke", broken)
