"""Outcomes on the wire: what takes effect, what is echoed, what outlives a link, and settling without one."""

import uuid

import pytest

from devstack.amqp.codec import Array, Symbol, UInt
from devstack.amqp.performatives import (
    Accepted,
    Detach,
    Disposition,
    Error,
    Modified,
    Outcome,
    Rejected,
    Released,
    Transfer,
)
from devstack.clock import ManualClock
from devstack.servicebus import ServiceBus

from .builders import encode_message
from .peer import RECEIVER, SENDER, Peer, connect, fill

LETTERS = "jobs/$deadletterqueue"


async def receive_one(peer: Peer, bus: ServiceBus) -> Transfer:
    """Send a message to the queue and take it on handle 1."""
    await fill(bus, encode_message("a"))
    await peer.authorize(bus, "jobs")
    await peer.attach(1, RECEIVER, "jobs")
    await peer.give_credit(1, 1)
    return (await peer.receive())[0]


DEAD_LETTER = Rejected(
    Error(
        Symbol("com.microsoft:dead-letter"),
        "at length",
        {Symbol("DeadLetterReason"): "because", Symbol("DeadLetterErrorDescription"): "at length"},
    )
)


@pytest.mark.parametrize(
    ("outcome", "echo", "left", "letters"),
    [
        (Accepted(), Accepted(), [], []),
        (Modified(delivery_failed=True), Modified(delivery_failed=True), [1], []),
        (Modified(), Modified(), [1], []),
        (Released(), Released(), [0], []),
        (DEAD_LETTER, Rejected(), [], ["because"]),
        (Rejected(), Rejected(), [], [None]),
    ],
    ids=["complete", "abandon", "abandon-from-js", "release", "dead-letter", "reject"],
)
async def test_an_outcome_takes_effect_and_is_echoed(
    bus: ServiceBus, outcome: Outcome, echo: Outcome, left: list[int], letters: list[str | None]
) -> None:
    async with connect(bus) as peer:
        assert await peer.settle(await receive_one(peer, bus), outcome) == echo
    assert [stored.delivery_count for stored in bus.messages("jobs")] == left
    assert [stored.dead_letter_reason for stored in bus.messages(LETTERS)] == letters


async def test_a_settled_outcome_takes_effect_without_an_answer(bus: ServiceBus) -> None:
    async with connect(bus) as peer:
        transfer = await receive_one(peer, bus)
        await peer.send(Disposition(role=True, first=transfer.delivery_id or UInt(0), settled=True, state=Accepted()))
        await peer.send(Detach(UInt(1), closed=True))
        await peer.expect(Detach)
    assert bus.messages("jobs") == ()


@pytest.mark.parametrize(
    "outcome",
    [
        Modified(delivery_failed=True, undeliverable_here=True),
        Modified(delivery_failed=True, message_annotations={Symbol("a"): "b"}),
    ],
    ids=["defer", "modify-properties"],
)
async def test_outcomes_that_are_not_served_are_rejected_and_the_lock_stays(bus: ServiceBus, outcome: Outcome) -> None:
    async with connect(bus) as peer:
        echo = await peer.settle(await receive_one(peer, bus), outcome)
    assert isinstance(echo, Rejected)
    assert echo.error is not None
    assert echo.error.condition == "amqp:not-implemented"
    assert [stored.locked for stored in bus.messages("jobs")] == [True]


async def test_a_lost_lock_is_rejected_with_an_error_of_three_fields(bus: ServiceBus, bus_clock: ManualClock) -> None:
    async with connect(bus) as peer:
        transfer = await receive_one(peer, bus)
        bus_clock.advance(60)
        echo = await peer.settle(transfer, Accepted())
    assert isinstance(echo, Rejected)
    assert echo.error is not None
    assert echo.error.condition == "com.microsoft:message-lock-lost"
    assert echo.error.description
    assert echo.error.info == {}
    assert [stored.delivery_count for stored in bus.messages("jobs")] == [1]


async def test_locks_survive_the_link_and_the_connection(bus: ServiceBus, bus_clock: ManualClock) -> None:
    async with connect(bus) as peer:
        await receive_one(peer, bus)
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        await peer.attach(1, RECEIVER, "jobs")
        await peer.give_credit(1, 1)
        assert [stored.locked for stored in bus.messages("jobs")] == [True]
        bus_clock.advance(60)
        _, message = await peer.receive()
        assert (message.message_id, message.header.delivery_count) == ("a", 1)


async def test_receive_and_delete_sends_settled_and_keeps_nothing(bus: ServiceBus) -> None:
    await fill(bus, encode_message("a"))
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        await peer.attach(1, RECEIVER, "jobs", settled=True)
        await peer.give_credit(1, 1)
        transfer, message = await peer.receive()
        assert (transfer.settled, len(transfer.delivery_tag or b""), message.message_id) == (True, 16, "a")
    assert bus.messages("jobs") == ()


async def test_two_receivers_share_a_queue(bus: ServiceBus) -> None:
    await fill(bus, *(encode_message(name) for name in "abcd"))
    async with connect(bus) as one, connect(bus) as two:
        names = []
        for peer in (one, two):
            await peer.authorize(bus, "jobs")
            await peer.attach(1, RECEIVER, "jobs")
            await peer.give_credit(1, 2)
            names += [(await peer.receive())[1].message_id for _ in range(2)]
    assert names == ["a", "b", "c", "d"]


async def test_the_bare_message_arrives_byte_for_byte(bus: ServiceBus) -> None:
    sent = encode_message("a", subject="s", group_id="g", properties={"vault": "kv1", "id": uuid.uuid4()})
    await fill(bus, sent)
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        await peer.attach(1, RECEIVER, "jobs")
        await peer.give_credit(1, 1)
        _, payload = await peer.expect_frame(Transfer)
    assert payload.endswith(sent)


async def manage(peer: Peer, operation: str, body: object) -> dict[str, object]:
    """Ask the queue's $management, attached on handles 10 and 11."""
    await peer.attach(10, RECEIVER, "jobs/$management")
    await peer.attach(11, SENDER, "jobs/$management")
    await peer.give_credit(10, 10)
    return await peer.request(11, {"operation": f"com.microsoft:{operation}", "type": "entity-mgmt"}, body)


async def test_a_message_is_settled_through_management_when_its_link_is_gone(bus: ServiceBus) -> None:
    async with connect(bus) as peer:
        transfer = await receive_one(peer, bus)
    token = uuid.UUID(bytes_le=transfer.delivery_tag)
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        body = {"disposition-status": "completed", "lock-tokens": Array((token,))}
        assert (await manage(peer, "update-disposition", body))["statusCode"] == 200
    assert bus.messages("jobs") == ()


async def test_a_lost_lock_is_told_in_managements_words(bus: ServiceBus) -> None:
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        answer = await manage(peer, "renew-lock", {"lock-tokens": Array((uuid.uuid4(),))})
    assert answer["statusCode"] == 410
    assert answer["errorCondition"] == Symbol("com.microsoft:message-lock-lost")


async def test_other_management_operations_are_answered_with_501(bus: ServiceBus) -> None:
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        answer = await manage(peer, "add-rule", {})
    assert (answer["statusCode"], answer["errorCondition"]) == (501, Symbol("amqp:not-implemented"))
