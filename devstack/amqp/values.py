"""AMQP's own types, where Python's do not say enough (AMQP 1.0 part 1).

Decoding gives these and encoding takes them, so a value that came in as a uint goes out as a uint. They compare
and hash as the int, float or str they are. `None`, `bool`, `str`, `bytes`, `uuid.UUID`, `float` (a double), `dict`
(a map) and `list` stand for themselves. A plain `int` cannot be encoded: there are nine kinds to choose from.
"""

from dataclasses import dataclass


class Symbol(str):
    """A name out of a constrained domain, ASCII."""

    __slots__ = ()


class Char(str):
    """One Unicode character."""

    __slots__ = ()


class UByte(int):
    """0 to 2**8 - 1."""

    __slots__ = ()


class UShort(int):
    """0 to 2**16 - 1."""

    __slots__ = ()


class UInt(int):
    """0 to 2**32 - 1."""

    __slots__ = ()


class ULong(int):
    """0 to 2**64 - 1."""

    __slots__ = ()


class Byte(int):
    """-2**7 to 2**7 - 1."""

    __slots__ = ()


class Short(int):
    """-2**15 to 2**15 - 1."""

    __slots__ = ()


class Int(int):
    """-2**31 to 2**31 - 1."""

    __slots__ = ()


class Long(int):
    """-2**63 to 2**63 - 1."""

    __slots__ = ()


class Timestamp(int):
    """Milliseconds since 1970-01-01 UTC."""

    __slots__ = ()

    @classmethod
    def from_seconds(cls, seconds: float) -> "Timestamp":
        """Return the timestamp of a time in Unix seconds."""
        return cls(round(seconds * 1000))


class Float(float):
    """A 32-bit number."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Decimal:
    """A decimal32, 64 or 128 as its constructor and bytes: carried, never calculated with."""

    constructor: int
    encoded: bytes


@dataclass(frozen=True, slots=True)
class Described:
    """A value with a descriptor that says what it means: a number (`ULong`) or a name (`Symbol`)."""

    descriptor: object
    value: object


@dataclass(frozen=True, slots=True)
class Array:
    """Values of one type, encoded with one constructor. Only types with a constructor of fixed width are encoded."""

    items: tuple[object, ...]
