"""An example as a process: started as a user starts it, read line by line."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping

from devstack import stack

_PATIENCE = 30
PATH = f"{stack.APP / 'clients' / 'python'}:{stack.APP / 'examples'}"
"""PYTHONPATH, as `make up` writes it into its file."""


class Program:
    """A running example and what it has said so far, on both pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said: list[str] = []
        self._news = asyncio.Condition()
        self._reading = [asyncio.create_task(self._read(pipe)) for pipe in (process.stdout, process.stderr) if pipe]

    async def until(self, what: Callable[[list[str]], bool]) -> None:
        """Wait until it has said something."""
        try:
            async with asyncio.timeout(_PATIENCE), self._news:
                await self._news.wait_for(lambda: what(self.said))
        except TimeoutError:
            raise AssertionError("\n".join(["it said only:", *self.said])) from None

    async def says(self, text: str) -> None:
        """Wait until a line holds a text."""
        await self.until(lambda said: any(text in line for line in said))

    async def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Signal it and return its exit code."""
        self._process.send_signal(by)
        return await self.ended()

    async def ended(self) -> int:
        """Wait for its end and return its exit code."""
        async with asyncio.timeout(_PATIENCE):
            await asyncio.gather(*self._reading)
            return await self._process.wait()

    async def kill(self) -> None:
        """End it, if it is still there."""
        if self._process.returncode is None:
            self._process.kill()
        await self.ended()

    async def _read(self, pipe: asyncio.StreamReader) -> None:
        async for line in pipe:
            async with self._news:
                self.said.append(line.decode().rstrip("\n"))
                self._news.notify_all()


@contextlib.asynccontextmanager
async def run(module: str, environment: Mapping[str, str], *arguments: str) -> AsyncIterator[Program]:
    """Start `python -m module` with its arguments and nothing else in its environment, and kill it with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=stack.APP,
        env=stack.inherited() | {"PYTHONPATH": PATH} | dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    program = Program(process)
    try:
        yield program
    finally:
        await program.kill()
