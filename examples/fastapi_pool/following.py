"""What the vault holds, looked at when a notice says that it changed: the notice is only the reason to look."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from azure.keyvault.secrets.aio import SecretClient

from keyvault_fanout import Notice, SecretValue

_log = logging.getLogger("fastapi_pool")

_SOON = 30.0

Renew = Callable[[SecretValue, str], Awaitable[None]]
"""Takes a value and its version into use, or raises."""


class Follower:
    """Brings the newest version of one secret into use, each once.

    `problem` is the kind of error that keeps it behind, and empty while there is none.
    """

    def __init__(self, client: SecretClient, name: str, renew: Renew) -> None:
        self._client = client
        self._name = name
        self._renew = renew
        self._one = asyncio.Lock()
        self._version = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self.problem = "nothing was read yet"

    async def look(self) -> None:
        """Read the vault, and use what is new. Raises what vault or database raise; what was in use stays so."""
        async with self._one:
            try:
                secret = await self._client.get_secret(self._name)
                version = secret.properties.version or ""
                if version != self._version:
                    await self._renew(SecretValue((secret.value or "").encode()), version)
            except Exception as error:
                self.problem = type(error).__name__  # its text may quote what was read
                raise
            self._version, self.problem = version, ""

    async def told(self, _notice: Notice) -> None:
        """Look, because of a notice. Where that fails, the notice comes again."""
        await self.look()

    def look_again(self) -> None:
        """Look in the background: after a time without a connection, in which notices may have been lost."""
        task = asyncio.create_task(self._try())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def watch(self, every: float) -> None:
        """Look for ever, every so many seconds, and every half minute while there is a problem.

        So a notice that was given up, or never came, costs time and nothing else.
        """
        while True:
            await asyncio.sleep(min(every, _SOON) if self.problem else every)
            await self._try()

    async def _try(self) -> None:
        try:
            await self.look()
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody looks again
            _log.warning("the secret could not be taken into use: %s", type(error).__name__)
