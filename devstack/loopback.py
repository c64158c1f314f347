"""What the HTTP servers of the devstack share: a port on 127.0.0.1, taken and given back, and a planned fault answered.

What a server serves is its own affair.
"""

import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Self

from aiohttp import web

from devstack.faults import Fault

_MAX_LINE = 64 * 1024  # bytes; Entra tokens with many groups outgrow aiohttp's 8 KiB


class LoopbackServer(ABC):
    """An HTTP server between `start()` and `stop()`, or inside `async with`.

    State and port outlive `stop()`, and a second `start()` takes the same port again: an outage. Port 0 takes a free
    one. With `tls` it speaks https.
    """

    max_body = 1024 * 1024
    """Bytes of a request's body; more is 413."""
    grace = 0.1
    """Seconds for the requests under way when the server stops. aiohttp's minute would let a planned delay hold up the
    end of a test."""
    ends_with_client = False
    """Whether a request is cancelled when its client has gone."""

    def __init__(self, *, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._port = port
        self._tls = tls
        self._runner: web.AppRunner | None = None

    @abstractmethod
    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """Return what is served."""

    @property
    def url(self) -> str:
        """The server's address, without a slash at the end. Meaningful once started."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=self.max_body)
        app.add_routes(self.routes())
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handler_cancellation=self.ends_with_client,
            shutdown_timeout=self.grace,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """End every connection, and listen no more."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()


def answer_fault(request: web.Request, fault: Fault, body: object) -> web.Response:
    """Cut the connection, or answer the fault's status with its own body or `body`: text as it is, all else as JSON."""
    if fault.drop and request.transport:
        request.transport.abort()
    told = body if fault.body is None else fault.body
    status = fault.status or 500  # nobody receives it after a cut
    if isinstance(told, str | bytes):
        return web.Response(body=told, status=status, headers=fault.headers)
    return web.json_response(told, status=status, headers=fault.headers)
