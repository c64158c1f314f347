"""The command run as an operator runs it: what it does to the vault's Secrets, to the container and to the queue."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from devstack import seed, stack
from devstack.eventgrid import DeadLetter, Schema
from devstack.faults import Fault
from shared import job, job_message
from shared.job import RefreshJob
from tests.e2e import jobs as queued
from tests.e2e import scene as scenes
from tests.e2e.scene import MARK, Scene
from tests.operator.cli import Said, end, fanout, start
from tests.operator.letters import Store


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Scene]:
    """The stack and a host, with retries that come soon."""
    async with scenes.play(RETRY_DELAY_SECONDS="0.1", RESTART_WORKLOADS="off") as scene:
        yield scene


@pytest.fixture
def scene(playing: Scene) -> Iterator[Scene]:
    """The scene, as good as new."""
    playing.stack.vault.faults.clear()
    playing.reset()
    yield playing
    playing.hunt()


async def run(scene: Scene, *arguments: str, **changes: str) -> Said:
    """Run the command with the app's settings, and look for values in what it says."""
    said = await fanout(*arguments, environment=scene.stack.environment | changes)
    assert MARK not in said.out + said.err
    return said


def in_store(store: Store) -> dict[str, str]:
    """Return the operator's settings for a container."""
    return {"DEAD_LETTER_CONNECTION": store.connection_string, "DEAD_LETTER_CONTAINER": store.name}


def dead(scene: Scene, version: str, schema: Schema = Schema.EVENT_GRID) -> object:
    """Return the blob of an event that was never delivered."""
    now = time.time()
    letter = DeadLetter(
        events=(scene.event(version),),
        reason="MaxDeliveryAttemptsExceeded",
        attempts=30,
        outcome="NotFound",
        published=now,
        last_attempt=now,
    )
    return letter.documents(schema)


@pytest.mark.parametrize("schema", Schema)
async def test_a_dead_lettered_event_replayed_refreshes_the_secret(scene: Scene, store: Store, schema: Schema) -> None:
    version = scene.rotate()
    await store.put("SUB/2026/9/a.json", dead(scene, version, schema))

    listed = await run(scene, "list", "--events", "--json", **in_store(store))
    replayed = await run(scene, "replay", "--events", "--all", **in_store(store))

    ((one,),) = [letter["events"] for letter in listed.document["events"]]
    assert (one["object"], one["version"]) == (f"{stack.VAULT}/secret/{seed.OBJECT}", version)
    assert (one["reason"], one["attempts"]) == ("MaxDeliveryAttemptsExceeded", 30)
    assert (replayed.code, replayed.err) == (0, "")
    assert replayed.out.splitlines()[-1] == "1 replayed"
    assert scene.value() == f"{MARK}-{scene._count}"  # noqa: SLF001 - the newest value
    assert scene.notices("target.refreshed", version=version)
    assert await store.names() == []


async def test_an_event_that_is_done_already_changes_nothing_when_it_is_replayed(scene: Scene, store: Store) -> None:
    version = scene.rotate()
    await scene.deliver(scene.event(version))
    await store.put("a", dead(scene, version))
    before = scene.values()

    said = await run(scene, "replay", "a", **in_store(store))

    assert said.code == 0
    assert scene.values() == before


async def test_an_event_whose_effect_can_be_put_nowhere_stays(scene: Scene, store: Store) -> None:
    version = scene.rotate()
    await store.put("a", dead(scene, version))
    scene.stack.bus.faults.plan(
        lambda operation: operation.kind == "send", Fault(condition="amqp:unauthorized-access"), times=None
    )

    said = await run(scene, "replay", "--events", "--all", "--json", **in_store(store))

    assert said.code == 1
    (outcome,) = said.document["outcomes"]
    assert outcome["status"] == "stays"
    assert "Azure Service Bus Data Sender" in outcome["note"]
    assert await store.names() == ["a"]


async def test_a_job_that_was_given_up_does_its_work_when_it_is_replayed(scene: Scene) -> None:
    """It reached the dead letters as all do: the host tried it until the broker gave up."""
    scene.rotate()
    await queued.put(scene, given_up(scene))
    await scene.eventually(lambda: bool(scene.stack.bus.messages(queued.DEAD_LETTERS)))

    listed = await run(scene, "list", "--jobs", "--json")
    replayed = await run(scene, "replay", "--jobs", "--all")
    await scene.eventually(lambda: scene.value() == f"{MARK}-{scene._count}")  # noqa: SLF001 - the newest value

    (one,) = listed.document["jobs"]
    assert (one["kind"], one["cluster"], one["gaveUp"]) == ("refresh", stack.CLUSTER, "cluster-unreachable")
    assert one["targets"] == [f"{seed.NAMESPACE}/{seed.SECRET}"]
    assert (replayed.code, replayed.err) == (0, "")
    await queued.empty(scene)
    assert not scene.stack.bus.messages(queued.DEAD_LETTERS)


async def test_a_replayed_job_that_fails_for_a_passing_reason_is_tried_again_by_the_queue(scene: Scene) -> None:
    """Its attempts have ids that the queue has not seen: it would drop them in silence."""
    scene.rotate()
    first = given_up(scene)
    await remember(scene, *[replace(first, attempt=attempt, gave_up="") for attempt in range(5)])
    await scene.eventually(lambda: scene.value() == f"{MARK}-{scene._count}")  # noqa: SLF001 - the newest value
    await queued.put(scene, first)
    await scene.eventually(lambda: bool(scene.stack.bus.messages(queued.DEAD_LETTERS)))
    scene.rotate()
    scene.stack.vault.faults.plan(lambda request: request.method == "GET", Fault(status=503), times=4)

    assert (await run(scene, "replay", "--jobs", "--all")).code == 0

    await scene.eventually(lambda: scene.value() == f"{MARK}-{scene._count}")  # noqa: SLF001 - the newest value


async def test_without_a_container_a_machine_is_told_that_events_were_not_looked_at(scene: Scene) -> None:
    listed, replayed = await run(scene, "list", "--json"), await run(scene, "replay", "--all", "--json")

    assert (listed.code, listed.document["notLookedAt"]) == (0, ["events"])
    assert (replayed.code, replayed.document["notLookedAt"]) == (0, ["events"])


async def test_both_are_looked_at_and_a_container_that_is_not_there_holds_up_no_job(scene: Scene, store: Store) -> None:
    await queued.put(scene, given_up(scene))
    await scene.eventually(lambda: bool(scene.stack.bus.messages(queued.DEAD_LETTERS)))

    said = await run(scene, "replay", "--all", "--json", **{**in_store(store), "DEAD_LETTER_CONTAINER": "nowhere"})

    assert said.code == 1
    assert [one["status"] for one in said.document["outcomes"]] == ["replayed"]
    assert said.document["errors"] == ["there is no container nowhere: check DEAD_LETTER_URL"]
    assert said.document["notLookedAt"] == []
    await queued.empty(scene)


async def test_without_a_container_only_jobs_are_looked_at_and_that_is_said(scene: Scene) -> None:
    said = await run(scene, "list")

    assert (said.code, said.out) == (0, f"Service Bus, queue {stack.QUEUE}: no dead letters\n")
    assert "Event Grid's dead letters are not looked at" in said.err


async def test_two_operators_at_once_end_well(scene: Scene, store: Store) -> None:
    version = scene.rotate()
    await store.put_many({f"{number:02}": dead(scene, version) for number in range(20)})

    both = await asyncio.gather(*[run(scene, "replay", "--events", "--all", **in_store(store)) for _ in range(2)])

    assert [said.code for said in both] == [0, 0]
    assert await store.names() == []
    assert scene.values()[-1] == f"{MARK}-{scene._count}"  # noqa: SLF001 - the newest value
    assert len(scene.notices("target.refreshed", version=version)) == 1


async def test_an_interrupted_replay_says_what_is_done_and_leaves_the_rest(scene: Scene, store: Store) -> None:
    await store.put("a", dead(scene, scene.rotate()))
    scene.stack.vault.faults.plan(lambda request: request.method == "GET", Fault(delay=20), times=None)
    # A shell's background job ignores Ctrl-C and hands that down; what is handled here is not handed down.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = await start(
            "replay", "--events", "--all", "--json", environment=scene.stack.environment | in_store(store)
        )
    finally:
        signal.signal(signal.SIGINT, before)
    await scene.eventually(lambda: scene.asked()["get secrets"] > 0)

    process.send_signal(signal.SIGINT)
    said = await end(process)

    assert said.code == 130
    assert "interrupted" in said.err
    assert "Traceback" not in said.err
    assert said.document["outcomes"] == []
    assert await store.names() == ["a"]


async def remember(scene: Scene, *jobs: RefreshJob) -> None:
    """Let jobs have been on the queue, under the ids that the app gives them."""
    async with (
        ServiceBusClient.from_connection_string(scene.stack.bus.connection_string) as client,
        client.get_queue_sender(stack.QUEUE) as sender,
    ):
        for made in jobs:
            await sender.send_messages(ServiceBusMessage(job_message.compose(made), message_id=job.identify(made)))


def given_up(scene: Scene) -> RefreshJob:
    """Return a job of a day ago."""
    made = queued.restart_job(scene)
    then = datetime.now(UTC) - timedelta(days=1)
    return RefreshJob(
        cause=made.cause,
        cluster=made.cluster,
        began=then,
        due=then,
        attempt=5,
        targets=((seed.NAMESPACE, seed.SECRET),),
        gave_up="cluster-unreachable",
    )
