"""For programs that block: the listener and what is kept run in a thread of their own."""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_GOODBYE = 15.0
"""Seconds in which everything has to be closed; the program ends all the same."""


class Background:
    """An event loop in a daemon thread.

        with Background() as background:
            listener = background.enter(Listener(bus, topic="keyvault-changes", subscription="app"))
            password = background.enter(SecretFile("/mnt/secrets/password", listener=listener, interest=mine))
            connect(password.current().text())
            pool = background.enter(Renewed(password, make=connect, close=disconnect))
            with background.within(pool.use()) as connections:
                ...

    `current()` and `health()` may be called from any thread, and blocking handlers run in threads of their own. The end
    of the block closes what was entered, the last first, for 15 seconds at most. A process that forks makes one
    afterwards, in each child.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stack = contextlib.AsyncExitStack()
        self._ending = False

    def enter(self, opened: AbstractAsyncContextManager[T]) -> T:
        """Enter an async context manager and return what that gives. Raises what it raises."""
        if self._ending:
            raise RuntimeError("the Background is ending")
        return self.run(self._stack.enter_async_context(opened))

    @contextlib.contextmanager
    def within(self, opened: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Hold an async context manager for a `with` block of this thread, such as `pool.use()` of a `Renewed`."""
        stack = contextlib.AsyncExitStack()
        given = self.run(stack.enter_async_context(opened))
        try:
            yield given
        except BaseException as error:
            if not self._leave(stack, error):
                raise
        else:
            self._leave(stack, None)

    def _leave(self, stack: contextlib.AsyncExitStack, error: BaseException | None) -> bool:
        """Tell what was entered how its block ended; where everything has ended meanwhile, nobody is there."""
        if self._loop is None:
            return False
        if error is None:
            return bool(self.run(stack.__aexit__(None, None, None)))
        return bool(self.run(stack.__aexit__(type(error), error, error.__traceback__)))

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call something in the loop that wants to be called there, such as `Acknowledger.using`. It must not block."""

        async def called() -> T:
            return function(*args, **kwargs)

        return self.run(called())

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
        loop = self._loop
        if loop is None:
            return
        self._ending = True
        # The loop goes on until all is closed: other threads leave what they hold, and a pool waits for them.
        closing = asyncio.run_coroutine_threadsafe(self._stack.aclose(), loop)
        try:
            concurrent.futures.wait([closing], _GOODBYE)
            if closing.done():
                closing.result()
        finally:
            self._loop = None
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join(_GOODBYE)
            if not self._thread.is_alive():
                loop.close()
