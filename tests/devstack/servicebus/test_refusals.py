"""What this broker does not do, it refuses: when it is configured, or in the peer's own words."""

import uuid

import pytest

from devstack.amqp.errors import AmqpError
from devstack.amqp.values import Array, Int, Long
from devstack.servicebus import CorrelationRule, NotServedError, Queue, Subscription, Topic
from devstack.servicebus.management import Managed

from .builders import World, encode_message


def test_sessions_are_refused_when_configured() -> None:
    with pytest.raises(NotServedError, match="sessions"):
        Queue(name="jobs", requires_session=True)
    with pytest.raises(NotServedError, match="sessions"):
        Subscription(name="a", requires_session=True)


def test_sql_filters_are_refused_when_configured() -> None:
    with pytest.raises(NotServedError, match="SQL"):
        Subscription(name="a", rules=("vault = 'kv1'",))  # type: ignore[arg-type]  # as a file would give it


def test_a_rule_without_conditions_is_refused() -> None:
    with pytest.raises(ValueError, match="condition"):
        CorrelationRule()


@pytest.mark.parametrize("name", ["", "/jobs", "jobs/", "$cbs"])
def test_names_that_no_entity_can_have_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        Queue(name=name)


def test_two_entities_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two entities"):
        World(Queue(name="jobs"), Topic(name="Jobs"))
    with pytest.raises(ValueError, match="two entities"):
        World(Topic(name="t", subscriptions=[Subscription(name="a"), Subscription(name="A")]))


def test_locks_of_no_length_and_messages_never_delivered_are_refused() -> None:
    with pytest.raises(ValueError, match="lock"):
        Queue(name="jobs", lock_duration=0)
    with pytest.raises(ValueError, match="delivered"):
        Queue(name="jobs", max_delivery_count=0)


def manage(world: World, path: str) -> Managed:
    """Return the management of an entity."""
    return Managed(world.namespace.inlets.get(path), world.namespace.queues.get(path))


@pytest.mark.parametrize(
    "operation", ["receive-by-sequence-number", "add-rule", "enumerate-rules", "get-message-sessions", ""]
)
def test_other_management_operations_are_refused(operation: str) -> None:
    with pytest.raises(AmqpError, match="not-implemented"):
        manage(World(Queue(name="jobs")), "jobs").perform(operation, {})


def test_deferring_through_management_is_refused() -> None:
    body = {"disposition-status": "defered", "lock-tokens": Array((uuid.uuid4(),))}
    with pytest.raises(AmqpError, match="not-implemented"):
        manage(World(Queue(name="jobs")), "jobs").perform("update-disposition", body)


def test_what_makes_no_sense_for_an_entity_is_refused() -> None:
    world = World(Topic(name="t", subscriptions=[Subscription(name="a")]))
    peek = {"from-sequence-number": Long(0), "message-count": Int(1)}
    with pytest.raises(AmqpError, match="not-allowed"):
        manage(world, "t").perform("peek-message", peek)
    schedule = {"messages": [{"message": encode_message(scheduled_for=world.clock() + 1)}]}
    with pytest.raises(AmqpError, match="not-allowed"):
        manage(world, "t/subscriptions/a").perform("schedule-message", schedule)


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("renew-lock", None),
        ("renew-lock", {}),
        ("renew-lock", {"lock-tokens": Array((Long(1),))}),
        ("peek-message", {"from-sequence-number": "first", "message-count": Int(1)}),
        ("schedule-message", {"messages": []}),
        ("schedule-message", {"messages": [{"message": b"\xff"}]}),
        ("schedule-message", {"messages": [{"message": encode_message()}]}),
        ("cancel-scheduled-message", {"sequence-numbers": "all"}),
    ],
    ids=["no-body", "no-tokens", "numbers-as-tokens", "text-as-number", "nothing", "garbage", "no-time", "text"],
)
def test_malformed_management_requests_are_refused(operation: str, body: object) -> None:
    with pytest.raises(AmqpError):
        manage(World(Queue(name="jobs")), "jobs").perform(operation, body)
