"""What a neighbour in memory does at its calls besides its work, and the life of the process that calls it.

What is asked for (fail, stall, pause, run something) is a cue in a neighbour's `script`, before the effect of a call
or after it. Between the cues of a call its effect happens at once: no other task runs in the middle of it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

Action = Callable[[], Awaitable[None]]

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


class ProcessDied(BaseException):
    """The process that made the call is gone."""


class Life:
    """The life of the process that calls: `moments` before and after each effect, the last of them at `ends_at`.

    A dead process calls nobody, so from then on every call of every neighbour fails.
    """

    def __init__(self, *, ends_at: int | None = None) -> None:
        self.ends_at = ends_at
        self.moments: list[str] = []

    def spend(self, moment: str) -> None:
        """Live through a moment, or die at it."""
        if self.ends_at is not None and len(self.moments) >= self.ends_at:
            raise ProcessDied(moment)
        self.moments.append(moment)


class Pause:
    """A call held up: the test waits until it is `reached`, does what it wants, and lets it go on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._over = asyncio.Event()

    def end(self) -> None:
        """Let the call go on."""
        self._over.set()

    async def hold(self) -> None:
        """Wait for the end."""
        self.reached.set()
        await self._over.wait()


@dataclass(slots=True, kw_only=True)
class _Cue:
    call: str
    about: str
    after: bool
    do: Action
    times: int | None


class Script:
    """What a neighbour does at its calls besides its work.

    A call is named as its method; `about` is the object's name, `namespace/secret`, the namespace or the notice's
    type, and an empty one means any. `times` None means always.
    """

    def __init__(self, life: Life) -> None:
        self.calls: list[str] = []
        self._life = life
        self._cues: list[_Cue] = []

    def at(self, call: str, do: Action, *, about: str = "", after: bool = False, times: int | None = 1) -> None:
        """Run something at a call."""
        self._cues.append(_Cue(call=call, about=about, after=after, do=do, times=times))

    def fail(
        self, call: str, error: Exception, *, about: str = "", after: bool = False, times: int | None = None
    ) -> None:
        """Raise at a call; `after` its effect, the answer is lost."""

        async def do() -> None:
            raise error

        self.at(call, do, about=about, after=after, times=times)

    def stall(self, call: str, *, about: str = "") -> None:
        """Never answer."""

        async def do() -> None:
            await asyncio.Event().wait()

        self.at(call, do, about=about, times=None)

    def pause(self, call: str, *, about: str = "", after: bool = False) -> Pause:
        """Hold the next such call up."""
        pause = Pause()
        self.at(call, pause.hold, about=about, after=after)
        return pause

    def clear(self) -> None:
        """Do nothing besides the work from now on."""
        self._cues.clear()

    @asynccontextmanager
    async def call(self, name: str, about: str) -> AsyncIterator[None]:
        """Surround the effect of a call."""
        self.calls.append(name)
        self._life.spend(f"before {name} {about}")
        await self._play(name, about, after=False)
        yield
        self._life.spend(f"after {name} {about}")
        await self._play(name, about, after=True)

    async def _play(self, name: str, about: str, *, after: bool) -> None:
        for cue in list(self._cues):
            if cue.call == name and cue.about in {"", about} and cue.after is after and cue.times != 0:
                cue.times = None if cue.times is None else cue.times - 1
                await cue.do()
