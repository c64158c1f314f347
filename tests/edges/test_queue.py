"""The job queue's edge against the devstack's broker: what arrives, and when.

The broker's clock stands still until a test moves it. How messages share batches, connections and time-outs is the
outlet's, which the topic has too: test_bus and test_bus_failures. Failures of the queue are in test_queue_failures.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from devstack.clock import ManualClock
from devstack.servicebus import Queue, ServiceBus
from shared import job, job_message
from shared.edges.bus import ServiceBusQueue
from shared.lineage import Lineage
from shared.model import SecretValue
from tests.edges.jobs import BEGAN, build_check, build_restart

TIME = ManualClock(BEGAN.timestamp())


@pytest.fixture(scope="module")
async def broker() -> AsyncIterator[ServiceBus]:
    """A broker with a queue that drops duplicates."""
    async with ServiceBus(queues=[Queue(name="jobs", duplicate_window=600)], key="key", clock=TIME) as served:
        yield served


@pytest.fixture(scope="module")
async def opened(broker: ServiceBus) -> AsyncIterator[ServiceBusQueue]:
    """The edge, pointed at that queue."""
    queue = ServiceBusQueue(queue="jobs", timeout=5, connection_string=SecretValue(broker.connection_string.encode()))
    yield queue
    await queue.close()


@pytest.fixture
def queue(broker: ServiceBus, opened: ServiceBusQueue) -> ServiceBusQueue:
    """The edge, and a broker that holds nothing."""
    broker.clear()
    return opened


def due_in(seconds: float) -> float:
    """Return how long after the beginning a job is due that is due so long from now."""
    return TIME() - BEGAN.timestamp() + seconds


def arrived(broker: ServiceBus) -> Sequence[job.Job]:
    """Return the jobs that a worker would get now."""
    return [job_message.parse(message.body) for message in broker.messages("jobs")]


async def test_a_job_of_a_traced_cause_says_so_to_the_host(broker: ServiceBus, queue: ServiceBusQueue) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    check = build_check(after=due_in(0))
    await queue.schedule([replace(check, cause=replace(check.cause, trace=Lineage(parent=parent)))])

    (message,) = await broker.wait_for("jobs", 1, timeout=5)
    assert message.application_properties == {"traceparent": parent, "Diagnostic-Id": parent}
    assert [one.cause.trace for one in arrived(broker)] == [Lineage(parent=parent)]


@pytest.mark.parametrize("build", [build_check, build_restart])
async def test_a_job_arrives_at_its_time_and_not_before(
    broker: ServiceBus, queue: ServiceBusQueue, build: Callable[..., job.Job]
) -> None:
    """To the second. It is the job that was scheduled."""
    due = build(after=due_in(60))
    await queue.schedule([due])
    seen = [arrived(broker)]
    TIME.advance(59)
    seen.append(arrived(broker))
    TIME.advance(1)
    seen.append(arrived(broker))

    assert seen == [[], [], [due]]


async def test_a_job_that_is_due_already_arrives_at_once(broker: ServiceBus, queue: ServiceBusQueue) -> None:
    """What was held up is not held up longer."""
    late = build_check(after=due_in(-5))

    await queue.schedule([late])

    assert arrived(broker) == [late]


async def test_a_message_says_what_it_is_without_being_opened(broker: ServiceBus, queue: ServiceBusQueue) -> None:
    """Its id is the job's, its subject the kind: what an operator sees in the dead letters."""
    check, restart = build_check(after=due_in(60)), build_restart(after=due_in(15))

    await queue.schedule([check, restart])

    scheduled = {message.subject: message for message in broker.scheduled("jobs")}
    assert scheduled.keys() == {"CheckJob", "RestartJob"}
    assert {scheduled["CheckJob"].message_id, scheduled["RestartJob"].message_id} == {
        job.identify(check),
        job.identify(restart),
    }
    assert {message.content_type for message in scheduled.values()} == {"application/json"}
    assert scheduled["CheckJob"].scheduled_for == check.due.timestamp()


async def test_jobs_of_one_batch_arrive_each_at_its_own_time(broker: ServiceBus, queue: ServiceBusQueue) -> None:
    """They are sent together."""
    jobs = [build_check(f"app-{number}", after=due_in(10 * number)) for number in (3, 1, 2)]
    await queue.schedule(jobs)
    seen = []
    for _ in jobs:
        TIME.advance(10)
        seen.append(len(arrived(broker)))

    assert seen == [1, 2, 3]
    assert arrived(broker) == sorted(jobs, key=lambda one: one.due)


async def test_a_time_in_another_zone_is_the_same_time(broker: ServiceBus, queue: ServiceBusQueue) -> None:
    """The SDK wants UTC and does not say so."""
    due = build_check(after=due_in(60))
    east = timezone(timedelta(hours=5))

    await queue.schedule([replace(due, due=due.due.astimezone(east))])

    (message,) = broker.scheduled("jobs")
    assert message.scheduled_for is not None
    assert datetime.fromtimestamp(message.scheduled_for, UTC) == due.due


async def test_the_same_job_scheduled_twice_is_done_once(broker: ServiceBus, queue: ServiceBusQueue) -> None:
    """A redelivered event makes it again, perhaps a little later; its next attempt is another job."""
    first, again = build_check(after=due_in(60)), build_check(after=due_in(63))
    await queue.schedule([first])
    await queue.schedule([again, build_check(after=due_in(90), attempt=1)])
    TIME.advance(100)

    assert [one.attempt for one in arrived(broker)] == [0, 1]
    assert [message.duplicate for message in broker.accepted("jobs")] == [False, True, False]


async def test_many_schedule_at_once_and_every_job_is_there(broker: ServiceBus, queue: ServiceBusQueue) -> None:
    """On one connection."""
    await queue.schedule([build_check("warm", after=due_in(60))])
    connections = broker.connections
    names = [f"app-{number}" for number in range(50)]

    await asyncio.gather(*[queue.schedule([build_check(name, after=due_in(60))]) for name in names])

    assert len({message.message_id for message in broker.scheduled("jobs")}) == 51
    assert broker.connections == connections


async def test_nothing_to_do_later_opens_nothing() -> None:
    """No connection for an event without jobs."""
    async with ServiceBus(queues=[Queue(name="jobs")], key="key") as unused:
        queue = ServiceBusQueue(
            queue="jobs", timeout=5, connection_string=SecretValue(unused.connection_string.encode())
        )
        await queue.schedule([])
        await queue.close()

    assert unused.connections == 0
