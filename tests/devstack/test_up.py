"""`make up`: the commands that it prints work when they are pasted."""

import asyncio
import contextlib
import hashlib
import hmac
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from devstack import stack

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl: apt-get install curl")


class Up:
    """The running program and what it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.printed = ""

    async def until(self, text: str) -> None:
        """Read on until a text is printed."""
        assert self.process.stdout is not None
        async with asyncio.timeout(20):
            while text not in self.printed:
                line = await self.process.stdout.readline()
                assert line, f"it ended before it printed {text!r}:\n{self.printed}"
                self.printed += line.decode()

    def command(self, beginning: str) -> str:
        """Return a printed command with its continuation lines."""
        found = re.search(rf"^  ({re.escape(beginning)}(?:\\\n|.)*)$", self.printed, re.MULTILINE)
        assert found is not None, self.printed
        return found[1]


@pytest_asyncio.fixture
async def up(tmp_path: Path) -> AsyncIterator[Up]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "devstack.up",
        "--free-ports",
        "--folder",
        str(tmp_path / "files"),
        cwd=stack.APP,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},  # noqa: TID251 - the environment of the person who types it
    )
    running = Up(process)
    try:
        await running.until("func start")
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0


async def _paste(command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command, cwd=stack.APP, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


@needs_curl
async def test_the_pasted_commands_rotate_a_secret_and_post_an_event(up: Up) -> None:
    rotated = await _paste(up.command("curl --cacert"))
    await up.until("event accepted after 1 attempt(s)")
    posted = await _paste(up.command("curl -i"))

    assert '"value": "another value"' in rotated
    assert "202 Accepted" in posted
    assert "another value" not in up.printed.replace(up.command("curl --cacert"), "")


@needs_curl
async def test_the_pasted_commands_start_examples_and_notices_reach_them(up: Up) -> None:
    subscriptions = ("print-notices", "near-expiry", "file-worker")
    async with contextlib.AsyncExitStack() as held:
        commands = [next(line for line in up.printed.splitlines() if f"={name} " in line) for name in subscriptions]
        printing, expiring, working = [await held.enter_async_context(_shell(command)) for command in commands]
        assert [await _line(each) for each in (printing, expiring)] == ["listening"] * 2
        await _paste(up.command("curl --cacert"))
        rotated = await _line(printing)
        while not (job := await _line(working)).endswith(_signed(job, b"another value")):
            assert job.endswith(_signed(job, b"the first value"))
        await _paste("curl -i" + up.printed.split("expires soon:\n  curl -i")[1].split("\n\n")[0])
        expires = await _line(expiring)

    assert "secret secret1 of kv-demo" in rotated
    assert expires == "A version in Key Vault expires soon"


def _signed(job: str, key: bytes) -> str:
    return hmac.new(key, job.partition(" by ")[0].encode(), hashlib.sha256).hexdigest()


@contextlib.asynccontextmanager
async def _shell(command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Type a command that goes on, and end it with everything that it started."""
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command, cwd=stack.APP, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 30)).decode().rstrip()


@pytest.mark.usefixtures("up")
async def test_the_files_for_other_programs_are_there(tmp_path: Path) -> None:
    names = {path.name for path in (tmp_path / "files").iterdir()}

    events = {"event.json", "near-expiry.json"}
    assert names == {"ca-bundle.pem", "kubeconfig", "environment", "local.settings.json", "mounted", *events}
