"""The operator's live page in a process of its own, pointed at the stack as an operator points it at Azure."""

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncIterator, Mapping

from devstack import stack

_READY_SECONDS = 20.0
_STOP_SECONDS = 5.0


class LivePageFailedError(Exception):
    """The page was not served; the message is what the command said."""


@contextlib.asynccontextmanager
async def serve(environment: Mapping[str, str], *, rotate: str, port: int = 0) -> AsyncIterator[str]:
    """Serve it while the block runs, and yield its address. `rotate` is what its button posts to."""
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "fanout", "live", "--subscription", stack.LIVE],
        *["--port", str(port), "--pause", "0.1", "--rotate", rotate],
        cwd=stack.APP,
        env=dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    draining: asyncio.Task[None] | None = None
    try:
        address = await _address(process)
        draining = asyncio.create_task(_drain(process))
        yield address
    finally:
        if draining is not None:
            draining.cancel()
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _drain(process: asyncio.subprocess.Process) -> None:
    """Pass on what it complains of; a full pipe would stop it."""
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    while line := await process.stdout.readline():
        print(line.decode(), end="", file=sys.stderr)


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    said = ""
    async with asyncio.timeout(_READY_SECONDS):
        while line := await process.stdout.readline():
            said += line.decode()
            if found := re.search(r"http://127\.0\.0\.1:\d+/live", said):
                return found[0]
    raise LivePageFailedError(said.strip())
