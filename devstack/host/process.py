"""The host in a process of its own, started and stopped by a test or by the stack."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).resolve().parent.parent.parent
_READY_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 10.0


class HostFailedError(Exception):
    """The host ended before it was ready; the message holds its exit code and all it said."""


class HostProcess:
    """A running host."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.url = ""
        self.engine = ""
        self.functions: tuple[str, ...] = ()
        self._said = bytearray()
        self._draining = [asyncio.create_task(self._drain(process.stderr))]

    def stderr_text(self) -> str:
        """Return everything that the host and the app have logged and printed so far."""
        return self._said.decode(errors="replace")

    async def wait_ready(self) -> None:
        """Wait for the ready line.

        Raises:
            HostFailedError: The process ended, or was not ready in time.
        """
        assert self.process.stdout  # noqa: S101 it was started with a pipe
        try:
            line = await asyncio.wait_for(self.process.stdout.readline(), _READY_SECONDS)
        except TimeoutError:
            raise HostFailedError(f"not ready after {_READY_SECONDS:g} s\n{self.stderr_text()}") from None
        if not line:
            code = await self.process.wait()
            await asyncio.gather(*self._draining)
            raise HostFailedError(f"exit code {code}\n{self.stderr_text()}")
        # The host prints no more, but a child of the app's may: a full pipe would stop it.
        self._draining.append(asyncio.create_task(self._drain(self.process.stdout)))
        ready: dict[str, Any] = json.loads(line)
        self.url, self.engine, self.functions = ready["url"], ready["engine"], tuple(ready["functions"])

    async def stop(self) -> None:
        """End the process: SIGTERM, and SIGKILL for one that does not listen."""
        if self.process.returncode is None:
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        await asyncio.gather(*self._draining)

    async def _drain(self, stream: asyncio.StreamReader | None) -> None:
        while stream and (said := await stream.read(65_536)):
            self._said += said


@asynccontextmanager
async def start_process(
    directory: Path, environment: Mapping[str, str] | None = None, *, options: Sequence[str] = ()
) -> AsyncIterator[HostProcess]:
    """Start a host for the app in `directory`, yield it when it is ready, and end it.

    The process sees `environment` and nothing else of this one's, apart from the way to the devstack. `options` are
    further ones of `python -m devstack.host`.

    Raises:
        HostFailedError: The app cannot be hosted.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "devstack.host",
        "--app",
        ".",
        *options,
        cwd=directory,
        env={**(environment or {}), "PYTHONPATH": str(_ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    host = HostProcess(process)
    try:
        await host.wait_ready()
        yield host
    finally:
        await host.stop()
