"""The unmodified SDK, aio: what local-stack 1.4 lists, minus what is not served here.

State is looked at in process. Every receiver that a test opens costs a second, so most share one.
"""

import datetime as dt

import pytest
from azure.servicebus import (
    ServiceBusMessage,
    ServiceBusReceiveMode,
    ServiceBusSubQueue,
)
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageNotFoundError,
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusError,
    ServiceBusServerBusyError,
)

from devstack.clock import ManualClock
from devstack.faults import Fault
from devstack.servicebus import ServiceBus

from .builders import KEY
from .sdk import ids, receive

LETTERS = "sdk/$deadletterqueue"


async def test_a_message_arrives_with_everything_it_carries(
    bus: ServiceBus, sender: ServiceBusSender, receiver: ServiceBusReceiver
) -> None:
    properties: dict[str | bytes, object] = {"vault": "kv1", "count": 3, "urgent": True}
    await sender.send_messages(
        ServiceBusMessage(
            b'{"a": 1}',
            message_id="a",
            session_id="s",
            subject="new",
            correlation_id="c",
            content_type="application/cloudevents+json",
            application_properties=properties,  # type: ignore[arg-type]  # the SDK's union leaves bool out
            time_to_live=dt.timedelta(minutes=5),
        ),
        timeout=5,
    )
    (stored,) = bus.messages("sdk")
    assert (stored.body, stored.message_id, stored.session_id, stored.subject) == (b'{"a": 1}', "a", "s", "new")
    assert (stored.correlation_id, stored.content_type) == ("c", "application/cloudevents+json")
    assert stored.application_properties == properties
    assert stored.expires_at == stored.enqueued_at + 300
    message = await receive(receiver)
    assert (b"".join(message.body), message.message_id, message.session_id) == (b'{"a": 1}', "a", "s")
    assert (message.subject, message.correlation_id) == ("new", "c")
    assert message.content_type == "application/cloudevents+json"
    assert message.application_properties == {b"vault": b"kv1", b"count": 3, b"urgent": True}
    assert (message.delivery_count, message.sequence_number) == (0, stored.sequence_number)
    await receiver.complete_message(message)
    assert ids(bus) == []


async def test_lists_and_batches_arrive_as_single_messages(bus: ServiceBus, sender: ServiceBusSender) -> None:
    await sender.send_messages([ServiceBusMessage("x", message_id=name) for name in "ab"])
    batch = await sender.create_message_batch()
    batch.add_message(ServiceBusMessage("x", message_id="c"))
    await sender.send_messages(batch)
    assert ids(bus) == ["a", "b", "c"]


async def test_duplicates_are_dropped_also_inside_a_batch(bus: ServiceBus, sender: ServiceBusSender) -> None:
    await sender.send_messages(ServiceBusMessage("x", message_id="a"))
    await sender.send_messages([ServiceBusMessage("x", message_id=name) for name in "abb"])
    assert ids(bus) == ["a", "b"]
    assert [stored.duplicate for stored in bus.accepted("sdk")] == [False, True, False, True]


async def test_a_large_message_goes_in_several_frames_both_ways(
    bus: ServiceBus, sender: ServiceBusSender, receiver: ServiceBusReceiver
) -> None:
    body = bytes(range(256)) * 700
    await sender.send_messages(ServiceBusMessage(body))
    assert [stored.body for stored in bus.messages("sdk")] == [body]
    message = await receive(receiver)
    assert b"".join(message.body) == body
    await receiver.complete_message(message)


async def test_a_message_that_is_too_large_is_refused(bus: ServiceBus, sender: ServiceBusSender) -> None:
    with pytest.raises(MessageSizeExceededError):
        await sender.send_messages(ServiceBusMessage(b"x" * 300_000))
    await sender.send_messages(ServiceBusMessage(b"x", message_id="a"))
    assert ids(bus) == ["a"]


async def test_an_abandoned_message_comes_again_until_it_is_a_dead_letter(
    bus: ServiceBus, sender: ServiceBusSender, receiver: ServiceBusReceiver
) -> None:
    await sender.send_messages(ServiceBusMessage("x", message_id="a"))
    counts = []
    for _ in range(2):
        message = await receive(receiver)
        counts.append(message.delivery_count)
        await receiver.abandon_message(message)
    assert counts == [0, 1]
    assert ids(bus) == []
    (letter,) = bus.messages(LETTERS)
    assert letter.dead_letter_reason == "MaxDeliveryCountExceeded"


async def test_a_dead_letter_is_received_peeked_and_renewed_like_any_message(
    bus: ServiceBus,
    bus_clock: ManualClock,
    client: ServiceBusClient,
    sender: ServiceBusSender,
    receiver: ServiceBusReceiver,
) -> None:
    await sender.send_messages(ServiceBusMessage("x", message_id="a", application_properties={"vault": "kv1"}))
    await receiver.dead_letter_message(await receive(receiver), reason="because", error_description="at length")
    assert ids(bus) == []
    async with client.get_queue_receiver("sdk", sub_queue=ServiceBusSubQueue.DEAD_LETTER, max_wait_time=5) as letters:
        message = await receive(letters)
        assert (message.dead_letter_reason, message.dead_letter_error_description) == ("because", "at length")
        assert message.dead_letter_source == "sdk"
        assert message.application_properties is not None
        assert message.application_properties[b"vault"] == b"kv1"
        bus_clock.advance(10)
        await letters.renew_message_lock(message)
        (stored,) = bus.messages(LETTERS)
        assert stored.lock is not None
        assert stored.lock.until == bus_clock() + 60
        assert [peeked.message_id for peeked in await letters.peek_messages(sequence_number=1)] == ["a"]
        await letters.complete_message(message)
    assert ids(bus, LETTERS) == []


async def test_peeking_shows_what_is_there_and_takes_nothing(
    bus: ServiceBus, bus_clock: ManualClock, sender: ServiceBusSender, receiver: ServiceBusReceiver
) -> None:
    assert await receiver.peek_messages() == []
    await sender.send_messages([ServiceBusMessage("x", message_id=name) for name in "ab"])
    later = dt.datetime.fromtimestamp(bus_clock() + 60, dt.UTC)
    await sender.schedule_messages(ServiceBusMessage("x", message_id="c"), later)
    first = bus.messages("sdk")[0].sequence_number
    peeked = await receiver.peek_messages(max_message_count=10, sequence_number=first)
    assert [(message.message_id, message.state.value) for message in peeked] == [("a", 0), ("b", 0), ("c", 2)]
    peeked = await receiver.peek_messages(max_message_count=1, sequence_number=first + 1)
    assert [message.message_id for message in peeked] == ["b"]
    assert [stored.locked for stored in bus.messages("sdk")] == [False, False]


async def test_messages_are_scheduled_and_cancelled(
    bus: ServiceBus, bus_clock: ManualClock, sender: ServiceBusSender
) -> None:
    later = dt.datetime.fromtimestamp(bus_clock() + 3600, dt.UTC)
    numbers = await sender.schedule_messages([ServiceBusMessage("x", message_id=name) for name in "ab"], later)
    await sender.send_messages(ServiceBusMessage("x", message_id="c", scheduled_enqueue_time_utc=later))
    await sender.cancel_scheduled_messages(numbers[0])
    with pytest.raises(MessageNotFoundError):
        await sender.cancel_scheduled_messages(numbers[0])
    assert ids(bus) == []
    assert [stored.message_id for stored in bus.scheduled("sdk")] == ["b", "c"]
    bus_clock.advance(3600)
    await bus.wait_for("sdk", 2, timeout=5)
    assert ids(bus) == ["b", "c"]


async def test_a_lost_lock_is_told_when_settling_and_when_renewing(
    bus: ServiceBus, bus_clock: ManualClock, sender: ServiceBusSender, receiver: ServiceBusReceiver
) -> None:
    await sender.send_messages(ServiceBusMessage("x", message_id="a"))
    message = await receive(receiver)
    bus_clock.advance(50)
    assert await receiver.renew_message_lock(message) == dt.datetime.fromtimestamp(
        round((bus_clock() + 60) * 1000) / 1000, dt.UTC
    )
    bus_clock.advance(60)
    with pytest.raises(MessageLockLostError):
        await receiver.renew_message_lock(message)
    with pytest.raises(MessageLockLostError):
        await receiver.complete_message(message)
    assert [stored.delivery_count for stored in bus.messages("sdk")] == [1]


async def test_a_message_dies_when_its_time_to_live_is_over(
    bus: ServiceBus, bus_clock: ManualClock, sender: ServiceBusSender
) -> None:
    await sender.send_messages(ServiceBusMessage("x", time_to_live=dt.timedelta(seconds=2)))
    assert len(bus.messages("sdk")) == 1
    bus_clock.advance(2)
    assert bus.messages("sdk") == ()


async def test_iterating_receives_one_after_another(
    bus: ServiceBus, sender: ServiceBusSender, receiver: ServiceBusReceiver
) -> None:
    await sender.send_messages([ServiceBusMessage("x", message_id=name) for name in "abc"])
    names = []
    async for message in receiver:
        names.append(message.message_id)
        await receiver.complete_message(message)
        if len(names) == 3:
            break
    assert names == ["a", "b", "c"]
    assert ids(bus) == []


async def test_prefetched_messages_are_released_on_closing(bus: ServiceBus, client: ServiceBusClient) -> None:
    async with client.get_queue_sender("jobs") as sender:
        await sender.send_messages([ServiceBusMessage("x", message_id=name) for name in "abc"])
    async with client.get_queue_receiver("jobs", prefetch_count=10, max_wait_time=5) as receiver:
        message = await receive(receiver)
        await receiver.complete_message(message)
    assert [(stored.message_id, stored.locked, stored.delivery_count) for stored in bus.messages("jobs")] == [
        ("b", False, 0),
        ("c", False, 0),
    ]


async def test_receive_and_delete_needs_no_settling(
    bus: ServiceBus, topic_sender: ServiceBusSender, client: ServiceBusClient
) -> None:
    await topic_sender.send_messages(ServiceBusMessage("x", message_id="a"))
    async with client.get_subscription_receiver(
        "changes", "all", receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE, max_wait_time=5
    ) as receiver:
        assert (await receive(receiver)).message_id == "a"
    assert ids(bus, "changes/subscriptions/all") == []


async def test_a_subscription_gets_what_its_rule_admits(bus: ServiceBus, topic_sender: ServiceBusSender) -> None:
    await topic_sender.send_messages(
        [ServiceBusMessage("x", message_id=name, application_properties={"vault": name}) for name in ("kv1", "kv2")]
    )
    assert ids(bus, "changes/subscriptions/app-a") == ["kv1"]
    assert ids(bus, "changes/subscriptions/all") == ["kv1", "kv2"]


async def test_deferring_is_refused_and_the_message_is_not_lost(
    bus: ServiceBus, sender: ServiceBusSender, receiver: ServiceBusReceiver
) -> None:
    await sender.send_messages(ServiceBusMessage("x", message_id="a"))
    message = await receive(receiver)
    with pytest.raises(ServiceBusError, match="not-implemented"):
        await receiver.defer_message(message)
    assert ids(bus) == ["a"]


async def test_an_unknown_entity_is_not_found(bus: ServiceBus, client: ServiceBusClient) -> None:
    with pytest.raises(MessagingEntityNotFoundError):
        async with client.get_queue_sender("nowhere") as sender:
            await sender.send_messages(ServiceBusMessage("x"), timeout=5)
    assert bus.connections > 0


async def test_a_wrong_key_is_refused(bus: ServiceBus) -> None:
    wrong = bus.connection_string.replace(f"SharedAccessKey={KEY}", "SharedAccessKey=wrong")
    async with ServiceBusClient.from_connection_string(wrong, retry_total=0) as client:
        with pytest.raises(ServiceBusAuthenticationError):
            async with client.get_queue_sender("jobs"):
                pass


async def test_a_busy_broker_is_told_apart(bus: ServiceBus, sender: ServiceBusSender) -> None:
    bus.faults.plan(lambda op: op.kind == "send", Fault(condition="com.microsoft:server-busy"))
    with pytest.raises(ServiceBusServerBusyError):
        await sender.send_messages(ServiceBusMessage("x"), timeout=5)
    assert ids(bus) == []
