"""Frames and protocol headers (AMQP 1.0 parts 2.2 and 2.3): what lies between the bytes and the performatives."""

import asyncio
import struct
from dataclasses import dataclass

from devstack.amqp.codec import decode
from devstack.amqp.errors import FRAMING, AmqpError
from devstack.amqp.performatives import Composite, build

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"

AMQP_FRAME = 0
SASL_FRAME = 1

MAX_FRAME_SIZE = 65_536
"""Bytes. Small enough that a large message comes in several frames."""

OVERHEAD = 8
"""Bytes of a frame before its performative."""

_LAYOUT = struct.Struct(">IBBH")
_OFFSET = 2
"""In words of four bytes. An extended header would make it more; nobody sends one."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that arrived. `performative` is None for an empty one, the sign of life."""

    channel: int
    performative: Composite | None
    payload: bytes = b""


async def read_frame(reader: asyncio.StreamReader, *, kind: int = AMQP_FRAME) -> Frame:
    """Read one frame of a kind.

    Raises AmqpError for a frame that is too large, none at all or has a body that cannot be read, and
    asyncio.IncompleteReadError where the peer has gone.
    """
    size, offset, found, channel = _LAYOUT.unpack(await reader.readexactly(OVERHEAD))
    if not OVERHEAD <= size <= MAX_FRAME_SIZE or offset != _OFFSET or found != kind:
        raise AmqpError(FRAMING, f"no frame begins like this, or one of more than {MAX_FRAME_SIZE} bytes")
    body = await reader.readexactly(size - OVERHEAD)
    if not body:
        return Frame(channel, None)
    performative, end = decode(body)
    return Frame(channel, build(performative), body[end:])


def encode_frame(
    channel: int, performative: Composite | None, payload: bytes = b"", *, kind: int = AMQP_FRAME
) -> bytes:
    """Return the bytes of a frame."""
    body = performative.encode() if performative else b""
    return _LAYOUT.pack(OVERHEAD + len(body) + len(payload), _OFFSET, kind, channel) + body + payload
