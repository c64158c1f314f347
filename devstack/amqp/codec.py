"""AMQP 1.0 values to bytes and back (part 1.6). The bytes that are read come from a stranger.

Numbers keep their AMQP type both ways, so a value that came in as a uint goes out as a uint; they compare and hash as
the int they are. `None`, `bool`, `str`, `bytes`, `uuid.UUID`, `float` (a double), `dict` and `list` stand for
themselves. A plain `int` is not written: there are seven kinds to choose from.

Written is the widest form of each type, read is every form. Not here: byte, short, char, float, decimals and arrays
of described values, which no Service Bus client sends.
"""

import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from devstack.amqp.errors import DecodeError

MAX_DEPTH = 32
"""Lists in maps in lists: the deepest a value may nest. Service Bus's own requests stay below six."""


class Symbol(str):
    """A name out of a constrained domain, ASCII."""

    __slots__ = ()


class UByte(int):
    """8 bits."""


class UShort(int):
    """16 bits."""


class UInt(int):
    """32 bits."""


class ULong(int):
    """64 bits."""


class Int(int):
    """32 bits with a sign."""


class Long(int):
    """64 bits with a sign."""


class Timestamp(int):
    """Milliseconds since 1970-01-01 UTC."""

    @classmethod
    def from_seconds(cls, seconds: float) -> "Timestamp":
        """Return the timestamp of a time in Unix seconds."""
        return cls(round(seconds * 1000))


@dataclass(frozen=True, slots=True)
class Described:
    """A value with a descriptor that says what it means; here always a number below 256."""

    descriptor: Any
    value: object


@dataclass(frozen=True, slots=True)
class Array:
    """Values of one type, written with one constructor."""

    items: tuple[object, ...]


def encode(value: object) -> bytes:
    """Return the encoding of a value. A mistake of this program, such as a plain int, raises KeyError."""
    constructor, write = _WRITERS[type(value)]
    return bytes((constructor,)) + write(value)


def decode(data: bytes, at: int = 0) -> tuple[object, int]:
    """Return the value that starts at a position, and the position after it. Raises DecodeError."""
    reader = _Reader(data, at)
    try:
        return reader.read(0), reader.at
    except (ValueError, TypeError) as error:
        raise DecodeError("a text in a wrong encoding, or a map with a wrong key or none") from error


# Constructor, layout and type of the numbers, as they are written and in the forms that are only read.
_Numbers = tuple[tuple[int, str, Callable[[Any], object]], ...]
_WRITTEN: _Numbers = (
    (0x50, ">B", UByte),
    (0x60, ">H", UShort),
    (0x70, ">I", UInt),
    (0x80, ">Q", ULong),
    (0x71, ">i", Int),
    (0x81, ">q", Long),
    (0x82, ">d", float),
    (0x83, ">q", Timestamp),
    (0x56, ">?", bool),
)
_SHORT: _Numbers = (
    (0x52, ">B", UInt),
    (0x53, ">B", ULong),
    (0x54, ">b", Int),
    (0x55, ">b", Long),
)
_LAYOUTS = {constructor: (struct.Struct(layout), kind) for constructor, layout, kind in _WRITTEN + _SHORT}
_CONSTANTS: dict[int, object] = {0x40: None, 0x41: True, 0x42: False, 0x43: UInt(0), 0x44: ULong(0)}
_TEXTS: dict[int, Callable[[bytes], object]] = {
    0xB0: bytes,
    0xB1: bytes.decode,
    0xB3: lambda raw: Symbol(raw.decode("ascii")),
}
_DESCRIBED, _EMPTY_LIST, _UUID = 0x00, 0x45, 0x98
_LIST, _MAP, _ARRAY = 0xD0, 0xD1, 0xF0
_WIDE = 0x10
"""The bit of a constructor that tells a size of four bytes from one of one byte."""


class _Reader:
    """A position in the bytes. Sizes are checked against what is there before anything is allocated."""

    def __init__(self, data: bytes, at: int) -> None:
        self.at = at
        self._data = data

    def read(self, depth: int) -> object:
        return self._read_body(self._read_size(1), depth)

    def _take(self, size: int) -> bytes:
        start, self.at = self.at, self.at + size
        if self.at > len(self._data):
            raise DecodeError("a value is cut short")
        return self._data[start : self.at]

    def _read_size(self, width: int) -> int:
        return int.from_bytes(self._take(width), "big")

    def _read_body(self, constructor: int, depth: int) -> object:
        if depth > MAX_DEPTH:
            raise DecodeError(f"a value is nested more than {MAX_DEPTH} levels deep")
        if constructor == _DESCRIBED:
            return Described(self.read(depth + 1), self.read(depth + 1))
        if constructor < _UUID:
            return self._read_simple(constructor)
        if constructor == _UUID:
            return uuid.UUID(bytes=self._take(16))
        width = 4 if constructor & _WIDE else 1
        kind = constructor | _WIDE
        if kind in _TEXTS:
            return _TEXTS[kind](self._take(self._read_size(width)))
        return self._read_compound(kind, width, depth + 1)

    def _read_simple(self, constructor: int) -> object:
        if constructor == _EMPTY_LIST:
            return []
        if constructor in _LAYOUTS:
            layout, kind = _LAYOUTS[constructor]
            return kind(layout.unpack(self._take(layout.size))[0])
        if constructor in _CONSTANTS:
            return _CONSTANTS[constructor]
        raise DecodeError(f"0x{constructor:02x} is no type that is known here")

    def _read_compound(self, kind: int, width: int, depth: int) -> object:
        if kind not in (_LIST, _MAP, _ARRAY):
            raise DecodeError(f"0x{kind:02x} is no type that is known here")
        size = self._read_size(width)
        end = self.at + size
        count = self._read_size(width)
        # Also refused by this: four billion nulls, which an array could claim in nine bytes.
        if end > len(self._data) or count > size:
            raise DecodeError("a list, map or array claims more than it has")
        if kind == _ARRAY:
            constructor = self._read_size(1)
            items = [self._read_body(constructor, depth) for _ in range(count)]
        else:
            items = [self.read(depth) for _ in range(count)]
        if self.at != end:
            raise DecodeError("the size of a list, map or array is wrong")
        if kind == _MAP:
            return dict(zip(items[::2], items[1::2], strict=True))
        return Array(tuple(items)) if kind == _ARRAY else items


def _sized(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _counted(count: int, data: bytes) -> bytes:
    return _sized(struct.pack(">I", count) + data)


def _map(value: dict[object, object]) -> bytes:
    return _counted(2 * len(value), b"".join(encode(part) for pair in value.items() for part in pair))


def _array(value: Array) -> bytes:
    # An empty array still names a type; null is the one that promises nothing.
    constructor, write = _WRITERS[type(value.items[0] if value.items else None)]
    return _counted(len(value.items), bytes((constructor,)) + b"".join(write(item) for item in value.items))


def _described(value: Described) -> bytes:
    # The SDK looks for a performative's code in the third byte, so the descriptor is the short form of a ulong.
    return b"\x53" + bytes((value.descriptor,)) + encode(value.value)


_WRITERS: dict[Any, tuple[int, Callable[[Any], bytes]]] = {
    **{kind: (constructor, struct.Struct(layout).pack) for constructor, layout, kind in _WRITTEN},
    type(None): (0x40, lambda _: b""),
    bytes: (0xB0, _sized),
    str: (0xB1, lambda value: _sized(value.encode())),
    Symbol: (0xB3, lambda value: _sized(value.encode("ascii"))),
    uuid.UUID: (_UUID, lambda value: value.bytes),
    list: (_LIST, lambda value: _counted(len(value), b"".join(encode(item) for item in value))),
    dict: (_MAP, _map),
    Array: (_ARRAY, _array),
    Described: (_DESCRIBED, _described),
}
