"""Lists with a descriptor and named fields (AMQP 1.0 part 1.4): the shape of every performative, outcome and section.

A subclass is a frozen dataclass whose fields stand in wire order. Their annotations are the schema: a field that
arrives as another type raises `DecodeError`, one that is missing or null takes its default.
"""

import dataclasses
import types
import typing
from typing import ClassVar, Self

from devstack.amqp import decoding, encoding
from devstack.amqp.errors import DecodeError
from devstack.amqp.values import Described


class Composite:
    """A list with a descriptor and named fields."""

    __slots__ = ()

    CODE: ClassVar[int]

    @classmethod
    def read(cls, fields: object) -> Self:
        """Build the composite from a decoded list. Raises DecodeError."""
        if not isinstance(fields, list):
            raise DecodeError(f"{cls.__name__} is no list")
        schema = _schema(cls)
        if len(fields) > len(schema):
            raise DecodeError(f"{cls.__name__} has {len(fields)} fields, {len(schema)} are known")
        values = {}
        for (name, kinds), value in zip(schema.items(), fields, strict=False):
            if value is not None:
                values[name] = _checked(cls, name, kinds, value)
        try:
            return cls(**values)
        except TypeError as error:
            raise DecodeError(f"{cls.__name__} lacks a mandatory field") from error

    def encode(self) -> bytes:
        """Return the encoding. Fields at the end that are None are left out, as AMQP allows."""
        values = [getattr(self, name) for name in _schema(type(self))]
        while values and values[-1] is None and len(values) > self.shortest():
            values.pop()
        return encoding.encode_described(self.CODE, encode_fields(values))

    @classmethod
    def shortest(cls) -> int:
        """Answer how many fields are written even when they are None."""
        return 0


def encode_fields(values: list[object]) -> bytes:
    """Return the encoding of a list in which composites may stand."""
    encoded = [value.encode() if isinstance(value, Composite) else encoding.encode(value) for value in values]
    return encoding.encode_encoded_list(encoded)


def read_described(value: Described, kinds: tuple[type[Composite], ...]) -> Composite | None:
    """Build the one composite of these whose code is the descriptor, or None. Raises DecodeError for wrong fields."""
    for kind in kinds:
        if value.descriptor == kind.CODE:
            return kind.read(value.value)
    return None


def decode_composite(data: bytes, kinds: tuple[type[Composite], ...]) -> tuple[Composite, int]:
    """Read one composite of these kinds from the start, and the position after it. Raises DecodeError."""
    value, end = decoding.decode(data)
    found = read_described(value, kinds) if isinstance(value, Described) else None
    if found is None:
        raise DecodeError("something else than the performatives that are known here")
    return found, end


_schemas: dict[type[Composite], dict[str, tuple[type, ...]]] = {}


def _schema(cls: type[Composite]) -> dict[str, tuple[type, ...]]:
    """Return the types that each field may have, in wire order. Resolved once for each class: it takes a while."""
    if cls not in _schemas:
        hints = typing.get_type_hints(cls)
        names = [field.name for field in dataclasses.fields(typing.cast("typing.Any", cls))]
        _schemas[cls] = {name: _kinds(hints[name]) for name in names}
    return _schemas[cls]


def _kinds(hint: object) -> tuple[type, ...]:
    if isinstance(hint, types.UnionType):
        return tuple(kind for part in typing.get_args(hint) for kind in _kinds(part))
    origin = typing.get_origin(hint) or hint
    if not isinstance(origin, type):
        raise TypeError(f"{hint} cannot be checked")
    return (origin,)


def _checked(cls: type[Composite], name: str, kinds: tuple[type, ...], value: object) -> object:
    if isinstance(value, Described):
        composites = tuple(kind for kind in kinds if issubclass(kind, Composite))
        found = read_described(value, composites)
        if found is not None:
            return found
    # A symbol where a string belongs, or a string for a symbol, is no matter of taste: the types differ on the wire.
    if not (type(value) in kinds or object in kinds):
        raise DecodeError(f"{name} of {cls.__name__} is a {type(value).__name__}")
    return value
