"""The client's README: its examples run as they stand there, but for the names of topic and object."""

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from devstack import stack
from devstack.servicebus import Queue, ServiceBus
from tests.builders import ABOUT
from tests.client.conftest import Scene
from tests.client.keeping import Mount
from tests.client.notices import TOPIC, new_version, refreshed

CLIENT = stack.APP / "clients" / "python"


def examples() -> list[str]:
    """Return the examples, in their order; names of topic and object are those of the tests."""
    text = (CLIENT / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return [one.replace('"keyvault-changes"', f'"{TOPIC}"').replace("db-password", ABOUT.name) for one in found]


@contextlib.asynccontextmanager
async def program(example: str, **environment: str) -> AsyncIterator[asyncio.StreamReader]:
    """Run an example, and give what it prints."""
    given = stack.inherited() | {"PYTHONPATH": str(CLIENT)} | environment
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-u", "-c", example, env=given, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert running.stdout is not None
        yield running.stdout
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.kill()
        await running.wait()


async def line(out: asyncio.StreamReader) -> str:
    """Return the next line."""
    return (await asyncio.wait_for(out.readline(), 30)).decode().rstrip()


async def test_the_first_example_prints_what_was_rotated(scene: Scene) -> None:
    async with program(examples()[0], BUS=scene.broker.connection_string) as out:
        await scene.tell(new_version("v2"))

        assert await line(out) == f"{ABOUT.vault}/{ABOUT.type}/{ABOUT.name} has version v2"


async def test_the_example_of_a_file_sees_it_change(scene: Scene, tmp_path: Path) -> None:
    mount = Mount(tmp_path / "mounted")
    mount.project("one")
    async with program(examples()[1], BUS=scene.broker.connection_string, MOUNTED_FILE=str(mount.file)) as out:
        assert await line(out) == "there are 3 bytes"
        await scene.tell(refreshed("v2"))
        mount.project("three")

        assert await line(out) == "there are 5 new bytes"


async def test_the_example_of_an_acknowledgement_sends_it() -> None:
    async with ServiceBus(queues=[Queue(name="acks")], key="key") as broker:
        async with program(examples()[2], BUS=broker.connection_string, VERSION="v1") as out:
            assert await line(out) == ""

        (message,) = broker.messages("acks")
    assert json.loads(message.body)["data"]["version"] == "v1"


async def test_the_example_that_blocks_reads_the_file(tmp_path: Path) -> None:
    mount = Mount(tmp_path / "mounted")
    mount.project("one")
    async with program(examples()[3], MOUNTED_FILE=str(mount.file)) as out:
        assert await line(out) == "there are 3 bytes"


def test_every_example_is_run_here() -> None:
    assert len(examples()) == 4
