"""Sending to a queue: duplicates, schedules, lifetimes, sizes. No socket, a clock moved by hand."""

import pytest

from devstack.amqp.errors import AmqpError
from devstack.servicebus import Queue

from .builders import World, build_message

LETTERS = "jobs/$DeadLetterQueue"


def test_a_duplicate_within_the_window_is_accepted_and_dropped() -> None:
    world = World(Queue(name="jobs", duplicate_window=600))
    world.send("jobs", build_message("a", body=b"first"))
    world.clock.advance(599)
    assert world.send("jobs", build_message("a", body=b"second")) == [0]
    (stored,) = world.namespace.find_queue("jobs").messages
    assert stored.body == b"first"
    accepted = world.namespace.find_inlet("jobs").accepted
    assert [(entry.body, entry.duplicate) for entry in accepted] == [(b"first", False), (b"second", True)]


def test_a_duplicate_is_dropped_although_the_first_was_completed() -> None:
    world = World(Queue(name="jobs", duplicate_window=600))
    world.send("jobs", build_message("a"))
    world.namespace.find_queue("jobs").take(lock=False)
    world.send("jobs", build_message("a"))
    assert world.ids("jobs") == []


def test_after_the_window_an_id_is_new_again_and_duplicates_do_not_extend_it() -> None:
    world = World(Queue(name="jobs", duplicate_window=600))
    world.send("jobs", build_message("a"))
    world.clock.advance(500)
    world.send("jobs", build_message("a"))
    world.clock.advance(100)
    world.send("jobs", build_message("a"))
    assert world.ids("jobs") == ["a", "a"]


def test_duplicates_inside_one_batch_are_dropped() -> None:
    world = World(Queue(name="jobs", duplicate_window=600))
    world.send("jobs", build_message("a"), build_message("a"), build_message("b"))
    assert world.ids("jobs") == ["a", "b"]


def test_without_a_window_nothing_is_a_duplicate() -> None:
    world = World(Queue(name="jobs"))
    world.send("jobs", build_message("a"), build_message("a"))
    assert world.ids("jobs") == ["a", "a"]


def test_clearing_forgets_the_ids_seen_and_what_was_accepted() -> None:
    world = World(Queue(name="jobs", duplicate_window=600))
    world.send("jobs", build_message("a"))
    world.namespace.clear()
    assert world.namespace.find_inlet("jobs").accepted == ()
    world.send("jobs", build_message("a"))
    assert world.ids("jobs") == ["a"]


def test_a_message_without_an_id_gets_one() -> None:
    world = World(Queue(name="jobs"))
    world.send("jobs", build_message(None), build_message(None))
    first, second = world.ids("jobs")
    assert first
    assert second not in {"", first}


def test_a_scheduled_message_waits_for_its_time() -> None:
    world = World(Queue(name="jobs"))
    world.send("jobs", build_message("later", scheduled_for=world.clock() + 30), build_message("now"))
    assert world.ids("jobs") == ["now"]
    assert [stored.message_id for stored in world.namespace.find_inlet("jobs").scheduled] == ["later"]
    world.clock.advance(30)
    world.namespace.advance()
    assert world.ids("jobs") == ["now", "later"]
    later = world.namespace.find_queue("jobs").messages[1]
    assert later.enqueued_at == world.clock()
    assert later.scheduled_for == world.clock()


def test_scheduled_messages_come_in_the_order_of_their_times_under_new_numbers() -> None:
    world = World(Queue(name="jobs"))
    now = world.clock()
    scheduled = world.send(
        "jobs", build_message("b", scheduled_for=now + 20), build_message("a", scheduled_for=now + 10)
    )
    world.clock.advance(60)
    world.namespace.advance()
    stored = world.namespace.find_queue("jobs").messages
    assert [(entry.message_id, entry.sequence_number) for entry in stored] == [("a", 3), ("b", 4)]
    assert scheduled == [1, 2]


def test_a_message_scheduled_for_the_past_is_there_at_once() -> None:
    world = World(Queue(name="jobs"))
    world.send("jobs", build_message("a", scheduled_for=world.clock() - 1))
    assert world.ids("jobs") == ["a"]


def test_a_cancelled_message_never_comes() -> None:
    world = World(Queue(name="jobs"))
    numbers = world.send("jobs", build_message("a", scheduled_for=world.clock() + 30))
    world.namespace.find_inlet("jobs").cancel(numbers)
    world.clock.advance(60)
    world.namespace.advance()
    assert world.ids("jobs") == []


def test_what_is_not_scheduled_cannot_be_cancelled_and_nothing_else_is() -> None:
    world = World(Queue(name="jobs"))
    (number,) = world.send("jobs", build_message("a", scheduled_for=world.clock() + 30))
    with pytest.raises(AmqpError, match="message-not-found"):
        world.namespace.find_inlet("jobs").cancel([number, 99])
    assert len(world.namespace.find_inlet("jobs").scheduled) == 1


def test_a_message_dies_when_its_time_to_live_is_over() -> None:
    world = World(Queue(name="jobs"))
    world.send("jobs", build_message("a", ttl=10), build_message("b"))
    world.clock.advance(9.9)
    assert world.ids("jobs") == ["a", "b"]
    world.clock.advance(0.1)
    assert world.ids("jobs") == ["b"]
    assert world.ids(LETTERS) == []


def test_a_locked_message_outlives_its_time_to_live_until_it_comes_back() -> None:
    world = World(Queue(name="jobs"))
    queue = world.namespace.find_queue("jobs")
    world.send("jobs", build_message("a", ttl=10))
    stored = queue.take(lock=True)
    assert stored is not None
    assert stored.lock is not None
    world.clock.advance(20)
    assert world.ids("jobs") == ["a"]
    queue.release(stored.lock.token)
    assert world.ids("jobs") == []


def test_an_unknown_entity_is_not_found() -> None:
    world = World(Queue(name="jobs"))
    with pytest.raises(AmqpError, match="The messaging entity 'other' could not be found"):
        world.namespace.find_inlet("other")
    with pytest.raises(AmqpError, match="not-found"):
        world.namespace.find_queue("jobs/subscriptions/a")
    with pytest.raises(AmqpError, match="not-found"):
        world.namespace.find_inlet(LETTERS)
