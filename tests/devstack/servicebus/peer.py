"""A client of our own that says exactly what a test wants, and returns the broker's frames as they come.

It shares the codec with the broker, so it proves nothing about the encoding; the SDK's tests do that.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

from devstack.amqp import framing
from devstack.amqp.codec import Symbol, UByte, UInt, UShort
from devstack.amqp.messages import APPLICATION_PROPERTIES, VALUE, Properties, encode_section
from devstack.amqp.performatives import (
    Accepted,
    Attach,
    Begin,
    Composite,
    Disposition,
    Flow,
    Open,
    Outcome,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    Source,
    Target,
    Transfer,
)
from devstack.servicebus import ServiceBus, StoredMessage
from devstack.servicebus.messages import read

from .builders import sign

C = TypeVar("C", bound=Composite)

RECEIVER, SENDER = True, False


class Peer:
    """One connection with one session on channel 0."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, performative: Composite, payload: bytes = b"", *, channel: int = 0) -> None:
        """Send a frame."""
        self.writer.write(framing.encode_frame(channel, performative, payload))
        await self.writer.drain()

    async def expect(self, kind: type[C]) -> C:
        """Return the next frame of a kind; flows nobody asked for and empty frames are passed over."""
        return (await self.expect_frame(kind))[0]

    async def expect_frame(self, kind: type[C]) -> tuple[C, bytes]:
        """Return the next frame of a kind and its payload."""
        while True:
            frame = await framing.read_frame(self.reader)
            if isinstance(frame.performative, kind):
                return frame.performative, frame.payload
            assert frame.performative is None or isinstance(frame.performative, Flow), frame.performative

    async def expect_end(self) -> None:
        """Wait until the broker has closed the connection."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    async def greet(self, *, idle_timeout: UInt | None = None) -> None:
        """Come as far as an open connection."""
        self.writer.write(framing.SASL_HEADER)
        assert await self.reader.readexactly(8) == framing.SASL_HEADER
        offer = await framing.read_frame(self.reader, kind=framing.SASL_FRAME)
        assert isinstance(offer.performative, SaslMechanisms)
        self.writer.write(framing.encode_frame(0, SaslInit(Symbol("ANONYMOUS")), kind=framing.SASL_FRAME))
        outcome = await framing.read_frame(self.reader, kind=framing.SASL_FRAME)
        assert outcome.performative == SaslOutcome(UByte(0))
        self.writer.write(framing.AMQP_HEADER)
        assert await self.reader.readexactly(8) == framing.AMQP_HEADER
        await self.send(Open("peer", idle_timeout=idle_timeout))
        await self.expect(Open)

    async def begin(self, *, channel: int = 0) -> None:
        """Begin a session."""
        begin = Begin(next_outgoing_id=UInt(0), incoming_window=UInt(1000), outgoing_window=UInt(1000))
        await self.send(begin, channel=channel)
        assert (await self.expect(Begin)).remote_channel == UShort(channel)

    async def attach(self, handle: int, role: bool, address: str, *, settled: bool = False) -> Attach:  # noqa: FBT001 -- RECEIVER or SENDER
        """Attach a link and return the broker's answer."""
        source, target = (address, "here") if role is RECEIVER else ("here", address)
        mode = UByte(1 if settled else 0)
        await self.send(
            Attach(
                f"link-{handle}", UInt(handle), role, snd_settle_mode=mode, source=Source(source), target=Target(target)
            )
        )
        return await self.expect(Attach)

    async def authorize(self, bus: ServiceBus, entity: str, *, token: str | None = None) -> dict[str, object]:
        """Show a token for an entity, on handles 100 and 101, and return the application properties of the answer."""
        await self.attach(100, RECEIVER, "$cbs")
        await self.attach(101, SENDER, "$cbs")
        await self.give_credit(100, 10)
        audience = f"{bus.endpoint}/{entity}"
        return await self.request(
            101, {"operation": "put-token", "type": "jwt", "name": audience}, token or sign(audience)
        )

    async def request(self, handle: int, properties: dict[object, object], body: object) -> dict[str, object]:
        """Send a request on a link and return the application properties of the answer."""
        parts = (encode_section(APPLICATION_PROPERTIES, properties), encode_section(VALUE, body))
        await self.transfer(handle, Properties(message_id="1").encode() + b"".join(parts), settled=True)
        _, answer = await self.expect_frame(Transfer)
        return dict(read(answer).application_properties)

    async def transfer(
        self, handle: int, payload: bytes, *, number: int = 0, settled: bool = False, message_format: int = 0
    ) -> None:
        """Send a delivery in one frame."""
        transfer = Transfer(
            UInt(handle), UInt(number), number.to_bytes(4, "big"), UInt(message_format), settled=settled
        )
        await self.send(transfer, payload)

    async def receive(self) -> tuple[Transfer, StoredMessage]:
        """Return the next delivery and its message."""
        transfer, payload = await self.expect_frame(Transfer)
        while transfer.more:
            transfer, rest = await self.expect_frame(Transfer)
            payload += rest
        return transfer, read(payload)

    async def settle(self, transfer: Transfer, outcome: Outcome) -> Outcome | None:
        """Settle a delivery and return what is echoed."""
        number = transfer.delivery_id or UInt(0)
        await self.send(Disposition(role=True, first=number, last=number, state=outcome))
        echo = await self.expect(Disposition)
        assert (echo.role, echo.first, echo.settled) == (False, number, True)
        return echo.state

    async def post(self, handle: int, payload: bytes, *, number: int = 0, message_format: int = 0) -> Outcome | None:
        """Send a delivery and return its outcome."""
        await self.transfer(handle, payload, number=number, message_format=message_format)
        answer = await self.expect(Disposition)
        assert (answer.role, answer.first, answer.settled) == (True, number, True)
        return answer.state

    async def give_credit(self, handle: int, credit: int, *, seen: int = 0, drain: bool = False) -> None:
        """Let the broker send."""
        await self.send(
            Flow(
                next_incoming_id=UInt(0),
                incoming_window=UInt(1000),
                next_outgoing_id=UInt(0),
                outgoing_window=UInt(1000),
                handle=UInt(handle),
                delivery_count=UInt(seen),
                link_credit=UInt(credit),
                drain=drain,
            )
        )


@contextlib.asynccontextmanager
async def connect(bus: ServiceBus, *, greet: bool = True) -> AsyncIterator[Peer]:
    """Connect to the broker; with `greet` as far as a session."""
    reader, writer = await asyncio.open_connection("127.0.0.1", bus.port)
    peer = Peer(reader, writer)
    try:
        if greet:
            await peer.greet()
            await peer.begin()
        yield peer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def fill(bus: ServiceBus, *payloads: bytes) -> None:
    """Send messages to the queue."""
    async with connect(bus) as peer:
        await peer.authorize(bus, "jobs")
        await peer.attach(1, SENDER, "jobs")
        for number, payload in enumerate(payloads):
            assert await peer.post(1, payload, number=number) == Accepted()
