"""Hosts that are made, killed and made anew: processes forked by `nursery`, told apart by nothing but their ids."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from devstack import stack
from devstack.host import HostProcess

_PATIENCE = 30.0
_TICK = 0.002


class Host(HostProcess):
    """A host whose parent is the nursery: what its base class does with a child of this process is done by its id."""

    def __init__(self, process_id: int, log: Path) -> None:
        self.url = ""
        self.engine = ""
        self.functions = ()
        self._id = process_id
        self._log = log

    def stderr_text(self) -> str:
        """Return everything that the host and the app have logged and printed so far."""
        return self._log.read_text(errors="replace")

    @property
    def dead(self) -> bool:
        """Whether the process is gone."""
        try:
            os.kill(self._id, 0)
        except ProcessLookupError:
            return True
        return False

    def kill(self) -> None:
        """End the process where it stands."""
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        """Let the process do nothing more; its connections stay open."""
        self._signal(signal.SIGSTOP)

    async def gone(self) -> None:
        """Wait until the process is gone."""
        async with asyncio.timeout(_PATIENCE):
            while not self.dead:  # noqa: ASYNC110 - it is another process's child: nothing tells
                await asyncio.sleep(_TICK)

    async def stop(self) -> None:
        """End the process, as the host is ended that is replaced by another."""
        self.kill()
        await self.gone()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._id, number)


class Nursery:
    """Makes hosts for one environment."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._count = 0

    async def bear(self) -> Host:
        """Make a host and wait until it is ready."""
        self._count += 1
        log, ready = self._folder / f"{self._count}.log", self._folder / f"{self._count}.ready"
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([str(log), str(ready)]).encode() + b"\n")
        host = Host(int(await self._process.stdout.readline()), log)
        async with asyncio.timeout(_PATIENCE):
            while not (ready.exists() and ready.read_text().endswith("\n")):
                assert not host.dead, host.stderr_text()
                await asyncio.sleep(_TICK)
        host.url = json.loads(ready.read_text())["url"]
        return host


@contextlib.asynccontextmanager
async def nursery(environment: Mapping[str, str], folder: Path) -> AsyncIterator[Nursery]:
    """Start a nursery; no host outlives it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.faults.nursery",
        cwd=stack.APP,
        env=dict(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield Nursery(process, folder)
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()
