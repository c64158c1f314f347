"""The page, its stream of server-sent events, and the button of the local stack: on loopback, for one person.

Whoever may look at this machine's loopback may look. A page of another origin may not: the host of each request has to
be a loopback one (or a name that points here would do), and the button takes a header that another origin cannot send.
"""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from fanout.live.board import Board
from fanout.live.page import page

Rotate = Callable[[], Awaitable[None]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_QUIET = 15.0
"""Seconds without news after which a comment keeps the stream open."""
_BREATH = 0.1
"""Seconds in which news are gathered: a burst of a thousand notices is a few updates."""


class LivePage:
    """Serves a board's page while it runs. `rotate` is what the button does; without it there is none."""

    def __init__(self, board: Board, *, rotate: Rotate | None = None) -> None:
        self._board = board
        self._rotate = rotate
        self._runner: web.AppRunner | None = None

    async def start(self, port: int) -> str:
        """Listen on 127.0.0.1 and return the page's address. Raises `OSError` where the port is taken."""
        app = web.Application(middlewares=[_only_loopback])
        app.add_routes(
            [
                web.get("/", self._to_page),
                web.get("/live", self._page),
                web.get("/live/events", self._events),
                web.post("/live/rotate", self._rotated),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/live"

    async def stop(self) -> None:
        """End every connection."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _to_page(self, _: web.Request) -> web.Response:
        raise web.HTTPFound("/live")

    async def _page(self, _: web.Request) -> web.Response:
        text, headers = page()
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Send all that is shown, at once and after each change."""
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await stream.prepare(request)
        seen = -1
        while True:
            if seen != self._board.changes:
                seen = self._board.changes
                shown = self._board.shown(rotates=self._rotate is not None)
                await stream.write(f"id: {seen}\ndata: {shown}\n\n".encode())
                await asyncio.sleep(_BREATH)
            elif not await self._board.changed_since(seen, within=_QUIET):
                await stream.write(b": still here\n\n")

    async def _rotated(self, request: web.Request) -> web.Response:
        if self._rotate is None:
            raise web.HTTPNotFound(text="there is nothing to rotate here")
        if request.headers.get("x-fanout-live") != "rotate":
            raise web.HTTPForbidden(text="only the page itself may rotate")
        await self._rotate()
        return web.Response(status=204)


@web.middleware
async def _only_loopback(request: web.Request, handler: Handler) -> web.StreamResponse:
    if urlsplit(f"//{request.host}").hostname not in _LOOPBACK:
        raise web.HTTPMisdirectedRequest(text="this page is on loopback only")
    return await handler(request)
