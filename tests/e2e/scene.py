"""The whole of it, for a test: the local stack, the app in a process of its own, and Event Grid's way in."""

import asyncio
import base64
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

import aiohttp

from devstack import eventgrid, seed, stack
from devstack.eventgrid import Schema
from devstack.host import HostProcess, start_process
from devstack.kubernetes import everything, resources
from devstack.servicebus import StoredMessage
from tests.notices import verdict

MARK = "PLANTED-7c1e-value"
"""Every secret value in these tests begins so; it may appear in no log, notice, answer, job, annotation or error."""

FIRST = f"{MARK}-first"

_FORBIDDEN = (MARK.encode(), base64.b64encode(MARK.encode()))
"""A multiple of three bytes, so that the base64 of every value begins with the base64 of the mark."""

_KEPT = (
    stack.QUEUE,
    f"{stack.QUEUE}/$DeadLetterQueue",
    f"{stack.EVENTS}/$DeadLetterQueue",
    *[f"{stack.TOPIC}/subscriptions/{one.name}" for one in stack.SUBSCRIPTIONS],
)
_PATIENCE = 30
"""Seconds: some of what is waited for are jobs with delays of their own."""


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
        self.stack.bus.clear()
        self.stack.bus.faults.clear()
        self.furnish(self.stack.vault.set_secret(seed.OBJECT, FIRST))

    def furnish(self, version: str) -> None:
        """Let the cluster be as after the mount of the first value, which has this version, and allow the app all."""
        cluster = self.stack.cluster
        cluster.clear()
        cluster.clear_requests()
        cluster.allow(stack.APP_USER, everything)
        for manifest in seed.manifests(vault=stack.VAULT, version=version, value=FIRST):
            cluster.apply(manifest)

    def hunt(self) -> None:
        """Look for planted values in all that the app has said, sent or written, but for the data of Secrets.

        And for notices that break the contract.
        """
        for place, said in self._said():
            assert not any(value in said for value in _FORBIDDEN), f"a value is in {place}"
        for message in self.stack.bus.accepted(stack.TOPIC):
            broken = verdict.broken_by(message)
            assert not broken, f"a notice breaks the contract: {broken}"

    def _said(self) -> Iterator[tuple[str, bytes]]:
        yield "the function's log", self.host.stderr_text().encode()
        yield from (("an HTTP answer", answer.encode()) for answer in self.answers)
        bus = self.stack.bus
        for entity in (stack.TOPIC, stack.QUEUE):
            yield from ((f"a message to {entity}", message.encode()) for message in bus.accepted(entity))
        for entity in _KEPT:
            yield from ((f"a message in {entity}", message.encode()) for message in bus.messages(entity))
        for resource in resources.RESOURCES:
            for found in self.stack.cluster.list(resource.plural):
                shown = found["metadata"] if resource is resources.SECRETS else found
                yield f"{resource.kind} {found['metadata']['name']}", json.dumps(shown).encode()

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

    def writers(self, secret: str = seed.SECRET) -> list[str]:
        """Return who made each state of the Secret, oldest first."""
        states = self.stack.cluster.history_of("secrets", seed.NAMESPACE, secret)
        return [str(state["metadata"]["managedFields"][-1]["manager"]) for state in states]

    def told(self, notice_type: str = "") -> list[Mapping[str, object]]:
        """Return the application properties of the notices that arrived, duplicates left out."""
        return [message.application_properties for message in self._arrived(notice_type)]

    def notices(self, notice_type: str = "", **fields: object) -> list[dict[str, Any]]:
        """Return the data of the notices that arrived, duplicates left out; those that have these fields."""
        found = [json.loads(message.body)["data"] for message in self._arrived(notice_type)]
        return [data for data in found if fields.items() <= data.items()]

    def jobs(self, kind: str) -> list[dict[str, Any]]:
        """Return the jobs of a kind (check, restart, refresh) that were put on the queue, duplicates left out."""
        accepted = self.stack.bus.accepted(stack.QUEUE)
        found = [json.loads(message.body) for message in accepted if not message.duplicate]
        return [body for body in found if body["kind"] == kind]

    def asked(self, user: str = stack.APP_USER) -> Counter[str]:
        """Count a user's requests to the cluster, by verb and resource."""
        requests = [request for request in self.stack.cluster.requests if request.user == user]
        return Counter(f"{request.verb} {request.resource}" for request in requests)

    def _arrived(self, notice_type: str) -> list[StoredMessage]:
        return [
            message
            for message in self.stack.bus.accepted(stack.TOPIC)
            if not message.duplicate and notice_type in {"", message.application_properties["noticeType"]}
        ]

    async def logged(self, text: str) -> None:
        """Wait until the function has logged a text: its pipe is read beside the test."""
        await self.eventually(lambda: text in self.host.stderr_text())

    async def eventually(self, what: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(_PATIENCE):
            while not what():  # noqa: ASYNC110 - what a server saw sets no event
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def play(
    provider: Mapping[str, object] | None = None, options: Sequence[str] = (), **changes: str
) -> AsyncIterator[Scene]:
    """Start everything; `changes` are settings of the app, `provider` is what its cluster's entry says of flags.

    `options` are the host's.
    """
    clock = AheadClock()
    async with stack.start(clock=clock) as running:
        (cluster,) = json.loads(running.environment["CLUSTERS"])
        clusters = {"CLUSTERS": json.dumps([cluster | ({"provider": provider} if provider else {})])}
        environment = stack.inherited() | running.environment | clusters | changes
        async with start_process(stack.APP, environment, options=options) as host, aiohttp.ClientSession() as session:
            scene = Scene(running, host, session, clock)
            scene.reset()
            yield scene
            scene.hunt()
