"""Whatever a peer sends, its own connection ends and nobody else's. The neighbour in each test is a peer at work."""

import struct

import pytest

from devstack.amqp import framing
from devstack.amqp.codec import Described, Symbol, UInt, encode
from devstack.amqp.performatives import Begin, Close, Disposition, End, Open, SaslInit, Transfer
from devstack.servicebus import ServiceBus

from .builders import encode_message
from .peer import SENDER, Peer, connect


async def prove_alive(neighbour: Peer, bus: ServiceBus) -> None:
    """Send a message over a connection that was there before."""
    await neighbour.attach(1, SENDER, "jobs")
    await neighbour.transfer(1, encode_message("alive"), number=7)
    await neighbour.expect(Disposition)
    assert [stored.message_id for stored in bus.messages("jobs")] == ["alive"]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        framing.AMQP_HEADER,
        framing.SASL_HEADER + b"\xff" * 100,
        framing.SASL_HEADER + framing.encode_frame(0, SaslInit(Symbol("PLAIN")), kind=framing.SASL_FRAME),
        framing.SASL_HEADER + framing.encode_frame(0, Open("x")),
    ],
    ids=["http", "tls", "no-sasl", "garbage", "another-mechanism", "another-frame"],
)
async def test_a_peer_that_does_not_greet_is_sent_away(bus: ServiceBus, data: bytes) -> None:
    async with connect(bus) as neighbour, connect(bus, greet=False) as peer:
        await neighbour.authorize(bus, "jobs")
        peer.writer.write(data)
        peer.writer.write_eof()
        await peer.expect_end()
        await prove_alive(neighbour, bus)


def nest(levels: int) -> bytes:
    """Encode nulls in lists in lists."""
    encoded = b"\x40"
    for _ in range(levels):
        encoded = b"\xd0" + struct.pack(">II", len(encoded) + 4, 1) + encoded
    return encoded


def frame(body: bytes, *, channel: int = 0, kind: int = 0) -> bytes:
    """Put any bytes into a frame."""
    return struct.pack(">IBBH", 8 + len(body), 2, kind, channel) + body


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        (struct.pack(">IBBH", 2**31, 2, 0, 0), "amqp:connection:framing-error"),
        (struct.pack(">IBBH", 4, 2, 0, 0), "amqp:connection:framing-error"),
        (struct.pack(">IBBH", 8, 1, 0, 0), "amqp:connection:framing-error"),
        (frame(b"\xff\xff\xff"), "amqp:decode-error"),
        (frame(nest(5000)), "amqp:decode-error"),
        (frame(b"\x00" * 60_000), "amqp:decode-error"),
        (frame(encode(Described((0x12), [UInt(1)]))), "amqp:decode-error"),
        (frame(End().encode(), channel=9) + frame(Transfer(UInt(0)).encode(), channel=9), "amqp:not-allowed"),
        (frame(Open("again").encode()), "amqp:not-allowed"),
        (
            frame(Begin(next_outgoing_id=UInt(0), incoming_window=UInt(0), outgoing_window=UInt(0)).encode()),
            "amqp:not-allowed",
        ),
        (frame(Transfer(UInt(5), UInt(0)).encode()), "amqp:session:unattached-handle"),
    ],
    ids=[
        "huge-frame",
        "tiny-frame",
        "offset",
        "garbage",
        "deep",
        "descriptors",
        "wrong-fields",
        "no-session",
        "open-again",
        "begin-again",
        "no-link",
    ],
)
async def test_a_peer_that_breaks_the_rules_is_told_and_closed(bus: ServiceBus, data: bytes, condition: str) -> None:
    async with connect(bus) as neighbour, connect(bus) as peer:
        await neighbour.authorize(bus, "jobs")
        peer.writer.write(data)
        error = (await peer.expect(Close)).error
        assert error is not None
        assert error.condition == condition
        peer.writer.write_eof()
        await peer.expect_end()
        await prove_alive(neighbour, bus)


async def test_a_peer_that_leaves_in_the_middle_of_a_frame_harms_nobody(bus: ServiceBus) -> None:
    async with connect(bus) as neighbour:
        await neighbour.authorize(bus, "jobs")
        async with connect(bus) as peer:
            peer.writer.write(struct.pack(">IBBH", 1000, 2, 0, 0) + b"half")
            peer.writer.transport.abort()
        await prove_alive(neighbour, bus)


async def test_a_message_that_is_none_is_rejected_and_the_link_goes_on(bus: ServiceBus) -> None:
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        await peer.attach(1, SENDER, "jobs")
        for number, payload in enumerate((b"\xff", encode(Described((0x75), "text")), nest(5000)), start=1):
            await peer.transfer(1, payload, number=number)
            state = (await peer.expect(Disposition)).state
            assert type(state).__name__ == "Rejected"
        await prove_alive_on(peer, bus)


async def prove_alive_on(peer: Peer, bus: ServiceBus) -> None:
    """Send a message over the same link."""
    await peer.transfer(1, encode_message("alive"), number=9)
    await peer.expect(Disposition)
    assert [stored.message_id for stored in bus.messages("jobs")] == ["alive"]
