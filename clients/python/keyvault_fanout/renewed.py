"""Something that is made from a secret, and made anew when that changes: a connection pool, a client."""

import asyncio
import builtins
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, Self, TypeVar, overload

from keyvault_fanout.calling import call, describe, forget
from keyvault_fanout.kept import KeptSecret
from keyvault_fanout.value import SecretValue

T = TypeVar("T")
_log = logging.getLogger("keyvault_fanout")


@dataclass(slots=True)
class _Made(Generic[T]):
    thing: T
    users: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)


class Renewed(Generic[T]):
    """One thing at a time, made from the newest value.

        pool = Renewed(password, make=connect, close=lambda pool: pool.close())
        async with pool:
            async with pool.use() as connections:
                ...

    `make` returns a new one that works: it should try the value, because where it raises, the old thing stays in use
    and `make` is tried again, at the secret's pace (`problem` says why). The old thing is closed
    when its last user has left, or `grace` seconds after the new one was there. Each may be async or blocking, and
    `close` is left alone after `close_timeout` seconds.
    """

    # One for each pair of colours, because no checker finds T in `Awaitable[T] | T`.
    @overload
    def __init__(
        self,
        secret: KeptSecret,
        *,
        make: Callable[[SecretValue], Awaitable[T]],
        close: Callable[[T], Awaitable[object] | object],
        grace: float = ...,
        close_timeout: float = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        secret: KeptSecret,
        *,
        make: Callable[[SecretValue], T],
        close: Callable[[T], Awaitable[object] | object],
        grace: float = ...,
        close_timeout: float = ...,
    ) -> None: ...

    def __init__(
        self,
        secret: KeptSecret,
        *,
        make: Callable[[SecretValue], Awaitable[T] | T],
        close: Callable[[T], Awaitable[object] | object],
        grace: float = 30.0,
        close_timeout: float = 10.0,
    ) -> None:
        self._secret = secret
        self._make, self._close = make, close
        self._grace, self._close_timeout = grace, close_timeout
        self._made: _Made[T] | None = None
        self._used: SecretValue | None = None
        self._version = ""
        self._problem = ""
        self._turn = asyncio.Lock()
        self._making: asyncio.Task[T] | None = None
        self._ended = False
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def vault(self) -> str:
        """The vault of the secret."""
        return self._secret.vault

    @property
    def object(self) -> str:
        """The secret's name in its vault."""
        return self._secret.object

    @property
    def version(self) -> str:
        """The version that the thing in use is made of; empty where it is not known."""
        if self._used is not None and self._used == self._secret.current():
            self._version = self._secret.version
        return self._version

    @property
    def problem(self) -> str:
        """Which kind of error keeps the old one in use although there is a newer value; empty where nothing does."""
        return self._problem

    @contextlib.asynccontextmanager
    async def use(self) -> AsyncIterator[T]:
        """Give the thing for the time of the block: it is not closed meanwhile, but for the end of `grace`."""
        made = self._made
        if made is None:
            raise RuntimeError("expected `async with` around the Renewed first")
        made.users += 1
        try:
            yield made.thing
        finally:
            made.users -= 1
            if not made.users:
                made.left.set()

    async def __aenter__(self) -> Self:
        """Make the first one. Raises what `make` raises."""
        self._ended = False
        self._secret.on_change(self._renew)
        try:
            await self._renew(self._secret.current())
        except BaseException:
            self._secret.off_change(self._renew)
            raise
        return self

    async def __aexit__(self, *_: builtins.object) -> None:
        """Close what is there, and what is still being made, for which `grace` seconds are waited."""
        self._secret.off_change(self._renew)
        self._ended = True
        made, self._made, self._used = self._made, None, None
        making, self._making = self._making, None
        for task in tuple(self._closing):
            await task
        if made is not None:
            await self._end(made)
        if making is not None:
            await asyncio.wait({making}, timeout=self._grace)
            if not making.done():
                making.cancel()
                _log.warning("what is being made of a secret does not come to an end; it is left")
            elif not making.cancelled() and making.exception() is None:
                await self._end(_Made(making.result()))

    async def _renew(self, _: SecretValue) -> None:
        """Make one of the newest value, whichever it was called with: it is called again at once where that changed."""
        async with self._turn:
            value = self._secret.current()
            if self._ended:
                return
            if self._used is not None and self._used == value:
                self._problem = ""
                return
            if self._making is not None:
                self._leave(self._making)
            # A task of its own: whoever is cancelled while he waits leaves it to the end of the block.
            making = self._making = asyncio.create_task(call(self._make, value))
            try:
                thing = await asyncio.shield(making)
            except Exception as error:
                self._making, self._problem = None, type(error).__name__
                raise
            if self._making is not making:
                return  # the block has ended meanwhile, and closes it
            self._making, self._problem = None, ""
            old, self._made, self._used = self._made, _Made(thing), value
            # It may have changed again meanwhile: then nobody knows any more which version this value was.
            self._version = self._secret.version if value == self._secret.current() else ""
        if old is not None:
            self._beside(self._end(old))

    def _leave(self, making: asyncio.Task[T]) -> None:
        """Give up what takes too long to make, and close it where it comes all the same."""

        async def close() -> None:
            await asyncio.wait({making})
            if not making.cancelled() and making.exception() is None:
                await self._end(_Made(making.result()))

        making.cancel()
        self._beside(close())

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _end(self, made: _Made[T]) -> None:
        """Close it once nobody uses it, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace):
                while made.users:
                    made.left.clear()
                    await made.left.wait()
        # A task of its own, and not a time-out around it: one that does not let itself be cancelled is left.
        closing = asyncio.create_task(call(self._close, made.thing))
        try:
            await asyncio.wait({closing}, timeout=self._close_timeout)
        finally:
            closing.cancel()
        if not closing.done():
            forget(closing)
            _log.warning("what was made of an old value does not close; it is left")
        elif not closing.cancelled() and (error := closing.exception()) is not None:
            _log.warning("what was made of an old value did not close: %s", describe(error))
