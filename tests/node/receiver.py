"""The example in Node.js as a process: started on a copy beside its installed packages, read line by line."""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from devstack import stack
from tests.node.packages import EXAMPLE, RECEIVER

_PATIENCE = 20


class Receiver:
    """A running receiver and what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said: list[str] = []
        self._news = asyncio.Condition()
        self._reading = [asyncio.create_task(self._read(pipe)) for pipe in (process.stdout, process.stderr) if pipe]

    async def until(self, what: Callable[[list[str]], bool]) -> None:
        """Wait until it has said something."""
        async with asyncio.timeout(_PATIENCE), self._news:
            await self._news.wait_for(lambda: what(self.said))

    async def end(self, by: signal.Signals) -> int:
        """Signal it and return its exit code."""
        self._process.send_signal(by)
        return await self.ended()

    async def ended(self) -> int:
        """Wait for its end and return its exit code."""
        async with asyncio.timeout(_PATIENCE):
            await asyncio.gather(*self._reading)
            return await self._process.wait()

    async def _read(self, pipe: asyncio.StreamReader) -> None:
        async for line in pipe:
            async with self._news:
                self.said.append(line.decode().rstrip("\n"))
                self._news.notify_all()


@contextlib.asynccontextmanager
async def start(folder: Path, connection_string: str, *arguments: str) -> AsyncIterator[Receiver]:
    """Start it in a folder of its own, and kill it with the block if it is still there."""
    node = RECEIVER.node()
    assert node is not None, RECEIVER.absent
    shutil.copy(EXAMPLE / "receive.mjs", folder)
    (folder / "node_modules").symlink_to(RECEIVER.modules)
    process = await asyncio.create_subprocess_exec(
        node,
        "receive.mjs",
        *arguments,
        cwd=folder,
        env=stack.inherited() | {"SERVICE_BUS": connection_string},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    receiver = Receiver(process)
    try:
        yield receiver
    finally:
        if process.returncode is None:
            process.kill()
        await receiver.ended()
