"""Failures on request, at every operation that can meet one."""

import asyncio

import pytest

from devstack.amqp.performatives import Accepted, Close, Detach, Rejected
from devstack.faults import Fault
from devstack.servicebus import Operation, ServiceBus

from .builders import encode_message
from .peer import RECEIVER, SENDER, Peer, connect

BUSY = "com.microsoft:server-busy"


async def open_sender(peer: Peer, bus: ServiceBus) -> None:
    """Attach a sender to the queue on handle 1."""
    await peer.authorize(bus, "jobs")
    await peer.attach(1, SENDER, "jobs")


async def open_receiver(peer: Peer) -> None:
    """Attach a receiver to the queue on handle 2 and give it credit."""
    await peer.attach(2, RECEIVER, "jobs")
    await peer.give_credit(2, 1)


def ids(bus: ServiceBus) -> list[str]:
    """Return the ids of what is in the queue."""
    return [stored.message_id for stored in bus.messages("jobs")]


async def test_a_send_is_refused_with_the_condition_and_the_next_one_goes_through(bus: ServiceBus) -> None:
    bus.faults.plan(lambda op: op.kind == "send" and op.message_id == "a", Fault(condition=BUSY))
    async with connect(bus) as peer:
        await open_sender(peer, bus)
        outcome = await peer.post(1, encode_message("a"))
        assert isinstance(outcome, Rejected)
        assert outcome.error is not None
        assert (outcome.error.condition, outcome.error.info) == (BUSY, {})
        assert await peer.post(1, encode_message("a"), number=1) == Accepted()
    assert ids(bus) == ["a"]


async def test_a_send_is_cut_before_it_takes_effect(bus: ServiceBus) -> None:
    bus.faults.plan(lambda op: op == Operation(kind="send", entity="jobs", message_id="a"), Fault(drop=True))
    async with connect(bus) as peer:
        await open_sender(peer, bus)
        await peer.transfer(1, encode_message("a"))
        await peer.expect_end()
    assert ids(bus) == []


async def test_a_send_takes_effect_and_only_its_answer_is_lost(bus: ServiceBus) -> None:
    bus.faults.plan(lambda op: op.kind == "send", Fault(drop=True, after=True))
    async with connect(bus) as peer:
        await open_sender(peer, bus)
        await peer.transfer(1, encode_message("a"))
        await peer.expect_end()
    assert ids(bus) == ["a"]


async def test_a_send_that_is_only_late_goes_through(bus: ServiceBus) -> None:
    bus.faults.plan(lambda op: op.kind == "send", Fault(delay=0.05))
    async with connect(bus) as peer:
        await open_sender(peer, bus)
        assert await peer.post(1, encode_message("a")) == Accepted()


async def test_a_silent_broker_takes_the_connection_and_says_nothing(bus: ServiceBus) -> None:
    bus.faults.plan(lambda op: op.kind == "connect", Fault(delay=3600))
    async with connect(bus, greet=False) as peer:
        await peer.greet()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await peer.begin()
    async with connect(bus) as peer:
        await open_sender(peer, bus)


async def test_a_connection_is_cut_when_it_opens(bus: ServiceBus) -> None:
    bus.faults.plan(lambda op: op.kind == "connect", Fault(drop=True))
    async with connect(bus, greet=False) as peer:
        await peer.greet()
        await peer.expect_end()


async def test_a_connection_is_closed_with_the_condition(bus: ServiceBus) -> None:
    bus.faults.plan(lambda op: op.kind == "connect", Fault(condition="amqp:connection:forced"))
    async with connect(bus, greet=False) as peer:
        await peer.greet()
        error = (await peer.expect(Close)).error
        assert error is not None
        assert error.condition == "amqp:connection:forced"
        peer.writer.write_eof()
        await peer.expect_end()


async def test_a_token_is_refused_with_the_status(bus: ServiceBus) -> None:
    bus.faults.plan(lambda op: op == Operation(kind="token", entity="jobs"), Fault(condition=BUSY))
    async with connect(bus) as peer:
        assert (await peer.authorize(bus, "jobs"))["status-code"] == 503


async def test_a_link_is_refused_with_the_condition(bus: ServiceBus) -> None:
    bus.faults.plan(lambda op: op == Operation(kind="attach", entity="jobs"), Fault(condition=BUSY))
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        assert (await peer.attach(1, SENDER, "jobs")).target is None
        error = (await peer.expect(Detach)).error
        assert error is not None
        assert error.condition == BUSY


@pytest.mark.parametrize(("after", "locked"), [(False, False), (True, True)], ids=["before", "after"])
async def test_a_delivery_is_cut_before_or_after_the_lock(bus: ServiceBus, *, after: bool, locked: bool) -> None:
    bus.faults.plan(
        lambda op: op == Operation(kind="receive", entity="jobs", message_id="a"), Fault(drop=True, after=after)
    )
    async with connect(bus) as peer:
        await open_sender(peer, bus)
        assert await peer.post(1, encode_message("a")) == Accepted()
        await open_receiver(peer)
        await peer.expect_end()
    assert [stored.locked for stored in bus.messages("jobs")] == [locked]


async def test_a_receiving_link_is_detached_with_the_condition(bus: ServiceBus) -> None:
    bus.faults.plan(lambda op: op.kind == "receive", Fault(condition="amqp:link:detach-forced"))
    async with connect(bus) as peer:
        await open_sender(peer, bus)
        await peer.post(1, encode_message("a"))
        await open_receiver(peer)
        error = (await peer.expect(Detach)).error
        assert error is not None
        assert error.condition == "amqp:link:detach-forced"
    assert [stored.locked for stored in bus.messages("jobs")] == [False]


@pytest.mark.parametrize(("after", "left"), [(False, ["a"]), (True, [])], ids=["before", "after"])
async def test_a_settlement_is_refused_before_or_after_its_effect(
    bus: ServiceBus, *, after: bool, left: list[str]
) -> None:
    expected = Operation(kind="settle", entity="jobs", message_id="a", action="accepted")
    bus.faults.plan(lambda op: op == expected, Fault(condition=BUSY, after=after))
    async with connect(bus) as peer:
        await open_sender(peer, bus)
        await peer.post(1, encode_message("a"))
        await open_receiver(peer)
        transfer, _ = await peer.receive()
        echo = await peer.settle(transfer, Accepted())
        assert isinstance(echo, Rejected)
        assert echo.error is not None
        assert echo.error.condition == BUSY
    assert ids(bus) == left


async def test_a_management_request_is_refused_with_the_condition(bus: ServiceBus) -> None:
    bus.faults.plan(
        lambda op: op == Operation(kind="manage", entity="jobs", action="peek-message"), Fault(condition=BUSY)
    )
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        await peer.attach(10, RECEIVER, "jobs/$management")
        await peer.attach(11, SENDER, "jobs/$management")
        await peer.give_credit(10, 10)
        answer = await peer.request(11, {"operation": "com.microsoft:peek-message"}, {})
        assert (answer["statusCode"], answer["errorCondition"]) == (503, BUSY)
