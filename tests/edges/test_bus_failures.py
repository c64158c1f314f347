"""What a failure of the topic means, who is told of it, and that the next notice goes out all the same.

After a send that did not end well the edge opens a new sender, which costs half a second, so what can happen at once
does. The broker's failures are the devstack's planned ones.

Not here: the way by namespace and identity. It ends at port 5671 over TLS with a certificate that certifi trusts, and
our edge offers neither another endpoint nor another trust.
"""

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from azure.servicebus import exceptions

from devstack.faults import Fault
from devstack.servicebus import ServiceBus, Subscription, Topic
from shared.edges import bus, outlet
from shared.edges.bus import ServiceBusTopic
from shared.errors import ConfigurationError, FanoutError, PermanentError, TransientError
from shared.model import SecretValue
from shared.reason import Reason
from tests.edges.notices import build_notice

ALL = "changes/Subscriptions/all"
Meaning = tuple[type[FanoutError], Reason]
FORBIDDEN: Meaning = (ConfigurationError, Reason.TOPIC_FORBIDDEN)
NOT_FOUND: Meaning = (ConfigurationError, Reason.TOPIC_NOT_FOUND)
FULL: Meaning = (ConfigurationError, Reason.TOPIC_REFUSED)
REFUSED: Meaning = (PermanentError, Reason.TOPIC_REFUSED)
PASSING: Meaning = (TransientError, Reason.TOPIC_UNREACHABLE)


def broker_of_one_topic() -> ServiceBus:
    """Prepare a broker."""
    return ServiceBus(topics=[Topic(name="changes", subscriptions=[Subscription(name="all")])], key="key")


@pytest.fixture(scope="module")
async def broker() -> AsyncIterator[ServiceBus]:
    """A broker for the tests that can share one."""
    async with broker_of_one_topic() as served:
        yield served


@pytest.fixture(scope="module")
async def opened(broker: ServiceBus) -> AsyncIterator[ServiceBusTopic]:
    """The edge, pointed at that topic."""
    topic = reach(broker.connection_string, timeout=5)
    yield topic
    await topic.close()


@pytest.fixture
def topic(broker: ServiceBus, opened: ServiceBusTopic) -> ServiceBusTopic:
    """The edge, and a broker that holds nothing and plans nothing."""
    broker.clear()
    broker.faults.clear()
    return opened


def reach(connection_string: str, *, name: str = "changes", timeout: float) -> ServiceBusTopic:
    """Point an edge at a topic."""
    return ServiceBusTopic(topic=name, timeout=timeout, connection_string=SecretValue(connection_string.encode()))


async def failure_of(topic: ServiceBusTopic, name: str = "lost") -> FanoutError:
    """Return the error that a publish ends with. It says nothing of the key."""
    with pytest.raises(FanoutError) as caught:
        await topic.publish([build_notice(name)])
    assert "SharedAccess" not in str(caught.value)
    return caught.value


def arrived(broker: ServiceBus) -> list[str]:
    """Return the ids of what arrived."""
    return [message.message_id for message in broker.messages(ALL)]


CONDITIONS: dict[str, Meaning] = {
    "amqp:unauthorized-access": FORBIDDEN,
    "com.microsoft:auth-failed": FORBIDDEN,
    "amqp:not-found": NOT_FOUND,
    "com.microsoft:entity-disabled": NOT_FOUND,
    "amqp:resource-limit-exceeded": FULL,
    "amqp:link:message-size-exceeded": REFUSED,
    "com.microsoft:server-busy": PASSING,
    "com.microsoft:timeout": PASSING,
    "amqp:link:detach-forced": PASSING,
    "amqp:internal-error": PASSING,
}
"""What a send may be refused with. A role, a topic, a quota that somebody mends heals by itself, a size does not."""


async def test_a_refused_send_means_what_its_condition_says_and_the_next_one_goes_out() -> None:
    """All conditions at once, because the SDK waits between its attempts."""

    async def meaning_of(condition: str) -> tuple[Meaning, list[str]]:
        async with broker_of_one_topic() as broker:
            topic = reach(broker.connection_string, timeout=8)
            broker.faults.plan(lambda operation: operation.kind == "send", Fault(condition=condition), times=None)
            error = await failure_of(topic)
            broker.faults.clear()
            await topic.publish([build_notice("next")])
            await topic.close()
            return (type(error), error.reason), arrived(broker)

    met = await asyncio.gather(*map(meaning_of, CONDITIONS))

    assert dict(zip(CONDITIONS, met, strict=True)) == {
        condition: (meaning, ["next"]) for condition, meaning in CONDITIONS.items()
    }


@pytest.mark.parametrize("condition", ["com.microsoft:server-busy", "com.microsoft:timeout"])
async def test_a_passing_refusal_is_healed_by_the_retry(
    broker: ServiceBus, topic: ServiceBusTopic, condition: str
) -> None:
    """The caller sees nothing of it."""
    broker.faults.plan(lambda operation: operation.kind == "send", Fault(condition=condition))

    await topic.publish([build_notice("late")])

    assert arrived(broker) == ["late"]


async def test_a_cut_connection_is_opened_again(broker: ServiceBus, topic: ServiceBusTopic) -> None:
    """While a notice was under way, and between two of them."""
    broker.faults.plan(lambda operation: operation.kind == "send", Fault(drop=True))
    await topic.publish([build_notice("under way")])
    await broker.stop()
    await broker.start()
    await topic.publish([build_notice("between")])

    assert arrived(broker) == ["under way", "between"]


async def test_a_send_whose_answer_was_lost_may_arrive_twice_and_never_not_at_all(
    broker: ServiceBus, topic: ServiceBusTopic
) -> None:
    """The message id tells duplicate detection that it is the same (this topic has none)."""
    broker.faults.plan(lambda operation: operation.kind == "send", Fault(drop=True, after=True))

    await topic.publish([build_notice("told")])

    assert arrived(broker) == ["told", "told"]


async def test_a_topic_that_is_not_there_is_a_configuration_fault(broker: ServiceBus) -> None:
    """The text names the topic."""
    topic = reach(broker.connection_string, name="absent", timeout=5)
    error = await failure_of(topic)
    await topic.close()

    assert (type(error), error.reason) == NOT_FOUND
    assert str(error).startswith("absent: ")


async def test_a_wrong_key_is_a_configuration_fault(broker: ServiceBus) -> None:
    """Its name and its value."""
    wrong = [
        broker.connection_string.replace("SharedAccessKey=key", "SharedAccessKey=planted"),
        broker.connection_string.replace("SharedAccessKeyName=Root", "SharedAccessKeyName=planted"),
    ]
    topics = [reach(text, timeout=10) for text in wrong]

    errors = await asyncio.gather(*map(failure_of, topics))
    await asyncio.gather(*[topic.close() for topic in topics])

    assert [(type(error), error.reason) for error in errors] == [FORBIDDEN] * 2
    assert "planted" not in str(errors)


async def test_a_broker_that_is_not_there_is_a_passing_fault(broker: ServiceBus, topic: ServiceBusTopic) -> None:
    """And one that comes back is used again."""
    await broker.stop()
    error = await failure_of(topic)
    await broker.start()
    await topic.publish([build_notice("next")])

    assert (type(error), error.reason) == PASSING
    assert arrived(broker) == ["next"]


# When an attempt to connect is cut off, the SDK forgets the socket that it has just opened; the interpreter closes it.
@pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning")
async def test_a_broker_that_does_not_answer_is_left_after_the_time_out() -> None:
    """Wherever it falls silent. The next notice goes out on a new sender."""

    async def outcome_of(silent: str) -> tuple[str, Meaning, list[str]]:
        async with broker_of_one_topic() as broker:
            topic = reach(broker.connection_string, timeout=8)
            broker.faults.plan(lambda operation: operation.kind == silent, Fault(delay=30), times=None)
            error = await failure_of(topic)
            broker.faults.clear()
            await topic.publish([build_notice("next")])
            await topic.close()
            return str(error), (type(error), error.reason), arrived(broker)

    outcomes = await asyncio.gather(*map(outcome_of, ("connect", "token", "attach", "send")))
    gc.collect()

    assert outcomes == [("changes: no answer within 8 s", PASSING, ["next"])] * 4


async def test_a_refusal_is_told_to_everybody_who_waited_with_it_and_to_nobody_else(
    broker: ServiceBus, topic: ServiceBusTopic
) -> None:
    """Whoever comes later is sent on a new sender."""
    await topic.publish([build_notice("warm")])
    broker.faults.plan(lambda operation: operation.message_id == "first", Fault(delay=0.2))
    broker.faults.plan(
        lambda operation: operation.message_id == "b", Fault(condition="amqp:resource-limit-exceeded"), times=1
    )
    first = asyncio.create_task(topic.publish([build_notice("first")]))
    await asyncio.sleep(0)
    waiting = asyncio.gather(*[topic.publish([build_notice(name)]) for name in "abc"], return_exceptions=True)

    await first
    outcomes = await waiting
    await topic.publish([build_notice("later")])

    assert [outcome.reason for outcome in outcomes if isinstance(outcome, ConfigurationError)] == [FULL[1]] * 3
    assert arrived(broker) == ["warm", "first", "later"]


async def test_a_caller_that_gives_up_while_it_waits_leaves_the_others_alone(
    broker: ServiceBus, topic: ServiceBusTopic
) -> None:
    """Its notice was not sent yet, so it is not sent at all."""
    await topic.publish([build_notice("warm")])
    broker.faults.plan(lambda operation: operation.message_id == "first", Fault(delay=0.3))
    first = asyncio.create_task(topic.publish([build_notice("first")]))
    await asyncio.sleep(0)
    impatient = asyncio.create_task(topic.publish([build_notice("impatient")]))
    patient = asyncio.create_task(topic.publish([build_notice("patient")]))
    await asyncio.sleep(0.05)

    impatient.cancel()
    await asyncio.gather(first, patient)

    assert impatient.cancelled()
    assert arrived(broker) == ["warm", "first", "patient"]


async def test_a_caller_that_gives_up_while_its_notice_is_sent_cuts_nobody_else_off(
    broker: ServiceBus, topic: ServiceBusTopic
) -> None:
    """A task of the topic's own sends for all who wait."""
    await topic.publish([build_notice("warm")])
    broker.faults.plan(lambda operation: operation.message_id in {"first", "b"}, Fault(delay=0.3), times=2)
    first = asyncio.create_task(topic.publish([build_notice("first")]))
    await asyncio.sleep(0)
    sending = asyncio.create_task(topic.publish([build_notice("a")]))
    others = [asyncio.create_task(topic.publish([build_notice(name)])) for name in "bc"]
    await first
    await asyncio.sleep(0.1)

    sending.cancel()
    await asyncio.gather(*others)
    await topic.publish([build_notice("later")])

    assert sending.cancelled()
    assert {"b", "c"} <= set(arrived(broker))
    assert arrived(broker)[-1] == "later"


async def test_closing_fails_whoever_is_sending_and_whoever_waits_behind(broker: ServiceBus) -> None:
    """Nobody is left waiting for a task that has ended."""
    topic = reach(broker.connection_string, timeout=5)
    await topic.publish([build_notice("warm")])
    broker.faults.clear()
    broker.faults.plan(lambda operation: operation.message_id == "sending", Fault(delay=30))
    sending = asyncio.create_task(topic.publish([build_notice("sending")]))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(topic.publish([build_notice(name)])) for name in "ab"]
    await asyncio.sleep(0)

    await topic.close()
    async with asyncio.timeout(5):
        outcomes = await asyncio.gather(sending, *waiting, return_exceptions=True)

    assert [(type(one), one.reason) for one in outcomes if isinstance(one, FanoutError)] == [PASSING] * 3


async def test_an_error_that_the_sdk_does_not_call_its_own_fails_its_notice_and_not_those_behind_it(
    broker: ServiceBus, topic: ServiceBusTopic
) -> None:
    """The SDK raises whatever its parts do; here what encodes a batch, for a property without an AMQP type."""
    unsendable = replace(build_notice("odd"), properties={"vault": object()})  # type: ignore[dict-item]  # on purpose
    odd = asyncio.create_task(topic.publish([unsendable, build_notice("beside")]))
    await asyncio.sleep(0)
    behind = asyncio.create_task(topic.publish([build_notice("behind")]))

    async with asyncio.timeout(20):
        (failure,) = await asyncio.gather(odd, return_exceptions=True)
        await asyncio.gather(behind, return_exceptions=True)
        await topic.publish([build_notice("later")])

    assert isinstance(failure, TransientError)
    assert behind.exception() is None
    assert arrived(broker) == ["behind", "later"]


async def test_a_sender_that_is_broken_does_not_keep_close_waiting(broker: ServiceBus) -> None:
    """The app ends while the broker is silent."""
    topic = reach(broker.connection_string, timeout=5)
    await topic.publish([build_notice("last")])
    await broker.stop()

    async with asyncio.timeout(10):
        await topic.close()
    await broker.start()


async def test_a_connection_string_for_another_entity_is_a_configuration_fault(broker: ServiceBus) -> None:
    """The SDK notices it before it connects."""
    connections = broker.connections
    topic = reach(f"{broker.connection_string}EntityPath=other;", timeout=5)
    error = await failure_of(topic)
    await topic.close()

    assert (type(error), error.reason) == FULL
    assert broker.connections == connections


def test_a_topic_without_a_way_in_cannot_be_made() -> None:
    """The settings never do that."""
    with pytest.raises(ValueError, match="connection string"):
        ServiceBusTopic(topic="changes", timeout=5)


MEANINGS: dict[Exception, Meaning] = {
    exceptions.ServiceBusError("planted"): PASSING,
    exceptions.ServiceBusConnectionError(message="planted"): PASSING,
    exceptions.ServiceBusCommunicationError(message="planted"): PASSING,
    exceptions.OperationTimeoutError(message="planted"): PASSING,
    exceptions.ServiceBusServerBusyError(message="planted"): PASSING,
    exceptions.ServiceBusAuthenticationError(message="planted"): FORBIDDEN,
    exceptions.ServiceBusAuthorizationError(message="planted"): FORBIDDEN,
    exceptions.MessagingEntityNotFoundError(message="planted"): NOT_FOUND,
    exceptions.MessagingEntityDisabledError(message="planted"): NOT_FOUND,
    exceptions.ServiceBusQuotaExceededError(message="planted"): FULL,
    exceptions.MessageSizeExceededError(message="planted"): REFUSED,
    # A ValueError, which the SDK otherwise raises over arguments that contradict one another.
    exceptions.MessageAlreadySettled(action="planted"): FULL,
    # Of receiving, locking, sessions and administration, which a sender does not do: later, rather than never.
    exceptions.AutoLockRenewFailed("planted"): PASSING,
    exceptions.AutoLockRenewTimeout("planted"): PASSING,
    exceptions.MessageLockLostError(message="planted"): PASSING,
    exceptions.MessageNotFoundError(message="planted"): PASSING,
    exceptions.MessagingEntityAlreadyExistsError(message="planted"): PASSING,
    exceptions.SessionCannotBeLockedError(message="planted"): PASSING,
    exceptions.SessionLockLostError(message="planted"): PASSING,
}
"""What each error of the SDK's means."""


OF_THE_QUEUE = {
    Reason.TOPIC_FORBIDDEN: Reason.QUEUE_FORBIDDEN,
    Reason.TOPIC_NOT_FOUND: Reason.QUEUE_NOT_FOUND,
    Reason.TOPIC_REFUSED: Reason.QUEUE_REFUSED,
    Reason.TOPIC_UNREACHABLE: Reason.QUEUE_UNREACHABLE,
}


def test_every_error_of_the_sdk_has_a_deliberate_meaning() -> None:
    """The day azure-servicebus grows one, somebody decides what it means."""
    known = {
        kind
        for kind in vars(exceptions).values()
        if isinstance(kind, type) and issubclass(kind, Exception) and kind.__module__ == exceptions.__name__
    }

    assert known == {type(error) for error in MEANINGS}


@pytest.mark.parametrize("error", MEANINGS, ids=lambda error: type(error).__name__)
def test_each_error_of_the_sdk_gets_its_meaning(error: Exception) -> None:
    """Without its text, which quotes the broker; in the topic's words for the topic, in the queue's for the queue."""
    kind, reason = MEANINGS[error]
    words = {"changes": reason, "jobs": OF_THE_QUEUE[reason]}

    for name, reasons in (("changes", bus.TOPIC_REASONS), ("jobs", bus.QUEUE_REASONS)):
        translated = outlet.translate(error, name, reasons)
        assert (type(translated), translated.reason) == (kind, words[name])
        assert str(translated) == f"{name}: {type(error).__name__}"
