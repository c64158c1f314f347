"""`make up`: the commands that it prints work when they are pasted."""

import asyncio
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


async def test_the_pasted_command_starts_an_example_and_a_rotation_reaches_it(up: Up) -> None:
    example = await asyncio.create_subprocess_exec(
        "bash", "-c", up.command("(. "), cwd=stack.APP, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert example.stdout is not None
    try:
        said = [await asyncio.wait_for(example.stdout.readline(), 30)]
        await _paste(up.command("curl --cacert"))
        said.append(await asyncio.wait_for(example.stdout.readline(), 30))
    finally:
        os.killpg(example.pid, signal.SIGKILL)
        await example.wait()

    assert said[0] == b"listening\n"
    assert b"secret secret1 of kv-demo" in said[1]


@pytest.mark.usefixtures("up")
async def test_the_files_for_other_programs_are_there(tmp_path: Path) -> None:
    names = {path.name for path in (tmp_path / "files").iterdir()}

    assert names == {"ca-bundle.pem", "kubeconfig", "environment", "event.json", "local.settings.json"}
