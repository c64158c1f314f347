"""One run of some work for everybody who asked for it before it began."""

import asyncio
from collections.abc import Awaitable, Callable


class Together:
    """Work that many ask for at once. Whoever asks while it runs waits for the next run, which sees what came since."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None
        self._runs: set[asyncio.Task[None]] = set()

    def run(self) -> asyncio.Future[None]:
        """Ask for a run that begins after this call, and return its end with what it raises.

        Who gives up waiting does not end it.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._begin())
            self._runs.add(self._next)
            self._next.add_done_callback(self._ended)
        return asyncio.shield(self._next)

    async def close(self) -> None:
        """End what runs, and wait until it has ended."""
        runs = list(self._runs)
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)

    async def _begin(self) -> None:
        async with self._turn:
            self._next = None
            await self._work()

    def _ended(self, run: asyncio.Task[None]) -> None:
        self._runs.discard(run)
        if self._next is run:  # cancelled before it began
            self._next = None
        if not run.cancelled():
            run.exception()  # whoever waited for it may be gone
