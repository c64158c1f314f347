"""examples/file_worker: a key that is a mounted file, replaced as a kubelet does it."""

import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from azure.servicebus.aio import ServiceBusSender

from devstack import kubelet
from devstack.servicebus import ServiceBus
from file_worker.working import signature
from keyvault_fanout import SecretValue
from tests.builders import ABOUT
from tests.client.eventually import eventually
from tests.client.notices import SUBSCRIPTION, TOPIC, message, refreshed, topic
from tests.examples.program import Program, run

KEYS = ("the-first-key", "the-second-key", "the-third-key")
PATH = f"{TOPIC}/subscriptions/{SUBSCRIPTION}"


@dataclass(frozen=True, slots=True)
class Scene:
    """A folder that a kubelet fills, and a topic."""

    folder: Path
    broker: ServiceBus
    sender: ServiceBusSender

    def mount(self, key: str) -> None:
        """Replace the file in one step."""
        kubelet.project({"data": {"key": base64.b64encode(key.encode()).decode()}}, self.folder)

    async def tell(self, version: str) -> None:
        """Publish that the Secret has new bytes."""
        await self.sender.send_messages(message(refreshed(version, resource_version=version)))

    def environment(self, *, look_every: float) -> Mapping[str, str]:
        """Return what the worker is told."""
        return {
            "SERVICE_BUS": self.broker.connection_string,
            "TOPIC": TOPIC,
            "SUBSCRIPTION": SUBSCRIPTION,
            "OBJECT": ABOUT.name,
            "MOUNTED_FILE": str(self.folder / "key"),
            "JOB_EVERY": "0.02",
            "LOOK_EVERY": str(look_every),
        }


@pytest_asyncio.fixture(scope="module")
async def served() -> AsyncIterator[tuple[ServiceBus, ServiceBusSender]]:
    async with topic() as found:
        yield found


@pytest.fixture
def scene(served: tuple[ServiceBus, ServiceBusSender], tmp_path: Path) -> Scene:
    """An empty folder, and nothing on the topic."""
    broker, sender = served
    broker.clear()
    return Scene(tmp_path, broker, sender)


async def signs(program: Program, key: str, number: int) -> None:
    """Wait until a job is signed by a key, the `number`th of this process."""
    await program.until(lambda said: any(f"by key {number}: " in line for line in said))
    line = next(line for line in program.said if f"by key {number}: " in line)
    job, _, signed = line.partition(f" by key {number}: ")

    assert signed == signature(SecretValue(key.encode()), job)


def shows_no_key(program: Program) -> None:
    """Assert that no key was printed or logged."""
    assert [line for line in program.said for key in KEYS if key in line] == []


async def test_after_a_notice_jobs_are_signed_by_the_new_key(scene: Scene) -> None:
    scene.mount(KEYS[0])
    async with run("file_worker", scene.environment(look_every=30)) as program:
        await signs(program, KEYS[0], 1)
        scene.mount(KEYS[1])
        await scene.tell("2")
        await signs(program, KEYS[1], 2)

        assert await program.end() == 0

    shows_no_key(program)


async def test_a_file_that_changes_long_after_its_notice_is_seen(scene: Scene) -> None:
    """The kubelet is late: the notice is handled and gone before the file changes."""
    scene.mount(KEYS[0])
    async with run("file_worker", scene.environment(look_every=3600)) as program:
        await signs(program, KEYS[0], 1)
        await scene.tell("3")
        await eventually(lambda: not scene.broker.messages(PATH))
        scene.mount(KEYS[1])
        await signs(program, KEYS[1], 2)


async def test_without_a_bus_a_change_is_seen_by_looking(scene: Scene) -> None:
    scene.mount(KEYS[0])
    nowhere = {"SERVICE_BUS": "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b"}
    async with run("file_worker", {**scene.environment(look_every=0.05), **nowhere}) as program:
        await signs(program, KEYS[0], 1)
        scene.mount(KEYS[1])
        await signs(program, KEYS[1], 2)

        assert await program.end() == 0


async def test_a_file_that_is_missing_is_waited_for_and_named_once(scene: Scene) -> None:
    async with run("file_worker", scene.environment(look_every=0.05)) as program:
        await program.says(f"file {scene.folder / 'key'}: there is no such file")
        scene.mount(KEYS[0])
        await signs(program, KEYS[0], 1)
        (scene.folder / "key").unlink()
        await program.until(lambda said: sum("there is no such file" in line for line in said) == 2)
        before = len(program.said)
        await program.until(lambda said: len(said) > before + 5)
        scene.mount(KEYS[2])
        await signs(program, KEYS[2], 2)

    shows_no_key(program)
