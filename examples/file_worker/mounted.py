"""A mounted file that somebody else replaces, and who wants to know of it.

A notice says that the Secret has new bytes, which reach the file when the kubelet has looked: at once where the pod was
woken, after 60 to 90 seconds elsewhere. So a notice does not wait for the file. It makes us look often for a while.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from keyvault_fanout import Notice, SecretValue

_log = logging.getLogger("file_worker")

_OFTEN = 0.2
"""Seconds between two looks after a notice."""

_WHILE = 120.0
"""Seconds for which a notice makes us look often: longer than any kubelet takes."""


class MountedFile:
    """Calls `changed` with the content: the first that is there, and each one that differs from the one before.

    Without a notice the file is looked at every `rarely` seconds, so that a notice that was lost costs time and nothing
    else. A file that is missing or empty leaves the last content in use.
    """

    def __init__(
        self, path: Path, changed: Callable[[SecretValue], Awaitable[object]], *, rarely: float = 30.0
    ) -> None:
        self._path = path
        self._changed = changed
        self._rarely = rarely
        self._held: SecretValue | None = None
        self._missing = False
        self._told = asyncio.Event()
        self._often_until = 0.0

    async def told(self, _notice: Notice) -> None:
        """Look often from now on. Twice is as good as once."""
        self.look_often()

    def look_often(self) -> None:
        """Look often for a while."""
        self._often_until = asyncio.get_running_loop().time() + _WHILE
        self._told.set()

    async def follow(self) -> None:
        """Look for ever. Raises what `changed` raises."""
        while True:
            content = await asyncio.to_thread(self._read)
            if content is not None and content != self._held:
                self._held = content
                await self._changed(content)
            await self._pause()

    def _read(self) -> SecretValue | None:
        # One file of a volume is replaced as a whole. Who reads two that belong together reads both through the folder
        # that `..data` names, and again where it has changed meanwhile.
        try:
            content = self._path.read_bytes()
        except OSError as error:
            content = b""
            if not self._missing:
                _log.warning("%s cannot be read: %s", self._path, error.strerror)
        self._missing = not content
        return SecretValue(content) if content else None

    async def _pause(self) -> None:
        if asyncio.get_running_loop().time() < self._often_until:
            await asyncio.sleep(_OFTEN)
            return
        self._told.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._rarely):
                await self._told.wait()
