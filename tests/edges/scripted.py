"""A server that answers what a test tells it to: for answers that no vault and no API server would give.

The devstack's servers are right by intention, so garbage, redirects and foreign challenges come from here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ssl import SSLContext
from typing import Self

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as it arrived. `peer` is the client's port: one for each connection."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    peer: int


class ScriptedServer:
    """An async context manager on a free loopback `port`; `answer` may be replaced at any time."""

    def __init__(self, answer: Answer, *, tls: SSLContext | None = None) -> None:
        self.answer = answer
        self.requests: list[Seen] = []
        self._tls = tls
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._runner:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Its address."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        server = self._runner.server if self._runner else None
        return len(server.connections) if server else 0

    async def wait_until_left(self) -> None:
        """Return when no connection is open any more."""
        while self.open_connections:  # noqa: ASYNC110 - aiohttp tells nobody when a connection ends
            await asyncio.sleep(0.01)

    @property
    def connections(self) -> int:
        """How many connections brought requests."""
        return len({seen.peer for seen in self.requests})

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        peer = request.transport.get_extra_info("peername") if request.transport else ("", 0)
        self.requests.append(
            Seen(
                method=request.method,
                path=request.raw_path,
                headers=dict(request.headers),
                body=await request.read(),
                peer=peer[1],
            )
        )
        return await self.answer(request)


def always(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer everything with these bytes, as JSON unless `headers` say otherwise."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers={"Content-Type": "application/json", **(headers or {})})

    return answer


def challenge(authority: str) -> web.Response:
    """Return a vault's 401 that names a resource by its authority."""
    text = f'Bearer authorization="https://login.microsoftonline.com/tenant", resource="https://{authority}"'
    return web.Response(status=401, headers={"WWW-Authenticate": text})


def behind_a_challenge(answer: Answer) -> Answer:
    """Ask for a token first, as a vault does, for the one name of loopback that the SDK accepts (local-stack 3.4)."""

    async def challenging(request: web.Request) -> web.StreamResponse:
        if "Authorization" not in request.headers:
            return challenge(f"0.0.1:{request.url.port}")
        return await answer(request)

    return challenging
