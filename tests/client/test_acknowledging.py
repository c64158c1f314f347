"""Acknowledger: what is said about versions in use, when, and that nothing it meets holds up the application."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import jsonschema
import pytest
import pytest_asyncio

from devstack import stack
from devstack.faults import Fault
from devstack.servicebus import Queue, ServiceBus, StoredMessage
from keyvault_fanout import Acknowledger, Bus, Pace, Renewed, SecretFile
from tests.client.eventually import eventually
from tests.client.keeping import MARK, QUICK, Mount

QUEUE = "acks"
SCHEMA = json.loads((stack.APP / "schemas" / "acknowledged.v1.json").read_text(encoding="utf-8"))
VAULT, NAME = "kv-shop", "db-password"


@dataclass
class Holding:
    """Something that holds a version."""

    vault: str = VAULT
    object: str = NAME
    version: str = ""


@pytest_asyncio.fixture(scope="module")
async def serving() -> AsyncIterator[ServiceBus]:
    """A namespace with the queue."""
    async with ServiceBus(queues=[Queue(name=QUEUE, duplicate_window=172_800.0)], key="key") as broker:
        yield broker


@pytest.fixture
def broker(serving: ServiceBus) -> ServiceBus:
    """The queue, empty and without planned failures."""
    serving.clear()
    serving.faults.clear()
    return serving


def acknowledger(broker: ServiceBus, **options: Any) -> Acknowledger:
    """Return one that hurries."""
    bus = Bus(connection_string=broker.connection_string, timeout=5)
    return Acknowledger(bus, **{"application": "shop-web", "instance": "web-0", "pace": QUICK, **options})


def said(broker: ServiceBus) -> list[StoredMessage]:
    """Return what came to the queue: of what is said again soon, little is there for long."""
    return list(broker.accepted(QUEUE))


def versions(broker: ServiceBus) -> list[str]:
    """Return the versions on the queue."""
    return [json.loads(message.body)["data"]["version"] for message in said(broker)]


async def test_what_is_in_use_is_said_as_the_contract_has_it(broker: ServiceBus) -> None:
    async with acknowledger(broker) as told:
        told.using("KV-Shop", "DB-Password", "v1")
        await eventually(lambda: said(broker))

    (message,) = said(broker)
    jsonschema.validate(json.loads(message.body), SCHEMA)
    assert (message.content_type, message.header.ttl) == ("application/cloudevents+json; charset=utf-8", 1_800_000)
    data = json.loads(message.body)["data"]
    assert (data["application"], data["instance"]) == ("shop-web", "web-0")
    assert (data["vault"], data["objectType"], data["object"], data["version"]) == (VAULT, "secret", NAME, "v1")


async def test_the_same_version_is_said_once_and_again_after_a_while(broker: ServiceBus) -> None:
    async with acknowledger(broker, repeat=0.2) as told:
        for _ in range(3):
            told.using(VAULT, NAME, "v1")
        await eventually(lambda: len(said(broker)) >= 2)

    first, second = said(broker)[:2]
    assert first.message_id != second.message_id, "or the queue would drop it"
    assert json.loads(first.body)["data"] == json.loads(second.body)["data"]
    assert versions(broker)[:2] == ["v1", "v1"]


async def test_what_is_held_is_followed_from_one_version_to_the_next(broker: ServiceBus) -> None:
    held = Holding()
    async with acknowledger(broker) as told:
        told.follow(held)
        held.version = "v1"
        await eventually(lambda: versions(broker) == ["v1"])
        held.version = "v2"
        await eventually(lambda: versions(broker) == ["v1", "v2"])


async def test_a_certificate_is_followed_as_one(broker: ServiceBus) -> None:
    async with acknowledger(broker) as told:
        told.follow(Holding(version="v1"), object_type="cert")
        await eventually(lambda: said(broker))

    assert json.loads(said(broker)[0].body)["subject"] == f"{VAULT}/cert/{NAME}"


async def test_a_type_that_no_notice_has_is_refused(broker: ServiceBus) -> None:
    told = acknowledger(broker)

    with pytest.raises(ValueError, match="expected one of secret, key, cert"):
        told.follow(Holding(), object_type="certificate")
    with pytest.raises(ValueError, match="expected one of secret, key, cert"):
        told.using(VAULT, NAME, "v1", object_type="certificate")


async def test_two_things_that_hold_one_object_are_told_apart_and_said_once_each(broker: ServiceBus) -> None:
    """Else the last one would speak for both, and again at every look."""
    old, new = Holding(version="v1"), Holding(version="v2")
    async with acknowledger(broker) as told:
        told.follow(old)
        told.follow(new)
        await eventually(lambda: sorted(by_instance(broker)) == [("web-0", "v1"), ("web-0~2", "v2")])
        new.version = "v3"
        await eventually(lambda: len(said(broker)) > 2)

    assert by_instance(broker) == [("web-0", "v1"), ("web-0~2", "v2"), ("web-0~2", "v3")]


async def test_one_that_cannot_be_asked_for_a_while_is_not_taken_for_another(broker: ServiceBus) -> None:
    first, second = Moody(version="v1"), Holding(version="v2")
    async with acknowledger(broker) as told:
        told.follow(first)
        told.follow(second)
        await eventually(lambda: len(said(broker)) == 2)
        first.fails = True
        second.version = "v3"
        await eventually(lambda: len(said(broker)) == 3)

    assert by_instance(broker) == [("web-0", "v1"), ("web-0~2", "v2"), ("web-0~2", "v3")]


@dataclass
class Moody(Holding):
    """Something that raises now and then."""

    fails: bool = False

    def __getattribute__(self, name: str) -> Any:
        """Return a member, or raise."""
        if name == "version" and super().__getattribute__("fails"):
            raise LookupError(MARK)
        return super().__getattribute__(name)


def by_instance(broker: ServiceBus) -> list[tuple[str, str]]:
    """Return who said which version."""
    every = [json.loads(message.body)["data"] for message in said(broker)]
    return [(one["instance"], one["version"]) for one in every]


async def test_two_acknowledgers_of_one_process_are_two_instances(broker: ServiceBus) -> None:
    async with acknowledger(broker, instance="") as one, acknowledger(broker, instance="") as other:
        one.using(VAULT, NAME, "v1")
        other.using(VAULT, NAME, "v2")

    assert len({instance for instance, _ in by_instance(broker)}) == 2


class Broken:
    """Something of somebody else's that raises."""

    vault, object = VAULT, "other"

    @property
    def version(self) -> str:
        """Raise."""
        raise LookupError(MARK)


async def test_what_raises_when_it_is_asked_is_passed_over_and_named(
    broker: ServiceBus, caplog: pytest.LogCaptureFixture
) -> None:
    held = Holding()
    async with acknowledger(broker) as told:
        told.follow(Broken())
        told.follow(held)
        held.version = "v1"
        await eventually(lambda: versions(broker) == ["v1"])
        assert "LookupError" in told.error
        held.version = "v2"
        await eventually(lambda: versions(broker) == ["v1", "v2"])

    assert MARK not in caplog.text + told.error


async def test_one_that_changes_all_the_time_does_not_keep_another_from_being_said_again(broker: ServiceBus) -> None:
    async with acknowledger(broker, repeat=0.3) as told:
        told.using(VAULT, "steady", "v0")
        changes = 0

        def steady_again() -> bool:
            nonlocal changes
            changes += 1
            told.using(VAULT, NAME, f"v{changes}")
            return versions(broker).count("v0") >= 2

        await eventually(steady_again)


async def test_the_end_does_not_wait_for_the_pace(broker: ServiceBus) -> None:
    """With this pace the next try would come in a minute; at the end it comes at once."""
    broker.faults.plan(lambda one: one.kind == "attach", Fault(condition="amqp:not-found"), times=1)
    async with acknowledger(broker, pace=Pace(first=60, longest=60)) as told:
        told.using(VAULT, NAME, "v1")
        await eventually(lambda: told.error)

    assert versions(broker) == ["v1"]


async def test_it_may_be_started_again(broker: ServiceBus) -> None:
    told = acknowledger(broker)
    for version in ("v1", "v2"):
        async with told:
            told.using(VAULT, NAME, version)
            await eventually(lambda version=version: version in versions(broker))  # type: ignore[misc]
            told.using(VAULT, "second", version)
            await eventually(lambda version=version: versions(broker).count(version) == 2)  # type: ignore[misc]


async def test_a_pool_that_could_not_be_made_anew_is_said_to_use_the_old_version(
    broker: ServiceBus, tmp_path: Any
) -> None:
    mount = Mount(tmp_path / "mounted")
    mount.project(f"{MARK}-1")

    def make(value: Any) -> str:
        if value.text() != f"{MARK}-1":
            raise ConnectionError
        return "pool"

    secret = SecretFile(mount.file, vault=VAULT, object=NAME, poll=0.01, pace=QUICK)
    async with secret, Renewed(secret, make=make, close=lambda _: None) as pool, acknowledger(broker) as told:
        secret._holding.adopt("v1")  # noqa: SLF001 - what a notice would do
        told.follow(pool)
        await eventually(lambda: versions(broker) == ["v1"])
        mount.project(f"{MARK}-2")
        await eventually(lambda: secret.health().failing)
        secret._holding.adopt("v2")  # noqa: SLF001

        assert (secret.version, pool.version) == ("v2", "v1")


async def test_while_the_queue_is_away_the_newest_is_kept_and_sent_once_it_is_back(broker: ServiceBus) -> None:
    broker.faults.plan(lambda one: one.kind == "attach", Fault(condition="amqp:not-found"), times=None)
    async with acknowledger(broker) as told:
        told.using(VAULT, NAME, "v1")
        await eventually(lambda: told.error)
        assert "there is no such subscription or queue" in told.error
        told.using(VAULT, NAME, "v2")
        broker.faults.clear()
        await eventually(lambda: said(broker))

        assert versions(broker) == ["v2"]
        await eventually(lambda: not told.error)


async def test_what_was_said_last_is_sent_before_the_end(broker: ServiceBus) -> None:
    async with acknowledger(broker) as told:
        told.using(VAULT, NAME, "v1")

    assert versions(broker) == ["v1"]


async def test_a_queue_that_is_away_does_not_hold_up_the_end(broker: ServiceBus) -> None:
    broker.faults.plan(lambda one: one.kind == "attach", Fault(condition="amqp:not-found"), times=None)
    async with acknowledger(broker) as told:
        told.using(VAULT, NAME, "v1")

    assert versions(broker) == []


async def test_an_acknowledger_needs_a_name_for_the_application(broker: ServiceBus) -> None:
    with pytest.raises(ValueError, match="application's name"):
        acknowledger(broker, application="")
