"""What two AMQP 1.0 peers say to one another (parts 2.7, 5.3), and the outcomes of deliveries (part 3.4).

Each is a list with a descriptor whose fields stand in wire order. The annotations are the schema: a field that arrives
as another type raises `DecodeError`, one that is missing or null takes its default, and what follows the fields that
are listed here is not looked at. `object` marks a field that only keeps its place, or is checked where it is read.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from devstack.amqp.codec import Described, Symbol, UByte, UInt, ULong, UShort, encode
from devstack.amqp.errors import AmqpError, DecodeError

NO_LIMIT = UInt(0xFFFF_FFFF)

SETTLED = UByte(1)
MIXED = UByte(2)
"""What a sender does about settling: always, or as it likes."""


class Composite:
    """A list with a descriptor and named fields."""

    __slots__ = ()

    CODE: ClassVar[int]

    @classmethod
    def read(cls, values: object) -> Self:
        """Build the composite from a decoded list. Raises DecodeError."""
        if not isinstance(values, list):
            raise DecodeError(f"{cls.__name__} is no list")
        found: dict[str, Any] = {}
        fields: Any = cls
        for field, value in zip(dataclasses.fields(fields), values, strict=False):
            if value is None:
                continue
            found[field.name] = build(value) if isinstance(value, Described) else value
            expected: Any = field.type
            if not isinstance(found[field.name], expected):
                raise DecodeError(f"{field.name} of {cls.__name__} is a {type(value).__name__}")
        try:
            return cls(**found)
        except TypeError as error:
            raise DecodeError(f"{cls.__name__} lacks a mandatory field") from error

    def describe(self) -> Described:
        """Return the value that is encoded. Fields that are None go out as null, also the last ones."""
        instance: Any = self
        values = [getattr(self, field.name) for field in dataclasses.fields(instance)]
        described = [value.describe() if isinstance(value, Composite) else value for value in values]
        return Described(self.CODE, described)

    def encode(self) -> bytes:
        """Return the encoding."""
        return encode(self.describe())


def build(value: object) -> Composite:
    """Build the composite that a decoded value is. Raises DecodeError."""
    if isinstance(value, Described) and isinstance(value.descriptor, ULong) and value.descriptor in _COMPOSITES:
        return _COMPOSITES[value.descriptor].read(value.value)
    raise DecodeError("something else than what is known here")


@dataclass(frozen=True, slots=True)
class Error(Composite):
    """Why something failed. The SDK reads all three fields by position (local-stack 1.5, trap 1)."""

    CODE = 0x1D

    condition: Symbol
    description: str | None = None
    info: object = None


@dataclass(frozen=True, slots=True)
class Accepted(Composite):
    """The delivery is done with."""

    CODE = 0x24


@dataclass(frozen=True, slots=True)
class Rejected(Composite):
    """The delivery cannot be processed."""

    CODE = 0x25

    error: Error | None = None


@dataclass(frozen=True, slots=True)
class Released(Composite):
    """The delivery was not processed and is free for others."""

    CODE = 0x26


@dataclass(frozen=True, slots=True)
class Modified(Composite):
    """The delivery was tried, or is not wanted here."""

    CODE = 0x27

    delivery_failed: bool | None = None
    undeliverable_here: bool | None = None
    message_annotations: object = None


Outcome = Accepted | Rejected | Released | Modified


@dataclass(frozen=True, slots=True)
class Source(Composite):
    """Where messages come from."""

    CODE = 0x28

    address: str | None = None
    durable: object = None
    expiry_policy: object = None
    timeout: object = None
    dynamic: object = None
    dynamic_node_properties: object = None
    distribution_mode: object = None
    filter: object = None


@dataclass(frozen=True, slots=True)
class Target(Composite):
    """Where messages go."""

    CODE = 0x29

    address: str | None = None


@dataclass(frozen=True, slots=True)
class Open(Composite):
    """The connection begins. `idle_timeout` is in milliseconds."""

    CODE = 0x10

    container_id: str
    hostname: str | None = None
    max_frame_size: UInt = NO_LIMIT
    channel_max: UShort | None = None
    idle_timeout: UInt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin(Composite):
    """A session begins."""

    CODE = 0x11

    remote_channel: UShort | None = None
    next_outgoing_id: UInt
    incoming_window: UInt
    outgoing_window: UInt


@dataclass(frozen=True, slots=True)
class Attach(Composite):
    """A link begins. `role` is True for the end that receives."""

    CODE = 0x12

    name: str
    handle: UInt
    role: bool
    snd_settle_mode: UByte = MIXED
    rcv_settle_mode: UByte | None = None
    source: Source | None = None
    target: Target | None = None
    unsettled: object = None
    incomplete_unsettled: object = None
    initial_delivery_count: UInt | None = None
    max_message_size: ULong | None = None
    offered_capabilities: object = None
    desired_capabilities: object = None
    properties: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow(Composite):
    """Windows of a session and, with a handle, the credit of a link."""

    CODE = 0x13

    next_incoming_id: UInt | None = None
    incoming_window: UInt
    next_outgoing_id: UInt
    outgoing_window: UInt
    handle: UInt | None = None
    delivery_count: UInt | None = None
    link_credit: UInt | None = None
    available: UInt | None = None
    drain: bool = False


@dataclass(frozen=True, slots=True)
class Transfer(Composite):
    """A message, or a part of one. The bytes follow in the same frame."""

    CODE = 0x14

    handle: UInt
    delivery_id: UInt | None = None
    delivery_tag: bytes | None = None
    message_format: UInt | None = None
    settled: bool | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class Disposition(Composite):
    """What became of deliveries. `role` is True from the end that received them."""

    CODE = 0x15

    role: bool
    first: UInt
    last: UInt | None = None
    settled: bool = False
    state: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Detach(Composite):
    """A link ends."""

    CODE = 0x16

    handle: UInt
    closed: bool = False
    error: Error | None = None


@dataclass(frozen=True, slots=True)
class End(Composite):
    """A session ends."""

    CODE = 0x17

    error: Error | None = None


@dataclass(frozen=True, slots=True)
class Close(Composite):
    """The connection ends."""

    CODE = 0x18

    error: Error | None = None


@dataclass(frozen=True, slots=True)
class SaslMechanisms(Composite):
    """The ways to authenticate that the server offers."""

    CODE = 0x40

    mechanisms: object


@dataclass(frozen=True, slots=True)
class SaslInit(Composite):
    """The way that the client takes."""

    CODE = 0x41

    mechanism: Symbol


@dataclass(frozen=True, slots=True)
class SaslOutcome(Composite):
    """Whether it led anywhere: 0 yes."""

    CODE = 0x44

    code: UByte


_COMPOSITES: dict[int, type[Composite]] = {
    kind.CODE: kind
    for kind in (
        *(Error, Accepted, Rejected, Released, Modified, Source, Target),
        *(Open, Begin, Attach, Flow, Transfer, Disposition, Detach, End, Close),
        *(SaslMechanisms, SaslInit, SaslOutcome),
    )
}


def explain(error: AmqpError) -> Error:
    """Return the error as it is sent."""
    return Error(Symbol(error.condition), error.description, {})
