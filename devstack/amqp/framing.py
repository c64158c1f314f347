"""Frames and protocol headers (AMQP 1.0 parts 2.2 and 2.3): what lies between the bytes and the performatives."""

import asyncio
import struct
from dataclasses import dataclass

from devstack.amqp import composites
from devstack.amqp.composites import Composite
from devstack.amqp.errors import FRAMING, ProtocolError
from devstack.amqp.performatives import PERFORMATIVES

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"

AMQP_FRAME = 0
SASL_FRAME = 1

OVERHEAD = 8
"""Bytes of a frame before its performative."""

_LAYOUT = struct.Struct(">IBBH")
_LEAST_OFFSET = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that arrived. `performative` is None for an empty one, the sign of life."""

    channel: int
    performative: Composite | None
    payload: bytes = b""


async def read_frame(reader: asyncio.StreamReader, *, kind: int, max_size: int) -> Frame:
    """Read one frame of a kind.

    Raises ProtocolError for a frame that is too large or none at all, DecodeError for a body that cannot be read, and
    asyncio.IncompleteReadError where the peer has gone.
    """
    size, offset, found, channel = _LAYOUT.unpack(await reader.readexactly(_LAYOUT.size))
    if size > max_size:
        raise ProtocolError(FRAMING, f"a frame of {size} bytes, {max_size} are allowed")
    if offset < _LEAST_OFFSET or size < 4 * offset or found != kind:
        raise ProtocolError(FRAMING, "no frame begins like this")
    rest = await reader.readexactly(size - _LAYOUT.size)
    body = rest[4 * offset - _LAYOUT.size :]
    if not body:
        return Frame(channel, None)
    performative, end = composites.decode_composite(body, PERFORMATIVES)
    return Frame(channel, performative, body[end:])


def encode_frame(
    channel: int, performative: Composite | None, payload: bytes = b"", *, kind: int = AMQP_FRAME
) -> bytes:
    """Return the bytes of a frame."""
    body = performative.encode() if performative else b""
    return _LAYOUT.pack(OVERHEAD + len(body) + len(payload), _LEAST_OFFSET, kind, channel) + body + payload
