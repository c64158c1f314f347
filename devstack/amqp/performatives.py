"""What two AMQP 1.0 peers say to one another (parts 2.7 and 5.3), and the outcomes of deliveries (part 3.4).

Fields stand in wire order. Those that nothing here looks at (locales, capabilities) are typed `object`.
"""

from dataclasses import dataclass
from typing import ClassVar

from devstack.amqp.composites import Composite
from devstack.amqp.values import Described, Symbol, UByte, UInt, ULong, UShort

Fields = dict[object, object]
"""A map with symbols as keys."""

NO_LIMIT = UInt(0xFFFF_FFFF)
NO_CHANNEL_LIMIT = UShort(0xFFFF)

SETTLED = UByte(1)
MIXED = UByte(2)
"""What a sender does about settling: always, or as it likes."""

FIRST = UByte(0)
"""A receiver that settles without waiting for the sender."""


@dataclass(frozen=True, slots=True)
class Error(Composite):
    """Why something failed.

    All three fields go out even when null: the SDK reads them by position (local-stack 1.5, trap 1).
    """

    CODE: ClassVar[int] = 0x1D

    condition: Symbol
    description: str | None = None
    info: Fields | None = None

    @classmethod
    def shortest(cls) -> int:
        """Answer three."""
        return 3


@dataclass(frozen=True, slots=True)
class Received(Composite):
    """How far a transfer has come. No outcome."""

    CODE: ClassVar[int] = 0x23

    section_number: UInt | None = None
    section_offset: ULong | None = None


@dataclass(frozen=True, slots=True)
class Accepted(Composite):
    """The delivery is done with."""

    CODE: ClassVar[int] = 0x24


@dataclass(frozen=True, slots=True)
class Rejected(Composite):
    """The delivery cannot be processed."""

    CODE: ClassVar[int] = 0x25

    error: Error | None = None


@dataclass(frozen=True, slots=True)
class Released(Composite):
    """The delivery was not processed and is free for others."""

    CODE: ClassVar[int] = 0x26


@dataclass(frozen=True, slots=True)
class Modified(Composite):
    """The delivery was tried, or is not wanted here."""

    CODE: ClassVar[int] = 0x27

    delivery_failed: bool | None = None
    undeliverable_here: bool | None = None
    message_annotations: Fields | None = None


Outcome = Accepted | Rejected | Released | Modified


@dataclass(frozen=True, slots=True)
class Source(Composite):
    """Where messages come from."""

    CODE: ClassVar[int] = 0x28

    address: str | None = None
    durable: UInt | None = None
    expiry_policy: Symbol | None = None
    timeout: UInt | None = None
    dynamic: bool | None = None
    dynamic_node_properties: object = None
    distribution_mode: Symbol | None = None
    filter: Fields | None = None
    default_outcome: object = None
    outcomes: object = None
    capabilities: object = None


@dataclass(frozen=True, slots=True)
class Target(Composite):
    """Where messages go."""

    CODE: ClassVar[int] = 0x29

    address: str | None = None
    durable: UInt | None = None
    expiry_policy: Symbol | None = None
    timeout: UInt | None = None
    dynamic: bool | None = None
    dynamic_node_properties: object = None
    capabilities: object = None


@dataclass(frozen=True, slots=True)
class Open(Composite):
    """The connection begins."""

    CODE: ClassVar[int] = 0x10

    container_id: str
    hostname: str | None = None
    max_frame_size: UInt = NO_LIMIT
    channel_max: UShort = NO_CHANNEL_LIMIT
    idle_timeout: UInt | None = None
    outgoing_locales: object = None
    incoming_locales: object = None
    offered_capabilities: object = None
    desired_capabilities: object = None
    properties: Fields | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin(Composite):
    """A session begins."""

    CODE: ClassVar[int] = 0x11

    remote_channel: UShort | None = None
    next_outgoing_id: UInt
    incoming_window: UInt
    outgoing_window: UInt
    handle_max: UInt = NO_LIMIT
    offered_capabilities: object = None
    desired_capabilities: object = None
    properties: Fields | None = None


@dataclass(frozen=True, slots=True)
class Attach(Composite):
    """A link begins. `role` is True for the end that receives."""

    CODE: ClassVar[int] = 0x12

    name: str
    handle: UInt
    role: bool
    snd_settle_mode: UByte = MIXED
    rcv_settle_mode: UByte = FIRST
    source: Source | Described | None = None
    target: Target | Described | None = None
    unsettled: Fields | None = None
    incomplete_unsettled: bool | None = None
    initial_delivery_count: UInt | None = None
    max_message_size: ULong | None = None
    offered_capabilities: object = None
    desired_capabilities: object = None
    properties: Fields | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow(Composite):
    """Windows of a session and, with a handle, the credit of a link."""

    CODE: ClassVar[int] = 0x13

    next_incoming_id: UInt | None = None
    incoming_window: UInt
    next_outgoing_id: UInt
    outgoing_window: UInt
    handle: UInt | None = None
    delivery_count: UInt | None = None
    link_credit: UInt | None = None
    available: UInt | None = None
    drain: bool = False
    echo: bool = False
    properties: Fields | None = None


@dataclass(frozen=True, slots=True)
class Transfer(Composite):
    """A message, or a part of one. The bytes follow in the same frame."""

    CODE: ClassVar[int] = 0x14

    handle: UInt
    delivery_id: UInt | None = None
    delivery_tag: bytes | None = None
    message_format: UInt | None = None
    settled: bool | None = None
    more: bool = False
    rcv_settle_mode: UByte | None = None
    state: Described | None = None
    resume: bool = False
    aborted: bool = False
    batchable: bool = False


@dataclass(frozen=True, slots=True)
class Disposition(Composite):
    """What became of deliveries. `role` is True from the end that received them."""

    CODE: ClassVar[int] = 0x15

    role: bool
    first: UInt
    last: UInt | None = None
    settled: bool = False
    state: Accepted | Rejected | Released | Modified | Received | Described | None = None
    batchable: bool = False


@dataclass(frozen=True, slots=True)
class Detach(Composite):
    """A link ends."""

    CODE: ClassVar[int] = 0x16

    handle: UInt
    closed: bool = False
    error: Error | None = None


@dataclass(frozen=True, slots=True)
class End(Composite):
    """A session ends."""

    CODE: ClassVar[int] = 0x17

    error: Error | None = None


@dataclass(frozen=True, slots=True)
class Close(Composite):
    """The connection ends."""

    CODE: ClassVar[int] = 0x18

    error: Error | None = None


@dataclass(frozen=True, slots=True)
class SaslMechanisms(Composite):
    """The ways to authenticate that the server offers."""

    CODE: ClassVar[int] = 0x40

    mechanisms: object


@dataclass(frozen=True, slots=True)
class SaslInit(Composite):
    """The way that the client takes."""

    CODE: ClassVar[int] = 0x41

    mechanism: Symbol
    initial_response: bytes | None = None
    hostname: str | None = None


@dataclass(frozen=True, slots=True)
class SaslOutcome(Composite):
    """Whether it led anywhere: 0 yes, 1 no."""

    CODE: ClassVar[int] = 0x44

    code: UByte
    additional_data: bytes | None = None


PERFORMATIVES: tuple[type[Composite], ...] = (
    Open,
    Begin,
    Attach,
    Flow,
    Transfer,
    Disposition,
    Detach,
    End,
    Close,
    SaslMechanisms,
    SaslInit,
    SaslOutcome,
)
