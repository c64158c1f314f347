"""What a person sees of a long run: one line that changes on a terminal, a line now and then elsewhere."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import TextIO

_SILENT = 1.0
_LIVE = 0.5
_ELSEWHERE = 10.0


class Progress:
    """Tells how far it is, and nothing at first: most runs are shorter.

    `clock` counts seconds.
    """

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._clock = clock
        self._next = clock() + (_SILENT if self._live else _ELSEWHERE)
        self._shown = False

    def tell(self, text: str) -> None:
        """Say how far it is, unless that was said just now."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + (_LIVE if self._live else _ELSEWHERE)
        self._stream.write(f"\r{text}\033[K" if self._live else f"{text}\n")
        self._stream.flush()
        self._shown = True

    @contextlib.asynccontextmanager
    async def during(self, say: Callable[[], str]) -> AsyncIterator[None]:
        """Say again and again how far it is, while something is awaited; nothing is left of it afterwards."""

        async def tick() -> None:
            while True:
                await asyncio.sleep(_LIVE)
                self.tell(say())

        ticking = asyncio.create_task(tick())
        try:
            yield
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            self.end()

    def end(self) -> None:
        """Take the line away again, so that what follows stands alone."""
        if self._shown and self._live:
            self._stream.write("\r\033[K")
            self._stream.flush()
        self._shown = False
