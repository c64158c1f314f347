"""One thing done again and again: when its time has come, and at once when it is woken."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine

import aiohttp

from devstack.writers.refusals import RefusedError

_log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[float | None]]
"""Does one round and answers in how many seconds the next is due; None ends the loop."""

_PASSING = (RefusedError, aiohttp.ClientError, TimeoutError)


class Loop:
    """Rounds of one work, one at a time. A round that a neighbour refuses is tried again after `retry` seconds."""

    def __init__(self, work: Work, *, retry: float, delay: float = 0.0) -> None:
        """Begin, after `delay` seconds."""
        self._work = work
        self._delay = delay
        self._retry = retry
        self._woken = asyncio.Event()
        self._changed = asyncio.Event()
        self._begun = self._ended = 0
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(lambda _: self._signal())

    def wake(self) -> None:
        """Let the next round begin now, or as soon as the present one has ended."""
        self._woken.set()

    async def tried(self) -> None:
        """Wait until the first round has ended, well or badly."""
        await self._until(lambda: self._ended > 0)

    def passed(self, rounds: int = 1) -> Coroutine[None, None, None]:
        """Return what waits until so many whole rounds have passed that began after this call, or the loop has ended.

        They are counted from the call, not from when it is awaited. Awaiting raises what a round failed of, where that
        was no neighbour's refusal.
        """
        wanted = self._begun + rounds
        return self._until(lambda: self._ended >= wanted)

    def cancel(self) -> None:
        """End the loop, also in the middle of a round."""
        self._task.cancel()

    async def stop(self) -> None:
        """End the loop and wait for it. Raises as `passed` does."""
        self.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            if self._task.done():
                if not self._task.cancelled():
                    self._task.result()
                return
            await self._changed.wait()

    async def _run(self) -> None:
        await asyncio.sleep(self._delay)
        while True:
            self._woken.clear()
            self._begun += 1
            try:
                due = await self._work()
            except _PASSING as error:
                _log.info("to be tried again: %s", error)
                due = self._retry
            self._ended += 1
            self._signal()
            if due is None:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(due):
                    await self._woken.wait()

    def _signal(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
