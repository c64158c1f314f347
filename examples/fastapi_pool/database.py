"""A pool of connections for one version of the credentials.

psycopg_pool, because whoever asks it waits for a connection while its workers make one. With asyncpg the request itself
connects, and would get the refusal of a password that was just changed.
"""

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from fastapi_pool.credentials import read
from keyvault_fanout import SecretValue

Pool = AsyncConnectionPool[AsyncConnection[TupleRow]]

_SIZE = 4
_PATIENCE = 10.0
"""Seconds until a new pool has to have its connections."""


async def open_pool(url: str, value: SecretValue) -> Pool:
    """Return a pool that is connected: the database, by its URL without user, takes these credentials.

    Raises `ValueError` for a secret that holds no credentials, and psycopg's errors where the database refuses them.
    """
    credentials = read(value)
    user, password = credentials.user, credentials.password.text()
    # One try by hand: a pool would repeat a refused password until its patience ends.
    await (await AsyncConnection.connect(url, user=user, password=password, connect_timeout=int(_PATIENCE))).close()
    pool: Pool = AsyncConnectionPool(
        url, kwargs={"user": user, "password": password}, min_size=_SIZE, max_size=_SIZE, open=False
    )
    try:
        await pool.open(wait=True, timeout=_PATIENCE)
    except BaseException:
        await pool.close()
        raise
    return pool


async def close_pool(pool: Pool) -> None:
    """Close the connections that nobody uses, and each other one when it is given back."""
    await pool.close()
