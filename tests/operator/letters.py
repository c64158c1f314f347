"""Dead letters as the tests want them, and the places they lie in, seen from the other side."""

import asyncio
import contextlib
import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusReceiver, ServiceBusSender
from azure.servicebus.exceptions import MessageLockLostError
from azure.storage.blob.aio import ContainerClient

from devstack import eventgrid
from devstack.eventgrid import DeadLetter, Schema
from devstack.servicebus import ServiceBus, StoredMessage
from fanout.deadletters.subqueue import DeadLetterQueue
from fanout.deadletters.verdict import Known, Outcome
from fanout.progress import Progress
from shared import job, job_message
from shared.bus_setting import BusSetting
from shared.errors import TransientError
from shared.event import EventKind, VaultEvent
from shared.job import CheckJob, Job, RefreshJob, Watched
from shared.model import ObjectType, SecretValue, VaultObject
from shared.observed import Driver
from shared.reason import Reason

QUEUE = "jobs"
DEAD_LETTERS = f"{QUEUE}/$DeadLetterQueue"
TWO_DAYS = 172_800.0

VAULT = "kv-demo"
CLUSTER = "aks-1"
KNOWN = Known(vaults={VAULT: f"{VAULT}.vault.azure.net"}, clusters=frozenset({CLUSTER}))
QUIET = Progress(io.StringIO())

BEGAN = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
NOW = datetime(2026, 9, 23, 8, 0, tzinfo=UTC)
_SECONDS = BEGAN.timestamp()


def event(
    name: str = "secret1", version: str = "v1", *, vault: str = VAULT, type_: str = "SecretNewVersionCreated"
) -> eventgrid.Event:
    """Return an event of a vault."""
    return eventgrid.key_vault_event(
        type_,
        vault_name=vault,
        vault_url=f"https://{vault}.vault.azure.net",
        name="" if type_ == "VaultAccessPolicyChanged" else name,
        version="" if type_ == "VaultAccessPolicyChanged" else version,
        time=_SECONDS,
    )


def documents(*events: eventgrid.Event, schema: Schema = Schema.EVENT_GRID, attempts: int = 30) -> list[dict[str, Any]]:
    """Return a blob's content as Event Grid writes it."""
    letter = DeadLetter(
        events=events,
        reason="MaxDeliveryAttemptsExceeded",
        attempts=attempts,
        outcome="InternalServerError",
        published=_SECONDS,
        last_attempt=_SECONDS + 3600,
    )
    return letter.documents(schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A container, as Event Grid and a curious test see it."""

    client: ContainerClient
    connection_string: str
    name: str

    async def put(self, name: str, content: object, **properties: Any) -> None:
        """Write a blob: bytes as they are, all else as JSON."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        await self.client.upload_blob(name, data, overwrite=True, **properties)

    async def put_many(self, blobs: dict[str, object]) -> None:
        """Write blobs, some at a time."""
        turns = asyncio.Semaphore(16)

        async def put(name: str, content: object) -> None:
            async with turns:
                await self.put(name, content)

        await asyncio.gather(*[put(name, content) for name, content in blobs.items()])

    async def names(self) -> list[str]:
        """Return the names of what is there."""
        return [blob.name async for blob in self.client.list_blobs()]


@dataclass(slots=True)
class Flow:
    """Stands where the pipeline is: it remembers what it handled, and fails for the objects it is told to fail for."""

    handled: list[str] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)

    async def handle(self, payload: str) -> None:
        """Handle one event, with a pause in which others come to their turn."""
        document = json.loads(payload)
        name = document["data"]["ObjectName"]
        await asyncio.sleep(0)
        if name in self.failing:
            error = TransientError(f"{name}: no answer", reason=Reason.QUEUE_FORBIDDEN)
            raise ExceptionGroup("1 effect has to be tried again", [error])
        if name in self.broken:
            raise RuntimeError("a text that may quote anything")
        self.handled.append(name)


def cause(name: str = "secret1", *, vault: str = VAULT) -> VaultEvent:
    """Return why a job was made."""
    about = VaultObject(vault=vault, type=ObjectType.SECRET, name=name)
    return VaultEvent(id="event-1", kind=EventKind.NEW_VERSION, object=about, version="v1", time=BEGAN)


def refresh(name: str = "secret1", *, attempt: int = 7, cluster: str = CLUSTER, vault: str = VAULT) -> RefreshJob:
    """Return a job that was given up."""
    return RefreshJob(
        cause=cause(name, vault=vault),
        cluster=cluster,
        began=BEGAN,
        due=BEGAN,
        attempt=attempt,
        targets=(("shop", "app-secret"), ("web", "tls")),
        gave_up="cluster-unreachable",
    )


def check(*, attempt: int = 3) -> CheckJob:
    """Return a check."""
    watched = Watched(namespace="shop", secret="app-secret", owner=Driver.UNKNOWN, resource_version="7", since=BEGAN)
    return CheckJob(cause=cause(), cluster=CLUSTER, began=BEGAN, due=BEGAN, attempt=attempt, watched=(watched,))


class AheadClock:
    """The system's time, which the SDK compares locks with, and `ahead` seconds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        """Answer the time in Unix seconds."""
        return time.time() + self.ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A broker with a job queue, and a host's links to it, which are open for all tests: opening takes a second."""

    broker: ServiceBus
    clock: AheadClock
    sender: ServiceBusSender
    receiver: ServiceBusReceiver

    def clear(self) -> None:
        """Forget everything but how far the numbers are."""
        self.broker.faults.clear()
        self.broker.clear()

    def edge(self) -> DeadLetterQueue:
        """Return a new edge to the queue."""
        string = SecretValue(self.broker.connection_string.encode())
        return DeadLetterQueue(BusSetting(topic="t", queue=QUEUE, connection_string=string), timeout=5, patience=0.5)

    async def put(self, *letters: Job | bytes) -> None:
        """Send messages under the ids that the app gives them."""
        for letter in letters:
            body, message_id = (
                (letter, None) if isinstance(letter, bytes) else (job_message.compose(letter), job.identify(letter))
            )
            await self.sender.send_messages(ServiceBusMessage(body, message_id=message_id))

    async def give_up(self) -> list[str]:
        """Move what waits to the dead letters, as a host does, and return all their ids."""
        while self.broker.messages(QUEUE):
            for message in await self.receiver.receive_messages(max_message_count=50, max_wait_time=5):
                # The link may have taken messages of an earlier test, which are forgotten.
                with contextlib.suppress(MessageLockLostError):
                    await self.receiver.dead_letter_message(
                        message, reason="given up", error_description="tried for a day"
                    )
        return [str(message.sequence_number) for message in self.dead]

    async def bury(self, *letters: Job | bytes) -> list[str]:
        """Make dead letters and return their ids."""
        await self.put(*letters)
        return await self.give_up()

    @property
    def dead(self) -> Sequence[StoredMessage]:
        """The dead letters."""
        return self.broker.messages(DEAD_LETTERS)

    @property
    def waiting(self) -> list[Job]:
        """The jobs that wait on the queue."""
        return [job_message.parse(message.body) for message in self.broker.messages(QUEUE)]


async def until(what: Callable[[], bool]) -> None:
    """Wait until something is so: what a server saw sets no event."""
    async with asyncio.timeout(20):
        while not what():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)


def statuses(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Return what became of each dead letter."""
    assert len({one.id for one in outcomes}) == len(outcomes)
    return {one.id: str(one.status) for one in outcomes}
