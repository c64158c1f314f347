"""The database through a pool of connections, for one version of the credentials after another.

psycopg_pool, because whoever asks it waits for a connection while its workers make one. With asyncpg the request itself
connects, and would get the refusal of a password that was just changed.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Self

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from fastapi_pool.credentials import read
from keyvault_fanout import SecretValue

Pool = AsyncConnectionPool[AsyncConnection[TupleRow]]

_SIZE = 4
_PATIENCE = 10.0
"""Seconds until a new pool has to have its connections."""


@dataclass(slots=True)
class _Lease:
    """A pool, and how many requests are at it. `left` is set once it is out of use and the last one has gone."""

    pool: Pool
    version: str
    requests: int = 0
    retired: bool = False
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def settle(self) -> None:
        if self.retired and not self.requests:
            self.left.set()


class Database:
    """A database by its URL, without user. An async context manager; `renew` comes first."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lease: _Lease | None = None
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def version(self) -> str:
        """The version of the secret that is used; empty before the first."""
        return self._lease.version if self._lease else ""

    async def renew(self, value: SecretValue, version: str) -> None:
        """Use other credentials from now on. The pool in use stays until the database takes them.

        Requests under way keep their connection; the old pool is closed after the last of them. Raises `ValueError` for
        a secret that holds no credentials, and psycopg's errors where the database refuses them.
        """
        fresh = _Lease(await _open(self._url, value), version)
        old, self._lease = self._lease, fresh
        if old is not None:
            task = asyncio.create_task(_end(old))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[TupleRow]]:
        """Lend a connection for a block."""
        lease = self._lease
        if lease is None:
            raise RuntimeError("there are no credentials yet")
        lease.requests += 1
        try:
            async with lease.pool.connection() as connection:
                yield connection
        finally:
            lease.requests -= 1
            lease.settle()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        ending = [_end(self._lease)] if self._lease else []
        await asyncio.gather(*self._ending, *ending)


async def _open(url: str, value: SecretValue) -> Pool:
    """Return a pool that is connected: the database takes these credentials."""
    credentials = read(value)
    user, password = credentials.user, credentials.password.text()
    # One try by hand: a pool would repeat a refused password until its patience ends.
    await (await AsyncConnection.connect(url, user=user, password=password)).close()
    pool: Pool = AsyncConnectionPool(
        url, kwargs={"user": user, "password": password}, min_size=_SIZE, max_size=_SIZE, open=False
    )
    try:
        await pool.open(wait=True, timeout=_PATIENCE)
    except BaseException:
        await pool.close()
        raise
    return pool


async def _end(lease: _Lease) -> None:
    lease.retired = True
    lease.settle()
    await lease.left.wait()
    await lease.pool.close()
