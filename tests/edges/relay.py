"""The wire between a cluster's edge and its API: a server that hands everything on and keeps what went through.

The API's own log has neither versions of paths nor headers nor answers. They are what tells which data left it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp
from aiohttp import web

from tests.edges.scripted import ScriptedServer, Seen

_PASSED_ON = ("Accept", "Authorization", "Content-Type", "User-Agent")


@dataclass(frozen=True, slots=True)
class HeldUp:
    """A request that waits on the wire."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)


class Relay(ScriptedServer):
    """Stands before the API at `server`; `answers` are the bodies that came from there.

    While it is `deaf`, watches bring nothing. With `seconds` they end after so long; `ended` counts those that did.
    """

    def __init__(self, server: str, session: aiohttp.ClientSession) -> None:
        super().__init__(self._hand_on)
        self.answers: list[bytes] = []
        self.server = server
        self.deaf = False
        self.seconds = ""
        self.ended = 0
        self._session = session

    @property
    def asked(self) -> list[str]:
        """The requests so far as METHOD and path, without the query and without the watches."""
        return [name(seen) for seen in self.requests if not _is_watch(seen.path)]

    @property
    def watched(self) -> list[str]:
        """What was watched so far, as `asked` has it."""
        return [name(seen) for seen in self.requests if _is_watch(seen.path)]

    def forget(self) -> None:
        """Forget what went through so far."""
        self.requests.clear()
        self.answers.clear()

    def hold_up(self, method: str, *, answers: bool = False) -> "HeldUp":
        """Let requests with that method wait from now on, or their answers, until they are told to go on."""
        held_up = HeldUp()

        async def answer(request: web.Request) -> web.StreamResponse:
            given = await self._hand_on(request) if answers else None
            if request.method == method:
                held_up.arrived.set()
                await held_up.goes_on.wait()
            return given or await self._hand_on(request)

        self.answer = answer
        return held_up

    async def _hand_on(self, request: web.Request) -> web.StreamResponse:
        headers = {key: request.headers[key] for key in _PASSED_ON if key in request.headers}
        url = f"{self.server}{request.raw_path}"
        if self.seconds:
            url = url.replace("timeoutSeconds=30", f"timeoutSeconds={self.seconds}")
        async with self._session.request(request.method, url, headers=headers, data=await request.read()) as response:
            if _is_watch(request.raw_path) and response.status == HTTPStatus.OK:
                return await self._hand_on_bit_by_bit(request, response)
            body = await response.read()
        self.answers.append(body)
        return web.Response(body=body, status=response.status, headers={"Content-Type": "application/json"})

    async def _hand_on_bit_by_bit(self, request: web.Request, response: aiohttp.ClientResponse) -> web.StreamResponse:
        answer = web.StreamResponse(status=response.status, headers={"Content-Type": "application/json"})
        with contextlib.suppress(ConnectionResetError):
            await answer.prepare(request)
            async for chunk in response.content.iter_any():
                self.answers.append(chunk)
                if not self.deaf:
                    await answer.write(chunk)
            await answer.write_eof()
            self.ended += 1
        return answer


def _is_watch(path: str) -> bool:
    return "watch=1" in path


@asynccontextmanager
async def relay_to(server: str) -> AsyncIterator[Relay]:
    """Stand before an API."""
    async with aiohttp.ClientSession() as session, Relay(server, session) as relay:
        yield relay


def name(seen: Seen) -> str:
    """Return a request as METHOD and path, without the query."""
    return f"{seen.method} {seen.path.partition('?')[0]}"
