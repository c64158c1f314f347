"""examples/fastapi_pool on a real PostgreSQL: the password is rotated while requests come in."""

import asyncio
import contextlib
import json
import os
import re
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import aiohttp
import pytest
import pytest_asyncio

from devstack import postgres as postgres_server
from devstack import stack
from devstack.keyvault import VaultChange
from devstack.postgres import Postgres
from devstack.servicebus import Subscription
from shared import notice
from shared.edges.bus import ServiceBusTopic
from shared.event import EventKind, VaultEvent
from shared.model import ObjectType, SecretValue, VaultObject
from shared.notice import ChangeNotice
from tests.client.eventually import eventually
from tests.examples.program import Program, run

pytestmark = pytest.mark.real

SECRET = "shop-database"
SUBSCRIPTION = Subscription(name="fastapi-pool", max_delivery_count=10)
T = TypeVar("T")
ABOUT = VaultObject(vault=stack.VAULT, type=ObjectType.SECRET, name=SECRET)


@pytest_asyncio.fixture(scope="module")
async def postgres() -> AsyncIterator[Postgres]:
    if postgres_server.programs() is None:
        said = "examples/fastapi_pool on a real PostgreSQL: there is none; apt-get install postgresql"
        if os.environ.get("REQUIRE_POSTGRES"):  # noqa: TID251 - the environment of who runs the tests
            pytest.fail(said)
        pytest.skip(said)
    async with postgres_server.serve() as found:
        yield found


@dataclass(slots=True)
class Visitors:
    """Requests that never stop, and their answers."""

    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    async def visit(self, session: aiohttp.ClientSession, url: str) -> None:
        """Ask again and again."""
        while True:
            async with session.get(url) as response:
                self.answers.append((response.status, await response.json()))

    async def see(self, what: Callable[[dict[str, Any]], bool], times: int = 20) -> None:
        """Wait for some more answers, all of which are of a kind at last."""
        await eventually(lambda: all(what(body) for _, body in self.answers[-times:]))
        seen = len(self.answers)
        await eventually(lambda: len(self.answers) >= seen + times)


async def _until(ask: Callable[[], Awaitable[T]], enough: Callable[[T], bool]) -> T:
    """Ask until the answer is good enough, and return it."""
    async with asyncio.timeout(30):
        while not enough(found := await ask()):  # noqa: ASYNC110 - what is waited for is seen by asking only
            await asyncio.sleep(0.02)
    return found


@dataclass(slots=True)
class Scene:
    """The running service, its database, its vault and its topic."""

    postgres: Postgres
    running: stack.Stack
    topic: ServiceBusTopic
    program: Program
    session: aiohttp.ClientSession
    url: str
    passwords: list[str]

    async def store(self, user: str, password: str) -> str:
        """Make the version in the vault and tell of it; return it."""
        return await rotate(self.running, self.topic, user, password, self.passwords)

    async def health(self) -> dict[str, Any]:
        """Ask the service how it is."""
        async with self.session.get(f"{self.url}/healthz") as response:
            assert response.status == 200
            told: dict[str, Any] = await response.json()
            return told

    def acknowledged(self) -> str:
        """Return the version that the service said last that it uses; empty before it said so."""
        said = [json.loads(one.body)["data"]["version"] for one in self.running.bus.messages(stack.ACKS)]
        return str(said[-1]) if said else ""

    async def fresh(self, version: str) -> dict[str, Any]:
        """Wait until the service uses a version, and return what it says of its health."""
        return await _until(self.health, lambda told: not told["failing"] and told["version"] == version)

    async def gone(self, user: str) -> None:
        """Wait until a user has no connection left."""
        await _until(lambda: self.postgres.connections(user), lambda count: count == 0)

    @contextlib.asynccontextmanager
    async def visitors(self) -> AsyncIterator[Visitors]:
        """Let eight visitors ask while the block runs; no answer may be anything but 200."""
        found = Visitors()
        tasks = [asyncio.create_task(found.visit(self.session, self.url)) for _ in range(8)]
        try:
            yield found
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [one for one in ended if not isinstance(one, asyncio.CancelledError)] == []
        assert {status for status, _ in found.answers} == {200}


async def rotate(running: stack.Stack, topic: ServiceBusTopic, user: str, password: str, known: list[str]) -> str:
    """Make a version of the secret, publish its notice as the app does, and return it."""
    known.append(password)
    version = running.vault.set_secret(SECRET, json.dumps({"username": user, "password": password}))
    await topic.publish([told_of(running, version)])
    return version


def told_of(running: stack.Stack, version: str) -> ChangeNotice:
    """Return the app's notice about a version."""
    now = datetime.now(UTC)
    event = VaultEvent(id=version, kind=EventKind.NEW_VERSION, object=ABOUT, version=version, time=now)
    return notice.about_object(event, version=version, vault_url=running.vault.url, at=now)


def environment(running: stack.Stack) -> dict[str, str]:
    """Return what the service is told, but for its database."""
    return {
        "SERVICE_BUS": running.bus.connection_string,
        "TOPIC": stack.TOPIC,
        "SUBSCRIPTION": SUBSCRIPTION.name,
        "KEY_VAULTS": running.settings["KEY_VAULTS"],
        "SSL_CERT_FILE": str(running.bundle),
        "PORT": "0",
        "JITTER": "0.1",
        "ACKS": stack.ACKS,
        **running.identity.environment,
    }


def fresh_password() -> str:
    """Return a password that nobody had before."""
    return f"p{secrets.token_hex(8)}'\\ %"


@pytest_asyncio.fixture
async def scene(postgres: Postgres) -> AsyncIterator[Scene]:
    passwords: list[str] = []
    async with contextlib.AsyncExitStack() as held:
        running = await held.enter_async_context(stack.start(subscriptions=[SUBSCRIPTION]))
        topic = ServiceBusTopic(
            topic=stack.TOPIC, timeout=5, connection_string=SecretValue(running.bus.connection_string.encode())
        )
        held.push_async_callback(topic.close)
        first = fresh_password()
        await postgres.set_password("shop_a", first)
        await rotate(running, topic, "shop_a", first, passwords)
        login = {"DATABASE_URL": postgres.url, "DATABASE_SECRET": SECRET}
        program = await held.enter_async_context(run("fastapi_pool", environment(running) | login))
        await program.says("Uvicorn running on")
        found = re.search(r"http://127\.0\.0\.1:\d+", "\n".join(program.said))
        assert found is not None
        session = await held.enter_async_context(aiohttp.ClientSession())
        scene = Scene(postgres, running, topic, program, session, found[0], passwords)
        await _until(scene.health, lambda told: bool(told["listening"]))
        yield scene
        await session.close()
        await program.end()  # uvicorn hands the signal on to itself when it is done
        said = "\n".join(program.said)
        assert "Application shutdown complete" in said
        assert [password for password in passwords if password in said] == []


async def test_two_users_take_turns_and_no_request_fails(scene: Scene) -> None:
    old = scene.passwords[0]
    async with scene.visitors() as visitors:
        await visitors.see(lambda body: body["user"] == "shop_a")
        new = fresh_password()
        await scene.postgres.set_password("shop_b", new)
        version = await scene.store("shop_b", new)
        await visitors.see(lambda body: body["user"] == "shop_b")
        await scene.gone("shop_a")
        await scene.postgres.set_password("shop_a", fresh_password())
        await visitors.see(lambda body: body["user"] == "shop_b")
        told = await scene.fresh(version)

    assert not await scene.postgres.admits("shop_a", old)
    await eventually(lambda: scene.acknowledged() == version)
    assert told == {
        "version": version,
        "stale": False,
        "reason": "",
        "failing": "",
        "listening": True,
        "listening_problem": "",
    }


async def test_the_password_of_one_user_changes_and_no_request_fails(scene: Scene) -> None:
    """Connections that are open outlive the change; none is made with the new password before the vault holds it."""
    old, new = scene.passwords[0], fresh_password()
    async with scene.visitors() as visitors:
        await visitors.see(lambda body: body["user"] == "shop_a")
        before = {body["connection"] for _, body in visitors.answers}
        await scene.postgres.set_password("shop_a", new)
        await visitors.see(lambda body: body["connection"] in before)
        await scene.fresh(await scene.store("shop_a", new))
        await visitors.see(lambda body: body["connection"] not in before)

    assert not await scene.postgres.admits("shop_a", old)
    assert await scene.postgres.admits("shop_a", new)


async def test_credentials_that_the_database_refuses_are_not_used_and_health_says_so(scene: Scene) -> None:
    async with scene.visitors() as visitors:
        await visitors.see(lambda body: body["user"] == "shop_a")
        before = await scene.health()
        refused = await scene.store("shop_a", fresh_password())
        health = await _until(scene.health, lambda told: bool(told["failing"]))
        await visitors.see(lambda body: body["user"] == "shop_a")
        await scene.postgres.set_password("shop_a", scene.passwords[-1])
        await scene.fresh(refused)  # it is tried again

    assert health == before | {"failing": "OperationalError"}, "the version in use is the former one"


async def test_a_service_whose_first_credentials_are_refused_does_not_start_and_shows_no_password(
    postgres: Postgres,
) -> None:
    refused = fresh_password()
    await postgres.set_password("shop_a", fresh_password())
    async with stack.start(subscriptions=[SUBSCRIPTION]) as running:
        running.vault.set_secret(SECRET, json.dumps({"username": "shop_a", "password": refused}))
        login = {"DATABASE_URL": postgres.url, "DATABASE_SECRET": SECRET}
        async with run("fastapi_pool", environment(running) | login) as program:
            assert await program.ended() == 3

    assert any("password authentication failed" in line for line in program.said)
    assert refused not in "\n".join(program.said)


async def test_without_a_bus_a_rotation_is_seen_by_looking(postgres: Postgres) -> None:
    async with stack.start(subscriptions=[SUBSCRIPTION]) as running:
        login = {"DATABASE_URL": postgres.url, "DATABASE_SECRET": SECRET, "LOOK_EVERY": "0.2"}
        nowhere = {"SERVICE_BUS": "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b"}
        for user in ("shop_a", "shop_b"):
            await postgres.set_password(user, user)
        running.vault.set_secret(SECRET, json.dumps({"username": "shop_a", "password": "shop_a"}))
        async with run("fastapi_pool", environment(running) | login | nowhere) as program:
            await program.says("Uvicorn running on")
            assert await _until(lambda: postgres.connections("shop_a"), bool)
            running.vault.set_secret(SECRET, json.dumps({"username": "shop_b", "password": "shop_b"}))
            assert await _until(lambda: postgres.connections("shop_b"), bool)
            await _until(lambda: postgres.connections("shop_a"), lambda count: count == 0)


@pytest.mark.usefixtures("postgres")
async def test_beside_the_local_stack_a_database_of_its_own_is_rotated_for_it() -> None:
    """What `make up` prints: the devstack starts a PostgreSQL, the service, and rotates again and again."""
    async with stack.start(subscriptions=[SUBSCRIPTION]) as running:
        where = SecretValue(running.bus.connection_string.encode())
        topic = ServiceBusTopic(topic=stack.TOPIC, timeout=5, connection_string=where)

        async def tell(change: VaultChange) -> None:
            await topic.publish([told_of(running, change.version)])

        running.vault.subscribe(tell)
        more = ("--every", "0.5", sys.executable, "-u", "-m", "fastapi_pool")
        async with run("devstack.database", environment(running), *more) as program:
            await program.says("shop_a has no connection any more, and its password is void")
            await program.says("shop_b has no connection any more, and its password is void")
            await program.end(signal.SIGINT)
        await topic.close()

    assert any("Application shutdown complete" in line for line in program.said)
    assert [line for line in program.said if "Traceback" in line or "ERROR" in line] == []
