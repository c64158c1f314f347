"""The whole of it, for a test: the local stack, the app in a process of its own, and Event Grid's way in."""

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp

from devstack import eventgrid, seed, stack
from devstack.eventgrid import Schema
from devstack.host import HostProcess, start_process

MARK = "PLANTED-7c1e-value"
"""Every secret value in these tests begins so; it may appear in no log, notice, answer or error."""


class AheadClock:
    """The system's time and `ahead` seconds. Key Vault counts in whole seconds, and tests rotate faster."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        """Answer the time in Unix seconds."""
        return time.time() + self.ahead


class Scene:
    """A stack, a host, and short words for what tests do with them."""

    def __init__(
        self,
        running: stack.Stack,
        host: HostProcess,
        session: aiohttp.ClientSession,
        clock: AheadClock | None = None,
    ) -> None:
        self.stack = running
        self.clock = clock or AheadClock()
        self.host = host
        self.session = session
        self._count = 0
        self.answers: list[str] = []

    def reset(self) -> None:
        """Seed anew: nothing of an earlier test stays but the host's connections."""
        self.stack.vault.clear()
        self.stack.vault.rights = None
        self.stack.cluster.clear()
        self.stack.cluster.clear_requests()
        self.stack.bus.clear()
        self.stack.bus.faults.clear()
        version = self.stack.vault.set_secret(seed.OBJECT, f"{MARK}-first")
        for manifest in seed.manifests(vault=stack.VAULT, version=version, value=f"{MARK}-first"):
            self.stack.cluster.apply(manifest)

    def rotate(self, name: str = seed.OBJECT, **attributes: Any) -> str:
        """Give the secret a new value and return its version."""
        self._count += 1
        return self.stack.vault.set_secret(name, f"{MARK}-{self._count}", **attributes)

    def event(
        self, version: str, *, type_: str = "SecretNewVersionCreated", name: str = seed.OBJECT
    ) -> eventgrid.Event:
        """Return the event of a version."""
        return eventgrid.key_vault_event(
            type_,
            vault_name=stack.VAULT,
            vault_url=self.stack.vault.url,
            name=name,
            version=version,
            time=time.time(),
        )

    async def deliver(self, event: eventgrid.Event, schema: Schema = Schema.CLOUD_EVENTS) -> int:
        """Post an event once, as Event Grid does, and return the status."""
        return await self.post(eventgrid.body([event], schema), schema)

    async def post(self, body: bytes, schema: Schema = Schema.CLOUD_EVENTS) -> int:
        """Post any body as a notification."""
        headers = eventgrid.headers(schema, subscription="TEST")
        async with self.session.post(stack.endpoint(self.host.url), data=body, headers=headers) as response:
            self.answers.append(await response.text())
            return response.status

    def value(self, secret: str = seed.SECRET, key: str = seed.KEY, namespace: str = seed.NAMESPACE) -> str:
        """Return what the Secret holds."""
        manifest = self.stack.cluster.get("secrets", namespace, secret)
        assert manifest is not None
        return base64.b64decode(manifest["data"][key]).decode()

    def values(self, secret: str = seed.SECRET, key: str = seed.KEY) -> list[str]:
        """Return every value that the Secret has had, oldest first."""
        states = self.stack.cluster.history_of("secrets", seed.NAMESPACE, secret)
        return [base64.b64decode(state["data"][key]).decode() for state in states]

    def told(self, notice_type: str = "") -> list[Mapping[str, object]]:
        """Return the application properties of the notices that arrived, duplicates left out."""
        return [
            message.application_properties
            for message in self.stack.bus.accepted(stack.TOPIC)
            if not message.duplicate and notice_type in {"", message.application_properties["noticeType"]}
        ]

    async def logged(self, text: str) -> None:
        """Wait until the function has logged a text: its pipe is read beside the test."""
        await self.eventually(lambda: text in self.host.stderr_text())

    async def eventually(self, what: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(10):
            while not what():  # noqa: ASYNC110 - what a server saw sets no event
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def play(provider: Mapping[str, object] | None = None, **changes: str) -> AsyncIterator[Scene]:
    """Start everything; `changes` are settings of the app, `provider` is what its cluster's entry says of flags."""
    clock = AheadClock()
    async with stack.start(clock=clock) as running:
        (cluster,) = json.loads(running.environment["CLUSTERS"])
        clusters = {"CLUSTERS": json.dumps([cluster | ({"provider": provider} if provider else {})])}
        environment = stack.inherited() | running.environment | clusters | changes
        async with start_process(stack.APP, environment) as host, aiohttp.ClientSession() as session:
            scene = Scene(running, host, session, clock)
            scene.reset()
            yield scene
