"""The main job, step by step, on a running stack: rotate, deliver, and say what every neighbour saw and when.

Times are taken where things happen: by the vault, the API server and the broker as a request reaches them, by the
subscriber as the notice does. Nothing is read off the function's own log. A step that does not come out raises
`StepFailedError`; a value is compared here, never printed.
"""

import asyncio
import itertools
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devstack import eventgrid, seed, stack
from devstack.eventgrid import Event, Schema, Subscription
from devstack.identity import SYSTEM_ASSIGNED
from devstack.servicebus import StoredMessage
from devstack.subscriber import Subscriber
from devstack.timeline import Moment

_SHORT = 8


class StepFailedError(Exception):
    """A step did not come out; the message names it and what was seen instead."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the demonstration: its title, its time line, and one sentence on what it showed."""

    title: str
    moments: tuple[Moment, ...]
    shown: str


@dataclass(frozen=True, slots=True)
class _Marks:
    """How much each neighbour had seen when a chapter began."""

    reads: int
    requests: int
    writes: int
    accepted: int


class Demonstration:
    """Plays the chapters on a seeded stack."""

    def __init__(
        self, running: stack.Stack, *, grid: Subscription, subscriber: Subscriber, mount: Path, patience: float = 20.0
    ) -> None:
        """`patience` is how long a step may take to show, in seconds."""
        self._stack = running
        self._patience = patience
        self._grid = grid
        self._subscriber = subscriber
        self._file = mount / seed.KEY

    async def rotate_once(self, title: str, schema: Schema) -> Chapter:
        """Rotate the secret and deliver its event."""
        marks, moments = self._mark(), list[Moment]()
        version, value = self._rotate(moments)
        event = self._event(version)
        await self._deliver(event, schema, moments)
        await self._received(version, value, moments)
        moments += self._seen_since(marks)
        writes = self._writes_since(marks)
        _expect("the Secret is written once", writes, 1)
        last = max(moments).at - min(moments).at
        return Chapter(title, tuple(moments), f"rotation to mounted file: {last * 1000:.1f} ms")

    async def deliver_again(self, title: str) -> Chapter:
        """Deliver the event of the current version twice more, in both schemas."""
        marks, moments = self._mark(), list[Moment]()
        version = self._stack.vault.get(seed.OBJECT).version
        event = self._event(version)
        for schema in (Schema.CLOUD_EVENTS, Schema.EVENT_GRID):
            await self._deliver(event, schema, moments)
        moments += self._seen_since(marks)
        _expect("nothing is written again", self._writes_since(marks), 0)
        dropped = [message.duplicate for message in self._accepted_since(marks)]
        _expect("every notice is dropped as a duplicate", set(dropped), {True})
        return Chapter(title, tuple(moments), f"0 writes; {len(dropped)} notices dropped by duplicate detection")

    async def deliver_out_of_order(self, title: str) -> Chapter:
        """Rotate twice, deliver the newer event first and the older one last."""
        marks, moments = self._mark(), list[Moment]()
        older, _ = self._rotate(moments)
        newer, value = self._rotate(moments)
        for version in (newer, older):
            await self._deliver(self._event(version), Schema.CLOUD_EVENTS, moments)
        await self._received(newer, value, moments)
        moments += self._seen_since(marks)
        _expect("the Secret is written once, with the newest version", self._writes_since(marks), 1)
        told = {message.application_properties["version"] for message in self._accepted_since(marks)}
        _expect("no notice speaks of the older version", told, {newer})
        return Chapter(title, tuple(moments), "1 write, of the newest version; the late event changed nothing")

    def _rotate(self, moments: list[Moment]) -> tuple[str, bytes]:
        value = secrets.token_urlsafe(24)
        at = time.time()
        version = self._stack.vault.set_secret(seed.OBJECT, value)
        moments.append(Moment(at, "vault", f"{seed.OBJECT} rotated: version {version[:_SHORT]}"))
        return version, value.encode()

    def _event(self, version: str) -> Event:
        return eventgrid.key_vault_event(
            "SecretNewVersionCreated",
            vault_name=self._stack.vault.name,
            vault_url=self._stack.vault.url,
            name=seed.OBJECT,
            version=version,
            time=time.time(),
        )

    async def _deliver(self, event: Event, schema: Schema, moments: list[Moment]) -> None:
        """Post as Event Grid does and note the answer, which comes when the function has ended."""
        version = str(event.data["Version"])[:_SHORT]
        began = time.time()
        moments.append(Moment(began, "event grid", f"event of version {version} posted ({schema.value})"))
        self._grid.schema = schema
        attempts = await self._grid.deliver(event)
        moments.append(Moment(time.time(), "event grid", f"event of version {version} accepted"))
        _expect("the event is accepted at the first attempt", attempts, 1)

    async def _received(self, version: str, value: bytes, moments: list[Moment]) -> None:
        """Wait for the notice, then for the mounted file to hold the value."""
        try:
            heard = await self._subscriber.wait_for("target.refreshed", version, seconds=self._patience)
        except TimeoutError:
            raise StepFailedError(f"no notice about version {version} came within {self._patience:g} s") from None
        moments.append(Moment(heard.at, "subscriber", f"notice received: target.refreshed, version {version[:_SHORT]}"))
        ends = time.monotonic() + self._patience
        while self._file.read_bytes() != value:
            if time.monotonic() > ends:
                raise StepFailedError(f"the mounted file does not hold version {version}")
            await asyncio.sleep(0.001)
        moments.append(Moment(time.time(), "subscriber", f"{self._file.name} read from the mount: the new value"))

    def _mark(self) -> _Marks:
        running = self._stack
        return _Marks(
            reads=len(running.vault.reads),
            requests=len(running.cluster.requests),
            writes=len(self._writes()),
            accepted=len(running.bus.accepted(stack.TOPIC)),
        )

    def _writes(self) -> Sequence[tuple[str, str]]:
        """Return the resourceVersions around each write that changed bytes; the driver adds owners as well."""
        states = self._stack.cluster.history_of("secrets", seed.NAMESPACE, seed.SECRET)
        return [
            (before["metadata"]["resourceVersion"], after["metadata"]["resourceVersion"])
            for before, after in itertools.pairwise(states)
            if before["data"] != after["data"]
        ]

    def _writes_since(self, marks: _Marks) -> int:
        return len(self._writes()) - marks.writes

    def _accepted_since(self, marks: _Marks) -> Sequence[StoredMessage]:
        return self._stack.bus.accepted(stack.TOPIC)[marks.accepted :]

    def _seen_since(self, marks: _Marks) -> list[Moment]:
        """Return what the vault, the API server and the broker saw."""
        moments = [
            Moment(read.at, "vault", f"{read.operation} {read.name or read.kind} by the function: {read.status}")
            for read in self._stack.vault.reads[marks.reads :]
            if read.identity == SYSTEM_ASSIGNED
        ]
        changes = iter(self._writes()[marks.writes :])
        for request in self._stack.cluster.requests[marks.requests :]:
            if request.user != stack.APP_USER:
                continue
            what = f"{request.verb} {request.resource} {request.name}".rstrip()
            if request.verb == "list" and request.limit == 1:
                what = f"copy of {request.resource} verified"
            elif request.verb == "watch":
                what = f"watch {request.resource} from now on"
            elif request.verb == "patch" and request.resource == "pods":
                what = f"pod {request.name} woken"
            elif request.verb == "patch":
                old, new = next(changes, ("", ""))
                what = f"Secret {request.namespace}/{request.name} written: resourceVersion {old} -> {new}"
            moments.append(Moment(request.at, "cluster", what))
        moments += [
            Moment(
                message.enqueued_at,
                "topic",
                f"notice {message.subject} {'dropped as a duplicate' if message.duplicate else 'published'}",
            )
            for message in self._accepted_since(marks)
        ]
        return moments


def _expect(step: str, seen: object, expected: object) -> None:
    if seen != expected:
        raise StepFailedError(f"{step}: expected {expected}, saw {seen}")
