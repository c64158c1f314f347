"""What a failure of the job queue means, and that topic and queue fail each for itself.

What a sender does after a failure is in test_bus_failures: queue and topic send in the same way.
"""

import asyncio
import traceback
from collections.abc import AsyncIterator

import pytest

from devstack.faults import Fault
from devstack.servicebus import Queue, ServiceBus, Subscription, Topic
from shared.edges.bus import ServiceBusQueue, ServiceBusTopic
from shared.errors import ConfigurationError, FanoutError, PermanentError, TransientError
from shared.job import Job
from shared.model import SecretValue
from shared.reason import Reason
from tests.edges.jobs import build_check, build_restart
from tests.edges.notices import build_notice

Meaning = tuple[type[FanoutError], Reason]
FORBIDDEN: Meaning = (ConfigurationError, Reason.QUEUE_FORBIDDEN)
NOT_FOUND: Meaning = (ConfigurationError, Reason.QUEUE_NOT_FOUND)
FULL: Meaning = (ConfigurationError, Reason.QUEUE_REFUSED)
PASSING: Meaning = (TransientError, Reason.QUEUE_UNREACHABLE)
CONDITIONS: dict[str, Meaning] = {
    "amqp:unauthorized-access": FORBIDDEN,
    "amqp:not-found": NOT_FOUND,
    "com.microsoft:entity-disabled": NOT_FOUND,
    "amqp:resource-limit-exceeded": FULL,
    "com.microsoft:server-busy": PASSING,
    "amqp:internal-error": PASSING,
}
"""What a send may be refused with."""
JOB = build_check()


def broker_of_both() -> ServiceBus:
    """Prepare a broker with a topic and a queue."""
    topic = Topic(name="changes", subscriptions=[Subscription(name="all")])
    return ServiceBus(topics=[topic], queues=[Queue(name="jobs")], key="key")


@pytest.fixture(scope="module")
async def broker() -> AsyncIterator[ServiceBus]:
    """A broker for the tests that can share one."""
    async with broker_of_both() as served:
        yield served


def reach(connection_string: str, *, name: str = "jobs", timeout: float = 5) -> ServiceBusQueue:
    """Point an edge at a queue."""
    return ServiceBusQueue(queue=name, timeout=timeout, connection_string=SecretValue(connection_string.encode()))


async def failure_of(queue: ServiceBusQueue, job: Job = JOB) -> FanoutError:
    """Return the error that scheduling ends with. It says nothing of the key."""
    with pytest.raises(FanoutError) as caught:
        await queue.schedule([job])
    assert "SharedAccess" not in "".join(traceback.format_exception(caught.value))
    return caught.value


def meaning_of(error: FanoutError) -> Meaning:
    """Return what an error means."""
    return type(error), error.reason


async def test_a_refused_send_means_what_its_condition_says_and_the_next_one_goes_out() -> None:
    """All conditions at once, because the SDK waits between its attempts."""

    async def met(condition: str) -> tuple[Meaning, int]:
        async with broker_of_both() as broker:
            queue = reach(broker.connection_string, timeout=8)
            broker.faults.plan(lambda operation: operation.kind == "send", Fault(condition=condition), times=None)
            error = await failure_of(queue)
            broker.faults.clear()
            await queue.schedule([JOB])
            await queue.close()
            return meaning_of(error), len(broker.accepted("jobs"))

    found = await asyncio.gather(*map(met, CONDITIONS))

    assert dict(zip(CONDITIONS, found, strict=True)) == {
        condition: (meaning, 1) for condition, meaning in CONDITIONS.items()
    }


async def test_a_queue_that_is_not_there_is_a_configuration_fault(broker: ServiceBus) -> None:
    """The text names it."""
    queue = reach(broker.connection_string, name="absent")
    error = await failure_of(queue)
    await queue.close()

    assert meaning_of(error) == NOT_FOUND
    assert str(error).startswith("absent: ")


async def test_a_wrong_key_is_a_configuration_fault(broker: ServiceBus) -> None:
    """It is nowhere in the error."""
    queue = reach(broker.connection_string.replace("SharedAccessKey=key", "SharedAccessKey=planted"), timeout=10)
    error = await failure_of(queue)
    await queue.close()

    assert meaning_of(error) == FORBIDDEN
    assert "planted" not in "".join(traceback.format_exception(error))


async def test_a_broker_that_is_not_there_is_a_passing_fault() -> None:
    """And one that comes back is used again."""
    async with broker_of_both() as broker:
        queue = reach(broker.connection_string)
        await broker.stop()
        error = await failure_of(queue)
        await broker.start()
        await queue.schedule([JOB])
        await queue.close()

        assert meaning_of(error) == PASSING
        assert len(broker.accepted("jobs")) == 1


async def test_a_job_that_is_too_large_is_refused_for_good(broker: ServiceBus) -> None:
    """Whoever makes jobs keeps them small; nothing here cuts one."""
    queue = reach(broker.connection_string)
    error = await failure_of(queue, build_check("x" * 300_000))
    await queue.schedule([build_restart()])
    await queue.close()

    assert meaning_of(error) == (PermanentError, Reason.QUEUE_REFUSED)


def test_a_queue_without_a_way_in_cannot_be_made() -> None:
    """The settings never do that."""
    with pytest.raises(ValueError, match="connection string"):
        ServiceBusQueue(queue="jobs", timeout=5)


@pytest.mark.parametrize("failing", ["jobs", "changes"])
async def test_a_failure_of_one_entity_does_not_touch_the_other(failing: str) -> None:
    """What was done is told though the job cannot be queued, and the other way round; also at the same moment."""
    async with broker_of_both() as broker:
        text = SecretValue(broker.connection_string.encode())
        queue = ServiceBusQueue(queue="jobs", timeout=5, connection_string=text)
        topic = ServiceBusTopic(topic="changes", timeout=5, connection_string=text)
        await asyncio.gather(queue.schedule([JOB]), topic.publish([build_notice("warm")]))
        broker.faults.plan(
            lambda operation: operation.kind == "send" and operation.entity == failing,
            Fault(condition="amqp:resource-limit-exceeded"),
            times=None,
        )
        connections = broker.connections

        outcomes = await asyncio.gather(
            queue.schedule([JOB]), topic.publish([build_notice("beside")]), return_exceptions=True
        )
        reached = broker.connections - connections
        sent = {name: len(broker.accepted(name)) for name in ("jobs", "changes")}
        await asyncio.gather(queue.close(), topic.close())

    told = dict(zip(("jobs", "changes"), outcomes, strict=True))
    refused = told.pop(failing)
    assert isinstance(refused, ConfigurationError)
    assert refused.reason is {"jobs": Reason.QUEUE_REFUSED, "changes": Reason.TOPIC_REFUSED}[failing]
    assert list(told.values()) == [None]
    assert sent == {failing: 1} | dict.fromkeys(told, 2)
    assert reached == 0
