"""For programs that block: the listener and what is kept run in a thread of their own."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

_GOODBYE = 15.0
"""Seconds in which everything has to be closed; the program ends all the same."""


class Background:
    """An event loop in a daemon thread.

        with Background() as background:
            listener = background.enter(Listener(bus, topic="keyvault-changes", subscription="app"))
            password = background.enter(SecretFile("/mnt/secrets/password", listener=listener, interest=mine))
            connect(password.current().text())

    `current()` and `health()` may be called from any thread, and blocking handlers run in threads of their own. The end
    of the block closes what was entered, the last first, for 15 seconds at most. A process that forks makes one
    afterwards, in each child.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stack = contextlib.AsyncExitStack()

    def enter(self, opened: AbstractAsyncContextManager[T]) -> T:
        """Enter an async context manager and return what that gives. Raises what it raises."""
        return self.run(self._stack.enter_async_context(opened))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for something async, and return what it returns. Not to be called by what runs in this loop itself."""
        if self._loop is None:
            work.close()
            raise RuntimeError("expected `with Background() as background:` around this")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="keyvault-fanout", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop, self._loop = self._loop, None
        if loop is None:
            return
        closing = asyncio.run_coroutine_threadsafe(self._stack.aclose(), loop)
        with contextlib.suppress(TimeoutError):
            closing.result(_GOODBYE)
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(_GOODBYE)
        if not self._thread.is_alive():
            loop.close()
