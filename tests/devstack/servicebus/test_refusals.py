"""What this broker does not do, it refuses in the peer's own words."""

import uuid

import pytest

from devstack.amqp.codec import Array, Int, Long
from devstack.amqp.errors import AmqpError
from devstack.servicebus import Queue, Subscription, Topic
from devstack.servicebus.management import perform

from .builders import World, encode_message


@pytest.mark.parametrize(
    "operation", ["receive-by-sequence-number", "add-rule", "enumerate-rules", "get-message-sessions", ""]
)
def test_other_management_operations_are_refused(operation: str) -> None:
    with pytest.raises(AmqpError, match="not-implemented"):
        perform(World(Queue(name="jobs")).namespace, "jobs", operation, {})


def test_deferring_through_management_is_refused() -> None:
    body = {"disposition-status": "defered", "lock-tokens": Array((uuid.uuid4(),))}
    with pytest.raises(AmqpError, match="not-implemented"):
        perform(World(Queue(name="jobs")).namespace, "jobs", "update-disposition", body)


def test_what_makes_no_sense_for_an_entity_is_refused() -> None:
    world = World(Topic(name="t", subscriptions=[Subscription(name="a")]))
    peek = {"from-sequence-number": Long(0), "message-count": Int(1)}
    with pytest.raises(AmqpError, match="not-found"):
        perform(world.namespace, "t", "peek-message", peek)
    schedule = {"messages": [{"message": encode_message(scheduled_for=world.clock() + 1)}]}
    with pytest.raises(AmqpError, match="not-found"):
        perform(world.namespace, "t/subscriptions/a", "schedule-message", schedule)


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
        perform(World(Queue(name="jobs")).namespace, "jobs", operation, body)
