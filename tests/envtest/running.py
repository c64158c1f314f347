"""Programs of this machine that a test needs for a while: each under guard, on free ports, ready before it is used."""

import asyncio
import contextlib
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

_ROOT = Path(__file__).resolve().parent.parent.parent
_PATIENCE = 45.0
_LAST_BYTES = 4_000


class ServerFailedError(Exception):
    """A program ended, or was not ready in time; the message has the last lines of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that runs, or has ended already."""

    name: str
    log: Path
    guard: asyncio.subprocess.Process

    async def until_ready(self, url: str, *, tls: ssl.SSLContext | None = None) -> None:
        """Wait until it answers 200 at an address that needs no token. Raises `ServerFailedError`."""
        connector = aiohttp.TCPConnector(ssl=tls if tls is not None else True)
        try:
            async with aiohttp.ClientSession(connector=connector) as session, asyncio.timeout(_PATIENCE):
                while not await _answers(session, url):
                    if self.guard.returncode is not None:
                        raise ServerFailedError(
                            f"{self.name} ended, code {self.guard.returncode}\n{self._last_lines()}"
                        )
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise ServerFailedError(f"{self.name} was not ready after {_PATIENCE:g} s\n{self._last_lines()}") from None

    def _last_lines(self) -> str:
        return self.log.read_bytes()[-_LAST_BYTES:].decode(errors="replace") if self.log.exists() else ""


@contextlib.asynccontextmanager
async def run(program: Path, arguments: Sequence[str], *, log: Path) -> AsyncIterator[Program]:
    """Run a program under guard; it is gone when the block is left."""
    guard = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.envtest.guard", str(log), str(program)),
        *arguments,
        cwd=_ROOT,
        stdin=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert guard.stdin is not None
    try:
        yield Program(name=program.name, log=log, guard=guard)
    finally:
        guard.stdin.close()
        await guard.wait()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
