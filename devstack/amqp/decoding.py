"""Bytes in, an AMQP 1.0 value out (part 1.6). The bytes come from a stranger.

Every size is checked against the bytes that are there before anything is allocated, nesting ends at `MAX_DEPTH`, and
whatever is wrong raises `DecodeError`. One legal form is refused: an array that claims more items than it has bytes
(items of width zero), because four billion nulls fit into nine bytes.
"""

import struct
import uuid
from collections.abc import Callable

from devstack.amqp.errors import DecodeError
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

MAX_DEPTH = 32
"""Lists in maps in lists: the deepest a value may nest. Service Bus's own requests stay below six."""

_CONSTANTS: dict[int, object] = {0x40: None, 0x41: True, 0x42: False, 0x43: UInt(0), 0x44: ULong(0)}

_NUMBERS: dict[int, tuple[struct.Struct, Callable[..., object]]] = {
    0x50: (struct.Struct(">B"), UByte),
    0x51: (struct.Struct(">b"), Byte),
    0x52: (struct.Struct(">B"), UInt),
    0x53: (struct.Struct(">B"), ULong),
    0x54: (struct.Struct(">b"), Int),
    0x55: (struct.Struct(">b"), Long),
    0x56: (struct.Struct(">?"), bool),
    0x60: (struct.Struct(">H"), UShort),
    0x61: (struct.Struct(">h"), Short),
    0x70: (struct.Struct(">I"), UInt),
    0x71: (struct.Struct(">i"), Int),
    0x72: (struct.Struct(">f"), Float),
    0x73: (struct.Struct(">I"), lambda code: Char(chr(code))),
    0x80: (struct.Struct(">Q"), ULong),
    0x81: (struct.Struct(">q"), Long),
    0x82: (struct.Struct(">d"), float),
    0x83: (struct.Struct(">q"), Timestamp),
    0x98: (struct.Struct(">16s"), lambda raw: uuid.UUID(bytes=raw)),
    0x74: (struct.Struct(">4s"), lambda raw: Decimal(0x74, raw)),
    0x84: (struct.Struct(">8s"), lambda raw: Decimal(0x84, raw)),
    0x94: (struct.Struct(">16s"), lambda raw: Decimal(0x94, raw)),
}

_TEXTS: dict[int, Callable[[bytes], object]] = {
    0xA0: bytes,
    0xA1: lambda raw: raw.decode(),
    0xA3: lambda raw: Symbol(raw.decode("ascii")),
}

_DESCRIBED, _EMPTY_LIST = 0x00, 0x45
_LIST, _MAP, _ARRAY = 0xC0, 0xC1, 0xE0
"""In their small form; the large ones have the bit 0x10 as well."""

_BYTE = struct.Struct(">B")
_WORD = struct.Struct(">I")


def decode(data: bytes, at: int = 0) -> tuple[object, int]:
    """Return the value that starts at a position, and the position after it. Raises DecodeError."""
    return _value(data, at, 0)


def decode_all(data: bytes) -> object:
    """Return the one value that these bytes are. Raises DecodeError, also for bytes after it."""
    value, end = decode(data)
    if end != len(data):
        raise DecodeError(f"{len(data) - end} bytes follow the value")
    return value


def _value(data: bytes, at: int, depth: int) -> tuple[object, int]:
    constructor, at = _read(data, at, _BYTE)
    if constructor == _DESCRIBED:
        descriptor, at = _value(data, at, _deeper(depth))
        value, at = _value(data, at, _deeper(depth))
        return Described(descriptor, value), at
    return _body(data, at, constructor, depth)


def _body(data: bytes, at: int, constructor: int, depth: int) -> tuple[object, int]:
    if constructor in _CONSTANTS:
        return _CONSTANTS[constructor], at
    if constructor == _EMPTY_LIST:
        return [], at
    if constructor in _NUMBERS:
        return _number(data, at, constructor)
    wide, small = constructor & 0x10, constructor & ~0x10
    width = _WORD if wide else _BYTE
    if small in _TEXTS:
        return _text(data, at, width, small)
    if small in (_LIST, _MAP, _ARRAY):
        return _compound(data, at, width, small, _deeper(depth))
    raise DecodeError(f"0x{constructor:02x} is no type")


def _deeper(depth: int) -> int:
    if depth >= MAX_DEPTH:
        raise DecodeError(f"a value is nested more than {MAX_DEPTH} levels deep")
    return depth + 1


def _read(data: bytes, at: int, layout: struct.Struct) -> tuple[int, int]:
    if at + layout.size > len(data):
        raise DecodeError("a value is cut short")
    number: int = layout.unpack_from(data, at)[0]
    return number, at + layout.size


def _number(data: bytes, at: int, constructor: int) -> tuple[object, int]:
    layout, make = _NUMBERS[constructor]
    if at + layout.size > len(data):
        raise DecodeError("a value is cut short")
    try:
        return make(layout.unpack_from(data, at)[0]), at + layout.size
    except (ValueError, OverflowError) as error:
        raise DecodeError("a char outside Unicode") from error


def _text(data: bytes, at: int, width: struct.Struct, small: int) -> tuple[object, int]:
    size, at = _read(data, at, width)
    if at + size > len(data):
        raise DecodeError("a value is cut short")
    try:
        return _TEXTS[small](data[at : at + size]), at + size
    except UnicodeDecodeError as error:
        raise DecodeError("a text in another encoding than UTF-8, or a symbol outside ASCII") from error


def _compound(data: bytes, at: int, width: struct.Struct, small: int, depth: int) -> tuple[object, int]:
    size, at = _read(data, at, width)
    end = at + size
    if end > len(data):
        raise DecodeError("a list, map or array is cut short")
    count, at = _read(data, at, width)
    if count > size:
        raise DecodeError("a list, map or array claims more items than it has bytes")
    value: object
    if small == _ARRAY:
        value, at = _array(data, at, count, depth)
    else:
        items: list[object] = []
        for _ in range(count):
            item, at = _value(data, at, depth)
            items.append(item)
        value = items if small == _LIST else _map(items)
    if at != end:
        raise DecodeError("the size of a list, map or array is wrong")
    return value, end


def _map(items: list[object]) -> dict[object, object]:
    if len(items) % 2:
        raise DecodeError("a map has a key without a value")
    try:
        return dict(zip(items[::2], items[1::2], strict=True))
    except TypeError as error:
        raise DecodeError("a list, map or array as the key of a map") from error


def _array(data: bytes, at: int, count: int, depth: int) -> tuple[Array, int]:
    constructor, at = _read(data, at, _BYTE)
    descriptor: object = None
    described = constructor == _DESCRIBED
    if described:
        descriptor, at = _value(data, at, depth)
        constructor, at = _read(data, at, _BYTE)
    items: list[object] = []
    for _ in range(count):
        item, at = _body(data, at, constructor, depth)
        items.append(Described(descriptor, item) if described else item)
    return Array(tuple(items)), at
