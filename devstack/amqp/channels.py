"""What goes out in one session, and the counters that it carries (part 2.5.6).

The window for what comes in is as good as endless: frames are taken one after another anyway.
"""

import asyncio
import socket
import struct

from devstack.amqp import framing
from devstack.amqp.codec import UInt, UShort
from devstack.amqp.nodes import Delivery
from devstack.amqp.performatives import Begin, Composite, Flow, Transfer

WINDOW = UInt(0x7FFF_FFFF)


class Channel:
    """One channel of a connection. `max_frame_size` is the peer's."""

    def __init__(self, writer: asyncio.StreamWriter, number: int, max_frame_size: int) -> None:
        self._writer = writer
        self._number = number
        self._max_frame_size = max_frame_size
        self._next_incoming = 0
        self._next_outgoing = 0
        self._next_delivery = 0

    async def send(self, performative: Composite | None, payload: bytes = b"") -> None:
        """Send a frame. Raises OSError where the peer has gone."""
        if self._writer.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._writer.write(framing.encode_frame(self._number, performative, payload))
        await self._writer.drain()

    async def send_begin(self, begin: Begin) -> None:
        """Answer the peer's begin."""
        self._next_incoming = int(begin.next_outgoing_id)
        reply = Begin(
            remote_channel=UShort(self._number),
            next_outgoing_id=UInt(0),
            incoming_window=WINDOW,
            outgoing_window=WINDOW,
        )
        await self.send(reply)

    def count_transfer(self) -> None:
        """Count a transfer that came in."""
        self._next_incoming += 1

    def number_delivery(self) -> int:
        """Return the number of the next delivery."""
        self._next_delivery += 1
        return self._next_delivery - 1

    async def send_credit(self, handle: int, *, delivery_count: int, credit: int, drain: bool = False) -> None:
        """Tell the peer how a link stands."""
        flow = Flow(
            next_incoming_id=UInt(self._next_incoming),
            incoming_window=WINDOW,
            next_outgoing_id=UInt(self._next_outgoing),
            outgoing_window=WINDOW,
            handle=UInt(handle),
            delivery_count=UInt(delivery_count),
            link_credit=UInt(credit),
            drain=drain,
        )
        await self.send(flow)

    async def send_delivery(self, handle: int, number: int, delivery: Delivery) -> None:
        """Send a delivery, in as many frames as the peer's frame size asks for."""
        identity = (UInt(handle), UInt(number), delivery.tag, UInt(delivery.message_format), delivery.settled)
        room = self._max_frame_size - framing.OVERHEAD - len(Transfer(*identity).encode())
        for start in range(0, len(delivery.payload), room):
            more = start + room < len(delivery.payload)
            self._next_outgoing += 1
            await self.send(Transfer(*identity, more=more), delivery.payload[start : start + room])

    def cut(self) -> None:
        """End the connection without another byte: reset, as a network failure is.

        Not merely closed: at an orderly end of the stream the aio SDK never closes its own side of the socket (its
        `_disconnect` returns early in the state END), and every test that cuts would leak one.
        """
        sock = self._writer.get_extra_info("socket")
        if sock is not None and not self._writer.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
