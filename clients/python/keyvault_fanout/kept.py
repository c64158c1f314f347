"""A value that keeps itself: read, read again when a notice says so or a while has passed, and told on when it changes.

Nothing that goes wrong ends it: what cannot be read is tried again at a growing distance while the last good value is
held, and a handler that fails is called again.
"""

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Self

from keyvault_fanout.calling import call, describe, forget, name_of
from keyvault_fanout.holding import Freshness, Holding
from keyvault_fanout.interest import Interest
from keyvault_fanout.listener import Listener
from keyvault_fanout.notice import Notice
from keyvault_fanout.pace import Pace, chance
from keyvault_fanout.value import SecretValue

_log = logging.getLogger("keyvault_fanout")

_PATIENCE = 10.0
"""Seconds after which a handler that has not returned is named in `health()`: a new pool takes a while."""

_GOODBYE = 3.0
"""Seconds in which what runs has to end once it is cancelled."""

Changed = Callable[[SecretValue], Awaitable[object] | object]
"""Is given a new value; async, or blocking in a thread of its own. It may be called twice with the same."""


class UnreadableError(Exception):
    """A value cannot be read now. The text says why and what to do, and holds nothing of it.

    `after` is how long somebody asked us to wait, in seconds.
    """

    def __init__(self, why: str, *, after: float = 0.0) -> None:
        super().__init__(why)
        self.after = after


class NoValueYetError(LookupError):
    """There is no value yet; the text says why."""


class KeptSecret(ABC):
    """What `SecretFile` and `VaultSecret` have in common.

    async with ...:            reads the first value
        secret.vault, .object  what it is, where that is known
        secret.current()       the newest one known, from memory
        secret.on_change(...)  call something with each new value
        secret.health()        whether it is stale, and why
    """

    def __init__(
        self,
        about: str,
        *,
        vault: str,
        name: str,
        listener: Listener | None,
        interest: Interest,
        jitter: float,
        poll: float,
        first: float,
        handler_timeout: float,
        pace: Pace | None,
        now: Callable[[], datetime],
    ) -> None:
        self.vault, self.object = vault, name
        self._about = about
        self._listener, self._interest = listener, interest
        self._jitter, self._poll, self._first = jitter, poll, first
        self._handler_timeout = handler_timeout
        self._pace = pace or Pace()
        self._now = now
        self._holding = Holding()
        self._handlers: dict[Changed, int] = {}
        self._failing = ""
        self._calling: tuple[str, datetime] | None = None
        self._woken, self._news, self._read_once = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def version(self) -> str:
        """The version that is held; empty where it is not known."""
        return self._holding.version

    def current(self) -> SecretValue:
        """Return the newest value known, from any thread. Raises `NoValueYetError` before there was one."""
        value = self._holding.value
        if value is None:
            raise NoValueYetError(f"{self._about}: {self._holding.error or 'not read yet'}")
        return value

    def on_change(self, handler: Changed) -> None:
        """Call something with each value that is new from here on, the newest alone where several came meanwhile.

        It is called again at a growing distance where it raises, or takes longer than `handler_timeout` seconds: it
        must not hold up the others for ever. Whoever has to act upon the first value too does so with `current()`.
        """
        self._handlers[handler] = self._holding.changes

    def off_change(self, handler: Changed) -> None:
        """Call it no more."""
        self._handlers.pop(handler, None)

    def health(self) -> Freshness:
        """Return whether the value is stale, and why. May be called from any thread."""
        held = self._holding
        reason = held.error or self._overdue() or ("" if held.value is not None else "not read yet")
        return Freshness(
            stale=bool(reason),
            reason=reason,
            version=held.version,
            told=held.told,
            checked=held.checked,
            since=held.since,
            failing=self._failing or self._untold(),
        )

    async def start(self) -> None:
        """Read the first value. Raises `NoValueYetError` where there is none within the time that was given for it."""
        if self._tasks:
            return
        self._read_once.clear()
        if self._listener is not None:
            self._listener.on(self._interest, self._hear)
            self._listener.on_connected(self._woken.set)
        self._tasks = [asyncio.create_task(work()) for work in (self._follow, self._tell, *self._also())]
        try:
            async with asyncio.timeout(self._first):
                await self._read_once.wait()
        except TimeoutError:
            await self.close()
            raise NoValueYetError(f"{self._about}: {self._holding.error or 'it takes too long to read'}") from None
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End it. What is held can still be asked for."""
        if self._listener is not None:
            self._listener.off(self._hear)
            self._listener.off_connected(self._woken.set)
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            forget(task)
            task.cancel()
        _, stuck = await asyncio.wait(tasks, timeout=_GOODBYE) if tasks else ((), ())
        if stuck:
            _log.warning("%s: a handler does not end; it is left", self._about)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @abstractmethod
    async def _read(self) -> None:
        """Read, and take what was read into the holding. Raises `UnreadableError`."""

    @abstractmethod
    async def _hear(self, notice: Notice) -> None:
        """Note what a notice says, and wake the reading if that is news. The listener waits for it."""

    def _also(self) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        """Return further work that runs as long as this does."""
        return ()

    def _overdue(self) -> str:
        """Say why what is held is suspected to be old, although it can be read."""
        return ""

    def _rest(self) -> float:
        """Return how long it is until the next look, in seconds, after one that went well."""
        return self._poll

    async def _follow(self) -> None:
        failures = 0
        while True:
            self._woken.clear()
            changes = self._holding.changes
            try:
                await self._read()
            except UnreadableError as error:
                failures += 1
                if str(error) != self._holding.error:
                    _log.warning("%s: %s", self._about, error)
                self._holding.fail(str(error))
                await asyncio.sleep(error.after)  # whoever asked for patience gets it, whatever wakes us
                rest = max(0.0, self._pace.wait(failures) - error.after)
            except Exception as error:  # noqa: BLE001 - whatever it is, the value is kept
                failures += 1
                self._holding.fail(f"a fault: {describe(error)}")
                _log.error("%s: %s", self._about, self._holding.error)
                rest = self._pace.wait(failures)
            else:
                failures, rest = 0, self._rest()
                self._read_once.set()
            if self._holding.changes > changes:
                self._news.set()
            if await self._sleep(rest):
                # What wakes one instance wakes all of them.
                await asyncio.sleep(self._jitter * chance())

    async def _sleep(self, seconds: float) -> bool:
        """Wait until that has passed, or somebody wakes it; tell which."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
                return True
        return False

    async def _tell(self) -> None:
        failures = 0
        while True:
            rest = self._pace.wait(failures) if failures else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._news.wait()
            self._news.clear()
            failures = failures + 1 if await self._hand_on() else 0

    def _untold(self) -> str:
        """Name a handler that was called a while ago and has not returned."""
        calling = self._calling
        if calling is None or (self._now() - calling[1]).total_seconds() < _PATIENCE:
            return ""
        return calling[0]

    async def _hand_on(self) -> bool:
        """Call who has not seen the newest value. Tell whether one of them failed."""
        failed = ""
        for handler, seen in tuple(self._handlers.items()):
            changes, value = self._holding.changes, self._holding.value
            if value is None or seen >= changes:
                continue
            self._calling = (name_of(handler), self._now())
            try:
                async with asyncio.timeout(self._handler_timeout):
                    await call(handler, value)
            except Exception as error:  # noqa: BLE001 - it ends nothing
                failed = name_of(handler)
                _log.error("%s: a handler failed: %s raised %s", self._about, failed, describe(error))
            else:
                if handler in self._handlers:
                    self._handlers[handler] = changes
            finally:
                self._calling = None
            if (here := asyncio.current_task()) is not None and here.cancelling():
                raise asyncio.CancelledError  # the handler kept it for itself; all this has ended meanwhile
        self._failing = failed
        return bool(failed)


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)
