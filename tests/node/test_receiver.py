"""examples/node/receive.mjs on the local stack, through the unmodified @azure/service-bus."""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from devstack import stack
from devstack.faults import Fault
from devstack.servicebus import ServiceBus, StoredMessage
from shared import notice
from shared.edges.bus import ServiceBusTopic
from shared.event import EventKind, VaultEvent
from shared.model import ObjectType, SecretValue, Target, VaultObject
from shared.notice import ChangeNotice
from shared.observed import Driver
from shared.outcome import Action, Convergence, ObjectVersion, TargetOutcome
from tests.e2e import scene as scenes
from tests.e2e.scene import AheadClock
from tests.node import receiver as receivers
from tests.node.packages import RECEIVER
from tests.node.receiver import Receiver

pytestmark = pytest.mark.skipif(RECEIVER.node() is None, reason=RECEIVER.absent)

ABOUT = VaultObject(vault=stack.VAULT, type=ObjectType.SECRET, name="db-password")
ABOUT_TEXT = str(ABOUT)
ALL = f"{stack.TOPIC}/subscriptions/all"
DEAD = f"{ALL}/$DeadLetterQueue"
LOCK = 61.0
"""Seconds, one more than a lock lasts."""
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def event(version: str, about: VaultObject = ABOUT) -> VaultEvent:
    """Build the event about a version."""
    return VaultEvent(id="event-1", kind=EventKind.NEW_VERSION, object=about, version=version, time=NOW)


def refreshed(secret: str, version: str, state: int = 1, *, about: VaultObject = ABOUT) -> ChangeNotice:
    """Tell that a Secret holds a version, in the state that has this resourceVersion."""
    outcome = TargetOutcome(
        target=Target(cluster="aks-one", namespace="shop", secret=secret),
        action=Action.WRITTEN,
        at=NOW,
        holds=(ObjectVersion(object=about, version=version),),
        keys=("password",),
        resource_version=str(state),
    )
    (told,) = notice.about_target(event(version, about), outcome, repaired=True)
    return told


def converged(secret: str, version: str) -> ChangeNotice:
    """Tell that nobody uses an older version."""
    proof = Convergence(
        target=Target(cluster="aks-one", namespace="shop", secret=secret),
        owner=Driver.V1_6_ROTATING,
        classes=frozenset({"web"}),
        pods=2,
        resource_version="1000",
        at=NOW,
    )
    return notice.about_convergence(event(version), proof)


def with_body(body: bytes, name: str) -> ChangeNotice:
    """Build a message that is sent as notices are, but is something else."""
    return replace(refreshed("foreign", "v0"), id=name, body=body)


def changed(told: ChangeNotice, change: Callable[[dict[str, object]], object], name: str) -> ChangeNotice:
    """Return a notice whose CloudEvent is changed."""
    document = json.loads(told.body)
    change(document)
    return with_body(json.dumps(document).encode(), name)


@dataclass(frozen=True, slots=True)
class Bench:
    """A broker, a way to its topic, and a receiver on the subscription that gets everything."""

    bus: ServiceBus
    topic: ServiceBusTopic
    receiver: Receiver

    async def tell(self, *notices: ChangeNotice) -> list[str]:
        """Publish, and a mark behind it; once all is settled return what the receiver said of it."""
        before = len(self.receiver.said)
        mark = f"mark-{before}"
        await self.topic.publish([*notices, refreshed(mark, "v1")])
        await self.receiver.until(lambda said: any(mark in line for line in said))
        await _settled(self.bus)
        return [line for line in self.receiver.said[before:] if mark not in line]


@pytest_asyncio.fixture(scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """One receiver for the module: it has to live through everything."""
    async with stack.start() as running, _topic(running.bus) as topic:
        arguments = (stack.TOPIC, "all", ABOUT_TEXT)
        folder = tmp_path_factory.mktemp("receiver")
        async with receivers.start(folder, running.bus.connection_string, *arguments) as receiver:
            await receiver.until(lambda said: said == [f"listening for {ABOUT_TEXT}"])
            yield Bench(running.bus, topic, receiver)
            assert await receiver.end(signal.SIGTERM) == 0


@pytest.fixture
def bench(opened: Bench) -> Bench:
    """The same, with nothing in the subscription and its dead letters."""
    opened.bus.clear()
    opened.bus.faults.clear()
    return opened


@contextlib.asynccontextmanager
async def _topic(bus: ServiceBus) -> AsyncIterator[ServiceBusTopic]:
    topic = ServiceBusTopic(topic=stack.TOPIC, timeout=5, connection_string=SecretValue(bus.connection_string.encode()))
    yield topic
    await topic.close()


async def _settled(bus: ServiceBus, *, but: int = 0) -> Sequence[StoredMessage]:
    """Wait until everything is settled, or all but some, and return those."""
    async with asyncio.timeout(10):
        while len(bus.messages(ALL)) > but:  # noqa: ASYNC110 - the broker sets no event when a queue gets shorter
            await asyncio.sleep(0.01)
    return bus.messages(ALL)


def _dead(bus: ServiceBus) -> Sequence[tuple[str, object]]:
    found: Sequence[StoredMessage] = bus.messages(DEAD)
    return [(one.message_id, one.dead_letter_reason) for one in found]


async def test_a_notice_is_handled_and_completed(bench: Bench) -> None:
    said = await bench.tell(refreshed("web", "v1"), converged("web", "v1"))

    assert said == [
        "new bytes in aks-one/shop/web: version v1",
        "nobody uses an older version in aks-one/shop/web: version v1",
    ]
    assert _dead(bench.bus) == []


async def test_notices_about_other_objects_are_completed_and_ignored(bench: Bench) -> None:
    others = [
        refreshed("others", "v1", 1, about=replace(ABOUT, name="other")),
        refreshed("others", "v1", 2, about=replace(ABOUT, vault="kv-other")),
        refreshed("others", "v1", 3, about=replace(ABOUT, type=ObjectType.KEY)),
    ]

    assert await bench.tell(*others) == []
    assert _dead(bench.bus) == []


async def test_a_newer_version_and_an_unknown_type_are_completed_and_ignored(bench: Bench) -> None:
    told = refreshed("later", "v1")
    later = [
        changed(told, lambda document: document.update(type="dev.keyvault-fanout.target.refreshed.v2"), "v2"),
        changed(told, lambda document: document.update(type="dev.keyvault-fanout.target.imagined.v1"), "unknown"),
        notice.about_object(event("v1"), version="v1", vault_url="https://kv-demo.example", at=NOW),
    ]

    assert await bench.tell(*later) == []
    assert _dead(bench.bus) == []


async def test_an_attribute_that_is_not_known_is_ignored(bench: Bench) -> None:
    later = changed(refreshed("more", "v7"), lambda document: document.update(later={"deep": [1]}), "later")

    assert await bench.tell(later) == ["new bytes in aks-one/shop/more: version v7"]


async def test_an_older_state_and_the_same_again_are_completed_and_ignored(bench: Bench) -> None:
    """States are compared as numbers. A repair is news: the same version in a later state."""
    said = await bench.tell(
        refreshed("states", "v8", 99),
        changed(refreshed("states", "v8", 99), dict, "again"),
        refreshed("states", "v7", 98),
        refreshed("states", "v8", 100),
        refreshed("states", "v7", 9),
    )

    assert said == ["new bytes in aks-one/shop/states: version v8"] * 2
    assert _dead(bench.bus) == []


FOREIGN = {
    "not-json": b"hello",
    "not-utf-8": b"\xff\xfe",
    "json-but-no-object": b"[1, 2]",
    "null": b"null",
    "no-cloud-event": b'{"type": "dev.keyvault-fanout.target.refreshed.v1", "data": {}}',
    "not-our-type": b'{"specversion": "1.0", "type": "com.example.thing", "data": {}}',
    "no-data": b'{"specversion": "1.0", "type": "dev.keyvault-fanout.target.refreshed.v1"}',
    "empty": b"",
    "large": b"x" * 200_000,
}


async def test_what_is_not_a_notice_becomes_a_dead_letter_with_a_reason(bench: Bench) -> None:
    await bench.tell(*[with_body(body, name) for name, body in FOREIGN.items()])

    assert _dead(bench.bus) == [(name, "not-a-notice") for name in FOREIGN]


async def test_a_handler_that_throws_ends_in_a_dead_letter_and_not_in_the_end_of_the_receiver(bench: Bench) -> None:
    broken = changed(refreshed("strange", "v1"), _with_a_strange_state, "broken")

    await bench.tell(broken)

    assert _dead(bench.bus) == [("broken", "MaxDeliveryCountExceeded")]
    assert len([line for line in bench.receiver.said if line.startswith("the handler failed")]) == 10


def _with_a_strange_state(document: dict[str, object]) -> None:
    data = document["data"]
    assert isinstance(data, dict)
    data["resourceVersion"] = "strange"


async def test_a_connection_that_is_cut_is_made_anew(bench: Bench) -> None:
    connections = bench.bus.connections
    bench.bus.faults.plan(lambda operation: operation.kind == "receive", Fault(drop=True), times=1)

    said = await bench.tell(refreshed("cut", "v1"))

    assert "new bytes in aks-one/shop/cut: version v1" in said
    assert bench.bus.connections > connections


async def test_what_was_acted_upon_and_not_settled_comes_again_and_is_completed(tmp_path: Path) -> None:
    """The connection is cut by the completion. When the lock has ended the message comes again."""
    clock = AheadClock()
    async with stack.start(clock=clock) as running, _topic(running.bus) as topic:
        bus = running.bus
        arguments = (stack.TOPIC, "all", ABOUT_TEXT)
        async with receivers.start(tmp_path, bus.connection_string, *arguments) as receiver:
            await receiver.until(lambda said: len(said) == 1)
            bus.faults.plan(lambda operation: operation.kind == "settle", Fault(drop=True), times=1)
            await topic.publish([refreshed("web", "v1"), refreshed("after", "v1")])
            await receiver.until(lambda said: "new bytes in aks-one/shop/after: version v1" in said)
            (unsettled,) = await _settled(bus, but=1)
            clock.ahead += LOCK
            await _settled(bus)

    assert unsettled.application_properties["secret"] == "web"
    assert receiver.said.count("new bytes in aks-one/shop/web: version v1") == 1


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT], ids=lambda by: by.name)
async def test_a_signal_ends_it_and_leaves_nothing_locked(tmp_path: Path, by: signal.Signals) -> None:
    async with stack.start() as running, _topic(running.bus) as topic:
        arguments = (stack.TOPIC, "all", ABOUT_TEXT)
        async with receivers.start(tmp_path, running.bus.connection_string, *arguments) as receiver:
            await topic.publish([refreshed("many", f"v{number}", number) for number in range(1, 101)])
            await receiver.until(lambda said: len(said) > 10)

            code = await receiver.end(by)

        handled = len([line for line in receiver.said if line.startswith("new bytes")])
        left = running.bus.messages(ALL)

    assert code == 0
    assert handled + len(left) == 100
    assert [message.message_id for message in left if message.locked] == []


async def test_a_subscription_that_is_not_there_ends_it_with_an_error(tmp_path: Path) -> None:
    async with (
        stack.start() as running,
        receivers.start(tmp_path, running.bus.connection_string, stack.TOPIC, "absent", ABOUT_TEXT) as receiver,
    ):
        assert await receiver.ended() == 1

    assert "MessagingEntityNotFound from Service Bus" in receiver.said


async def test_without_arguments_it_says_how_it_is_run(tmp_path: Path) -> None:
    async with receivers.start(tmp_path, "Endpoint=sb://127.0.0.1:1") as receiver:
        assert await receiver.ended() == 2

    assert receiver.said[0].startswith("usage: ")


async def test_an_application_hears_of_a_rotation(tmp_path: Path) -> None:
    """From the vault's event through the app and the topic to a process in another language."""
    async with scenes.play() as scene:
        about = f"{stack.VAULT}/secret/secret1"
        bus = scene.stack.bus
        async with receivers.start(tmp_path, bus.connection_string, stack.TOPIC, "app", about) as receiver:
            version = scene.rotate()
            assert await scene.deliver(scene.event(version)) == 202
            await receiver.until(lambda said: any(version in line for line in said))

            assert f"new bytes in aks-demo/secrets-app/app-secret: version {version}" in receiver.said
            assert await receiver.end(signal.SIGTERM) == 0
