"""What is shown just now, for everybody who looks, and the news of it. One task adds; any number wait."""

import asyncio
import contextlib
import json
from collections.abc import Sequence

from fanout.live.story import Story, Told


class Board:
    """The story so far, what is wrong with hearing it, and a count of its changes. Belongs to one event loop."""

    def __init__(self) -> None:
        self._story = Story()
        self._trouble = ""
        self._changes = 0
        self._news = asyncio.Condition()
        self._heard = asyncio.Event()

    @property
    def changes(self) -> int:
        """How often what is shown has changed."""
        return self._changes

    def forget(self) -> None:
        """Begin anew; what is shown stays until something is told."""
        self._story = Story()

    async def add(self, told: Sequence[Told]) -> None:
        """Show what was told; nothing, where nothing was."""
        self._heard.set()
        for one in told:
            self._story.add(one)
        if told or self._trouble:
            await self._change("")

    async def heard(self, *, within: float) -> bool:
        """Wait until it is known what there is to show, or why not; False where that takes longer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._heard.wait()
        return self._heard.is_set()

    async def fail(self, trouble: str) -> None:
        """Say that nothing can be heard for now; what was heard stays."""
        self._heard.set()
        await self._change(trouble)

    async def changed_since(self, seen: int, *, within: float) -> bool:
        """Wait for news for so many seconds; False where there was none."""
        try:
            async with asyncio.timeout(within), self._news:
                return await self._news.wait_for(lambda: self._changes != seen)
        except TimeoutError:
            return False

    def shown(self, *, rotates: bool) -> str:
        """Return all that the page shows as JSON in one line; `rotates` tells whether it has a button."""
        return json.dumps({**self._story.snapshot(rotates=rotates), "trouble": self._trouble})

    async def _change(self, trouble: str) -> None:
        async with self._news:
            self._trouble = trouble
            self._changes += 1
            self._news.notify_all()
