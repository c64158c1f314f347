"""A chat's webhook on loopback: it notes what is posted, and fails on request."""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from devstack.faults import Faults
from devstack.loopback import LoopbackServer, answer_fault

PATH = "/workflows/a-path-that-nobody-may-see"


class Chat(LoopbackServer):
    """The server: an async context manager. `posted` are the bodies it took, oldest first."""

    def __init__(self) -> None:
        super().__init__(port=0)
        self.posted: list[Any] = []
        self.asked = 0
        self.faults: Faults[str] = Faults()
        self._news = asyncio.Condition()

    @property
    def hook(self) -> str:
        """The URL that is a password."""
        return self.url + PATH

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """Return the one path."""
        return [web.post(PATH, self._post)]

    async def until(self, count: int) -> list[Any]:
        """Return what was posted, once it is so many bodies."""
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(lambda: len(self.posted) >= count)
        return self.posted

    async def _post(self, request: web.Request) -> web.Response:
        self.asked += 1
        fault = await self.faults.meet(PATH)
        if fault is not None:
            return answer_fault(request, fault, "a body that quotes " + self.hook)
        async with self._news:
            self.posted.append(await request.json())
            self._news.notify_all()
        return web.Response(status=202)
