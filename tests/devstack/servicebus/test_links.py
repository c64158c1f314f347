"""Links on the wire: refusals, tokens, credit, windows, frames; among it what the SDK never says."""

import asyncio

import pytest

from devstack.amqp import framing
from devstack.amqp.codec import Symbol, UByte, UInt
from devstack.amqp.messages import DATA, encode_section
from devstack.amqp.performatives import (
    Accepted,
    Attach,
    Begin,
    Detach,
    Disposition,
    Flow,
    Rejected,
    Source,
    Target,
    Transfer,
)
from devstack.servicebus import ServiceBus

from .builders import encode_message, sign
from .peer import RECEIVER, SENDER, Peer, connect, fill

LETTERS = "jobs/$deadletterqueue"


async def expect_refusal(peer: Peer, answer: Attach) -> str:
    """Check that a link was refused as the SDK reads it, and return the condition."""
    assert (answer.source, answer.target) == (None, None)
    detach = await peer.expect(Detach)
    assert detach.closed
    assert detach.error is not None
    return detach.error.condition


@pytest.mark.parametrize("role", [RECEIVER, SENDER], ids=["receiver", "sender"])
async def test_a_link_to_an_unknown_entity_is_refused(bus: ServiceBus, *, role: bool) -> None:
    async with connect(bus) as peer:
        await peer.authorize(bus, "")
        answer = await peer.attach(1, role, "amqps://127.0.0.1/nowhere")
        assert await expect_refusal(peer, answer) == "amqp:not-found"


@pytest.mark.parametrize("entity", ["jobs", "jobs/$management", LETTERS])
async def test_a_link_without_a_token_for_its_entity_is_refused(bus: ServiceBus, entity: str) -> None:
    async with connect(bus) as peer:
        await peer.authorize(bus, "other")
        answer = await peer.attach(1, RECEIVER, entity)
        assert await expect_refusal(peer, answer) == "amqp:unauthorized-access"


async def test_a_bad_token_is_answered_with_401_and_opens_nothing(bus: ServiceBus) -> None:
    async with connect(bus) as peer:
        answer = await peer.authorize(bus, "jobs", token=sign(f"{bus.endpoint}/jobs", key="another"))
        assert answer["status-code"] == 401
        assert await expect_refusal(peer, await peer.attach(1, SENDER, "jobs")) == "amqp:unauthorized-access"


async def test_a_good_token_is_answered_with_202(bus: ServiceBus) -> None:
    async with connect(bus) as peer:
        assert (await peer.authorize(bus, "jobs"))["status-code"] == 202


async def test_another_operation_than_put_token_is_refused(bus: ServiceBus) -> None:
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        answer = await peer.request(101, {"operation": "delete-token", "name": "jobs"}, "")
        assert answer["status-code"] == 501


async def test_a_receiver_that_asks_for_a_session_of_an_entity_without_sessions_is_refused(bus: ServiceBus) -> None:
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        source = Source("jobs", filter={Symbol("com.microsoft:session-filter"): "s"})
        await peer.send(Attach("link", UInt(1), RECEIVER, source=source, target=Target("here")))
        assert await expect_refusal(peer, await peer.expect(Attach)) == "amqp:not-allowed"


async def test_a_receiver_that_chooses_by_anything_else_is_refused(bus: ServiceBus) -> None:
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        source = Source("jobs", filter={Symbol("apache.org:selector-filter:string"): "s"})
        await peer.send(Attach("link", UInt(1), RECEIVER, source=source, target=Target("here")))
        assert await expect_refusal(peer, await peer.expect(Attach)) == "amqp:not-implemented"


async def test_a_receiver_gets_as_many_messages_as_it_gives_credit_for(bus: ServiceBus) -> None:
    await fill(bus, encode_message("a"), encode_message("b"), encode_message("c"))
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        await peer.attach(1, RECEIVER, "jobs")
        await peer.give_credit(1, 2)
        assert [(await peer.receive())[1].message_id for _ in range(2)] == ["a", "b"]
        assert [stored.locked for stored in bus.messages("jobs")] == [True, True, False]
        await peer.give_credit(1, 1, seen=2)
        assert (await peer.receive())[1].message_id == "c"


async def test_a_waiting_receiver_gets_a_message_when_it_is_sent(bus: ServiceBus) -> None:
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        await peer.attach(1, RECEIVER, "jobs")
        await peer.give_credit(1, 1)
        await fill(bus, encode_message("a"))
        assert (await peer.receive())[1].message_id == "a"


async def test_draining_sends_what_is_there_and_gives_the_rest_of_the_credit_back(bus: ServiceBus) -> None:
    await fill(bus, encode_message("a"))
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        await peer.attach(1, RECEIVER, "jobs")
        await peer.give_credit(1, 10, drain=True)
        assert (await peer.receive())[1].message_id == "a"
        flow = await peer.expect(Flow)
        assert (flow.handle, flow.delivery_count, flow.link_credit, flow.drain) == (1, 10, 0, True)
        await fill(bus, encode_message("b"))
        assert [stored.locked for stored in bus.messages("jobs")] == [True, False]


async def test_a_large_message_goes_in_frames_both_ways(bus: ServiceBus) -> None:
    body = b"x" * 200_000
    async with connect(bus) as sender, connect(bus) as peer:
        await sender.authorize(bus, "jobs")
        await sender.attach(1, SENDER, "jobs")
        whole = encode_message("a", body=body)
        for start in range(0, len(whole), 60_000):
            more = start + 60_000 < len(whole)
            await sender.send(Transfer(UInt(1), UInt(0), b"0", UInt(0), more=more), whole[start : start + 60_000])
        await sender.expect(Disposition)
        await peer.authorize(bus, "jobs")
        await peer.attach(1, RECEIVER, "jobs")
        await peer.give_credit(1, 1)
        _, message = await peer.receive()
        assert message.body == body


async def test_a_message_that_grows_too_large_over_its_frames_is_rejected(bus: ServiceBus) -> None:
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        await peer.attach(1, SENDER, "jobs")
        for _ in range(6):
            await peer.send(Transfer(UInt(1), UInt(0), b"0", more=True), b"x" * 60_000)
        outcome = await peer.post(1, b"end")
        assert isinstance(outcome, Rejected)
        assert outcome.error is not None
        assert outcome.error.condition == "amqp:link:message-size-exceeded"
        assert await peer.post(1, encode_message("b"), number=1) == Accepted()


async def test_a_sender_may_send_more_than_it_was_given_credit_for(bus: ServiceBus) -> None:
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        await peer.attach(1, SENDER, "jobs")
        for number in range(1500):
            await peer.transfer(1, encode_message(str(number)), number=number, settled=True)
        assert await peer.post(1, encode_message("last"), number=1500) == Accepted()
        assert len(bus.messages("jobs")) == 1501


async def test_the_messages_of_a_batch_are_sent_singly(bus: ServiceBus) -> None:
    batch = b"".join(encode_section(DATA, encode_message(name)) for name in "ab")
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        await peer.attach(1, SENDER, "jobs")
        assert await peer.post(1, batch, message_format=0x80013700) == Accepted()
    assert [stored.message_id for stored in bus.messages("jobs")] == ["a", "b"]


async def test_a_detached_link_can_be_attached_again(bus: ServiceBus) -> None:
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        for _ in range(2):
            assert (await peer.attach(1, RECEIVER, "jobs")).source == Source("jobs")
            await peer.send(Detach(UInt(1), closed=True))
            assert (await peer.expect(Detach)).closed


async def test_a_connection_has_several_sessions(bus: ServiceBus) -> None:
    async with connect(bus) as peer:
        begin = Begin(next_outgoing_id=UInt(0), incoming_window=UInt(1), outgoing_window=UInt(1))
        await peer.send(begin, channel=3)
        assert (await peer.expect(Begin)).remote_channel == 3


async def test_a_peer_with_an_idle_timeout_gets_signs_of_life(bus: ServiceBus) -> None:
    async with connect(bus, greet=False) as peer:
        await peer.greet(idle_timeout=UInt(1000))
        for _ in range(2):
            assert (await framing.read_frame(peer.reader)).performative is None


async def test_waiting_for_messages_ends_when_they_are_there_or_time_is_up(bus: ServiceBus) -> None:
    waiting = asyncio.create_task(bus.wait_for("jobs", 2, timeout=10))
    await fill(bus, encode_message("a"), encode_message("b"))
    assert [stored.message_id for stored in await waiting] == ["a", "b"]
    with pytest.raises(TimeoutError, match="2 of 3 messages in jobs"):
        await bus.wait_for("jobs", 3, timeout=0.01)


async def test_connections_are_counted(bus: ServiceBus) -> None:
    before = bus.connections
    async with connect(bus), connect(bus, greet=False):
        pass
    assert bus.connections == before + 1


async def test_mode_and_size_are_part_of_the_answer_to_an_attach(bus: ServiceBus) -> None:
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        sender = await peer.attach(1, SENDER, "jobs")
        assert (sender.role, sender.max_message_size) == (True, 262_144)
        receiver = await peer.attach(2, RECEIVER, "jobs", settled=True)
        assert (receiver.role, receiver.initial_delivery_count, receiver.snd_settle_mode) == (False, 0, UByte(1))
