"""Receiving from a queue: order, locks, delivery counts, dead letters. No socket, a clock moved by hand."""

import uuid

import pytest

from devstack.amqp.errors import AmqpError
from devstack.servicebus import Queue, StoredMessage
from devstack.servicebus.queues import MessageQueue

from .builders import World, build_message

LETTERS = "jobs/$DeadLetterQueue"


@pytest.fixture
def world() -> World:
    """A queue with locks of a minute and three deliveries."""
    return World(Queue(name="jobs", lock_duration=60.0, max_delivery_count=3))


@pytest.fixture
def jobs(world: World) -> MessageQueue:
    """That queue."""
    return world.namespace.find_queue("jobs")


def take(queue: MessageQueue) -> tuple[StoredMessage, uuid.UUID]:
    """Lock the next message and return it with its token."""
    stored = queue.take(lock=True)
    assert stored is not None
    assert stored.lock is not None
    return stored, stored.lock.token


def test_messages_are_taken_in_the_order_they_were_sent(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message("a"), build_message("b"))
    assert [take(jobs)[0].message_id, take(jobs)[0].message_id] == ["a", "b"]


def test_a_locked_message_is_not_taken_twice(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message())
    take(jobs)
    assert jobs.take(lock=True) is None


def test_a_locked_message_is_still_in_the_queue(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message("a"))
    take(jobs)
    assert [stored.locked for stored in jobs.messages] == [True]


def test_a_completed_message_is_gone(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message())
    jobs.complete(take(jobs)[1])
    world.clock.advance(1000)
    assert jobs.messages == ()


def test_a_message_taken_without_a_lock_is_gone(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message())
    stored = jobs.take(lock=False)
    assert stored is not None
    assert stored.lock is None
    assert jobs.messages == ()


def test_an_abandoned_message_is_first_again_and_counts_the_delivery(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message("a"), build_message("b"))
    jobs.abandon(take(jobs)[1])
    stored, _ = take(jobs)
    assert (stored.message_id, stored.delivery_count) == ("a", 1)


def test_a_released_message_does_not_count_the_delivery(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message())
    jobs.release(take(jobs)[1])
    assert take(jobs)[0].delivery_count == 0


def test_a_lock_that_runs_out_frees_the_message_and_counts_the_delivery(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message())
    take(jobs)
    world.clock.advance(59.9)
    assert jobs.take(lock=True) is None
    world.clock.advance(0.1)
    assert take(jobs)[0].delivery_count == 1


def test_a_lock_that_ran_out_settles_nothing(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message("a"))
    _, token = take(jobs)
    world.clock.advance(60)
    for settle in (jobs.complete, jobs.abandon, jobs.release, jobs.renew):
        with pytest.raises(AmqpError, match="lock-lost"):
            settle(token)
    assert world.ids("jobs") == ["a"]


def test_a_message_is_settled_once(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message())
    _, token = take(jobs)
    jobs.complete(token)
    with pytest.raises(AmqpError, match="lock-lost"):
        jobs.complete(token)


def test_a_renewed_lock_lasts_from_the_renewal(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message())
    _, token = take(jobs)
    world.clock.advance(50)
    assert jobs.renew(token) == world.clock() + 60
    world.clock.advance(59)
    jobs.complete(token)
    assert jobs.messages == ()


def test_a_renewed_lock_runs_out_in_the_end(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message())
    _, token = take(jobs)
    world.clock.advance(50)
    jobs.renew(token)
    world.clock.advance(60)
    assert take(jobs)[0].delivery_count == 1


def test_a_message_that_was_delivered_too_often_is_a_dead_letter(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message("a"))
    jobs.abandon(take(jobs)[1])
    take(jobs)
    world.clock.advance(60)
    assert world.ids(LETTERS) == []
    jobs.abandon(take(jobs)[1])
    (letter,) = world.namespace.find_queue(LETTERS).messages
    assert (letter.message_id, letter.delivery_count) == ("a", 3)
    assert letter.dead_letter_reason == "MaxDeliveryCountExceeded"
    assert jobs.messages == ()


def test_a_dead_letter_carries_its_reason_beside_its_own_properties(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message("a", properties={"vault": "kv1"}))
    jobs.dead_letter(take(jobs)[1], "because", "at length")
    (letter,) = world.namespace.find_queue(LETTERS).messages
    assert letter.application_properties == {
        "vault": "kv1",
        "DeadLetterReason": "because",
        "DeadLetterErrorDescription": "at length",
    }
    assert (letter.dead_letter_reason, letter.dead_letter_description) == ("because", "at length")
    assert letter.dead_letter_source == "jobs"


def test_a_dead_letter_keeps_the_number_it_had_as_its_enqueue_number(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message("a"), build_message("b"))
    jobs.complete(take(jobs)[1])
    jobs.dead_letter(take(jobs)[1], None, None)
    (letter,) = world.namespace.find_queue(LETTERS).messages
    assert (letter.sequence_number, letter.enqueue_sequence_number) == (1, 2)


def test_dead_letters_can_be_abandoned_for_ever_and_completed(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message("a"))
    jobs.dead_letter(take(jobs)[1], None, None)
    letters = world.namespace.find_queue(LETTERS)
    for _ in range(5):
        letters.abandon(take(letters)[1])
    letters.complete(take(letters)[1])
    assert letters.messages == ()


def test_a_dead_letter_cannot_be_dead_lettered(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message("a"))
    jobs.dead_letter(take(jobs)[1], None, None)
    letters = world.namespace.find_queue(LETTERS)
    _, token = take(letters)
    with pytest.raises(AmqpError, match="not-allowed"):
        letters.dead_letter(token, None, None)
    assert world.ids(LETTERS) == ["a"]


def test_watchers_hear_of_new_messages_and_of_those_that_come_back(world: World, jobs: MessageQueue) -> None:
    heard: list[int] = []

    def changed() -> None:
        heard.append(len(jobs.messages))

    jobs.watch(changed)
    world.send("jobs", build_message())
    jobs.release(take(jobs)[1])
    jobs.unwatch(changed)
    jobs.release(take(jobs)[1])
    assert heard == [1, 1]


def test_clearing_forgets_messages_and_locks_but_not_the_count(world: World, jobs: MessageQueue) -> None:
    world.send("jobs", build_message("a"))
    _, token = take(jobs)
    world.namespace.clear()
    with pytest.raises(AmqpError, match="lock-lost"):
        jobs.complete(token)
    assert world.send("jobs", build_message("b")) == [2]
    assert world.ids("jobs") == ["b"]
