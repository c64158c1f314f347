"""The live page as the deployed app serves it: the same page, and what it shows as server-sent events.

A function answers when it returns, and cannot hold a stream open. So each answer waits for news, up to `PATIENCE`, and
ends with them; the page asks again and names what it has seen. A process hears while somebody asks it, from the one
subscription that every instance looks through: whichever answers, the page shows the same.
"""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Mapping
from http import HTTPStatus

from fanout.live.board import Board
from fanout.live.hearing import hear
from fanout.live.page import page
from fanout.reply import Reply, problem, reply
from shared.edges import credential
from shared.errors import describe_fault
from shared.settings import Settings

_log = logging.getLogger("fanout.live")

PATIENCE = 20.0
"""Seconds that an answer waits for news."""

IDLE = 60.0
"""Seconds without a question after which nothing is heard any more, so that an instance can be taken away."""

AT_ONCE = 20
"""Pages that one process answers at a time."""

_PAUSE = 1.0
_AGAIN = 1000
"""Milliseconds until the page asks again."""


class Live:
    """Answers the page's questions. Made when the app loads; `patience` and `idle` in seconds."""

    def __init__(
        self, environ: Mapping[str, str], *, patience: float = PATIENCE, idle: float = IDLE, at_once: int = AT_ONCE
    ) -> None:
        self._settings = Settings.from_mapping(environ)
        self._hosted = credential.is_hosted(environ)
        self._patience = patience
        self._idle = idle
        self._at_once = at_once
        self._board: Board | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._asked = 0.0
        self._busy = 0

    @property
    def hears(self) -> bool:
        """Whether the subscription is looked through just now."""
        return self._hearing is not None and not self._hearing.done()

    def page(self) -> Reply:
        """Answer the page, which holds nothing that was told."""
        text, headers = page()
        return reply(HTTPStatus.OK, text, "text/html", headers)

    async def events(self, last: str) -> Reply:
        """Answer what is shown, at once where `last` is not what was shown before (its id), else when it changes."""
        if self._busy >= self._at_once:
            busy = f"{self._at_once} pages are being answered; ask again"
            return problem(HTTPStatus.TOO_MANY_REQUESTS, busy, {"Retry-After": "10"})
        self._busy += 1
        try:
            text = f"retry: {_AGAIN}\n{await self._news(last)}\n\n"
        except Exception as fault:  # noqa: BLE001 - the host would log its text
            said = describe_fault(fault)
            _log.error("a fault of the app's while it answered the live page: %s", said)
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, f"a fault of this app: {said}")
        finally:
            self._busy -= 1
            self._asked = asyncio.get_running_loop().time()
        return reply(HTTPStatus.OK, text, "text/event-stream")

    async def close(self) -> None:
        """Hear no more."""
        if self._hearing is not None:
            self._hearing.cancel()
            await asyncio.gather(self._hearing, return_exceptions=True)

    async def _news(self, last: str) -> str:
        """Return what is shown once that is another than what was seen, or a comment where it stays the same.

        Its id is made of what is shown: so it means the same to every process.
        """
        board = self._listening()
        if await board.heard(within=self._patience):
            for _ in range(2):
                seen, shown = board.changes, board.shown(rotates=False)
                if (name := hashlib.sha256(shown.encode()).hexdigest()[:16]) != last:
                    return f"id: {name}\ndata: {shown}"
                if not await board.changed_since(seen, within=self._patience):
                    break
        return ": nothing new"

    def _listening(self) -> Board:
        """Return the board, and see to it that what comes is put there."""
        self._asked = asyncio.get_running_loop().time()
        if self._board is None or not self.hears:
            self._board = self._board or Board()
            self._hearing = asyncio.create_task(self._hear(self._board))
        return self._board

    async def _hear(self, board: Board) -> None:
        """Hear until nobody asks any more. What is shown stays for whoever asks next."""
        heard = asyncio.create_task(
            hear(
                board,
                self._settings,
                self._settings.live_subscription,
                hosted=self._hosted,
                pause=_PAUSE,
                say=lambda trouble: _log.warning("live page: %s", trouble),
            )
        )
        try:
            while not heard.done() and (self._busy or asyncio.get_running_loop().time() - self._asked < self._idle):
                await asyncio.wait([heard], timeout=self._idle / 10)
            if self._hearing is asyncio.current_task():
                self._hearing = None  # who asks from here on is heard for anew
            if heard.done():
                fault = heard.exception()
                said = describe_fault(fault) if isinstance(fault, Exception) else "ended"
                _log.error("a fault of the app's while it heard for the live page: %s", said)
                await board.fail(f"a fault of this app: {said}")
        finally:
            heard.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await heard
