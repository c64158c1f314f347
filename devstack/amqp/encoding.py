"""A value in, its AMQP 1.0 encoding out (part 1.6).

Not here: the shortest form of every value. Numbers other than the common small ones go out at full width.
"""

import struct
import uuid
from collections.abc import Callable, Iterable, Mapping

from devstack.amqp.values import (
    Array,
    Byte,
    Char,
    Decimal,
    Described,
    Float,
    Int,
    Long,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
)

_MAX_SMALL = 255
_NUMBERS: dict[type, tuple[int, struct.Struct]] = {
    UByte: (0x50, struct.Struct(">B")),
    UShort: (0x60, struct.Struct(">H")),
    UInt: (0x70, struct.Struct(">I")),
    ULong: (0x80, struct.Struct(">Q")),
    Byte: (0x51, struct.Struct(">b")),
    Short: (0x61, struct.Struct(">h")),
    Int: (0x71, struct.Struct(">i")),
    Long: (0x81, struct.Struct(">q")),
    Timestamp: (0x83, struct.Struct(">q")),
    Float: (0x72, struct.Struct(">f")),
    float: (0x82, struct.Struct(">d")),
}


def encode(value: object) -> bytes:
    """Return the encoding of a value.

    Raises TypeError for a Python type without an AMQP type (a plain int among them) and ValueError or struct.error
    for a value outside its type: both are mistakes of this program, never of a peer.
    """
    write = _WRITERS.get(type(value))
    if write is None:
        raise TypeError(f"{type(value).__name__} has no AMQP type")
    return write(value)


def encode_list(items: Iterable[object]) -> bytes:
    """Return the encoding of a list."""
    return encode_encoded_list([encode(item) for item in items])


def encode_encoded_list(encoded: list[bytes]) -> bytes:
    """Return the encoding of a list whose items are encoded already."""
    if not encoded:
        return b"\x45"
    return _compound(0xC0, len(encoded), b"".join(encoded))


def encode_described(descriptor: int, encoded: bytes) -> bytes:
    """Return an encoded value with a numeric descriptor before it."""
    return b"\x00" + _ulong(ULong(descriptor)) + encoded


def _variable(small: int, data: bytes) -> bytes:
    if len(data) <= _MAX_SMALL:
        return bytes((small, len(data))) + data
    return struct.pack(">BI", small + 0x10, len(data)) + data


def _compound(small: int, count: int, data: bytes) -> bytes:
    # The size counts the bytes of the count field as well.
    if len(data) + 1 <= _MAX_SMALL and count <= _MAX_SMALL:
        return bytes((small, len(data) + 1, count)) + data
    return struct.pack(">BII", small + 0x10, len(data) + 4, count) + data


def _number(value: object) -> bytes:
    constructor, layout = _NUMBERS[type(value)]
    return bytes((constructor,)) + layout.pack(value)


def _uint(value: int) -> bytes:
    if value == 0:
        return b"\x43"
    return bytes((0x52, value)) if value <= _MAX_SMALL else _number(value)


def _ulong(value: int) -> bytes:
    if value == 0:
        return b"\x44"
    return bytes((0x53, value)) if value <= _MAX_SMALL else _number(value)


def _map(value: Mapping[object, object]) -> bytes:
    return _compound(0xC1, 2 * len(value), b"".join(encode(part) for pair in value.items() for part in pair))


def _array(value: Array) -> bytes:
    if not value.items:
        return _compound(0xE0, 0, b"\x40")  # An empty array still names a type; null is the one that promises nothing.
    kinds = {type(item) for item in value.items}
    if len(kinds) != 1:
        raise ValueError("the items of an array have one type")
    kind = kinds.pop()
    if kind is uuid.UUID:
        constructor, encoded = 0x98, b"".join(item.bytes for item in value.items if isinstance(item, uuid.UUID))
    elif kind is Symbol:
        texts = [str(item).encode("ascii") for item in value.items]
        constructor, encoded = 0xB3, b"".join(struct.pack(">I", len(text)) + text for text in texts)
    elif kind in _NUMBERS:
        constructor, layout = _NUMBERS[kind]
        encoded = b"".join(layout.pack(item) for item in value.items)
    else:
        raise TypeError(f"an array of {kind.__name__} is not encoded here")
    return _compound(0xE0, len(value.items), bytes((constructor,)) + encoded)


def _described(value: Described) -> bytes:
    return b"\x00" + encode(value.descriptor) + encode(value.value)


_WRITERS: dict[type, Callable[..., bytes]] = {
    **dict.fromkeys(_NUMBERS, _number),
    type(None): lambda _: b"\x40",
    bool: lambda value: b"\x41" if value else b"\x42",
    UInt: _uint,
    ULong: _ulong,
    str: lambda value: _variable(0xA1, value.encode()),
    Symbol: lambda value: _variable(0xA3, value.encode("ascii")),
    Char: lambda value: struct.pack(">BI", 0x73, ord(value)),
    bytes: lambda value: _variable(0xA0, value),
    uuid.UUID: lambda value: b"\x98" + value.bytes,
    Decimal: lambda value: bytes((value.constructor,)) + value.encoded,
    list: encode_list,
    dict: _map,
    Array: _array,
    Described: _described,
}
