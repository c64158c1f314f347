"""The sections of an AMQP 1.0 message (part 3.2): taken apart without losing a byte, and written.

A section keeps its encoding beside its value, because a broker hands on the sections it does not own as they came.
"""

import uuid
from dataclasses import dataclass
from typing import ClassVar

from devstack.amqp import decoding, encoding
from devstack.amqp.composites import Composite
from devstack.amqp.errors import DecodeError
from devstack.amqp.values import Described, Symbol, Timestamp, UByte, UInt, ULong

DELIVERY_ANNOTATIONS = 0x71
MESSAGE_ANNOTATIONS = 0x72
APPLICATION_PROPERTIES = 0x74
DATA = 0x75
SEQUENCE = 0x76
VALUE = 0x77
FOOTER = 0x78

_MAPS = (DELIVERY_ANNOTATIONS, MESSAGE_ANNOTATIONS, APPLICATION_PROPERTIES, FOOTER)
_BODIES = (DATA, SEQUENCE, VALUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header(Composite):
    """What the transport may know: among it the time to live in milliseconds and the failed deliveries so far."""

    CODE: ClassVar[int] = 0x70

    durable: bool | None = None
    priority: UByte | None = None
    ttl: UInt | None = None
    first_acquirer: bool | None = None
    delivery_count: UInt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties(Composite):
    """The immutable properties that AMQP itself knows."""

    CODE: ClassVar[int] = 0x73

    message_id: str | uuid.UUID | ULong | bytes | None = None
    user_id: bytes | None = None
    to: str | None = None
    subject: str | None = None
    reply_to: str | None = None
    correlation_id: str | uuid.UUID | ULong | bytes | None = None
    content_type: Symbol | str | None = None
    content_encoding: Symbol | str | None = None
    absolute_expiry_time: Timestamp | None = None
    creation_time: Timestamp | None = None
    group_id: str | None = None
    group_sequence: UInt | None = None
    reply_to_group_id: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its code, its value (for a header and properties the decoded list) and the bytes it came as."""

    code: int
    value: object
    encoded: bytes


def split(payload: bytes) -> list[Section]:
    """Take a message apart. Raises DecodeError unless the sections are known, in order and have a body."""
    sections: list[Section] = []
    at = 0
    while at < len(payload):
        value, end = decoding.decode(payload, at)
        sections.append(_section(value, payload[at:end]))
        at = end
    codes = [section.code for section in sections]
    if codes != sorted(codes):
        raise DecodeError("the sections of a message are out of order")
    if len({code for code in codes if code in _BODIES}) != 1:
        raise DecodeError("a message has one kind of body")
    if any(codes.count(code) > 1 for code in (Header.CODE, Properties.CODE, VALUE, *_MAPS)):
        raise DecodeError("a section stands in a message twice")
    return sections


def _section(value: object, encoded: bytes) -> Section:
    if not isinstance(value, Described) or not isinstance(value.descriptor, ULong):
        raise DecodeError("something else than a section in a message")
    code, content = int(value.descriptor), value.value
    expected = (
        isinstance(content, dict)
        if code in _MAPS
        else isinstance(content, bytes)
        if code == DATA
        else isinstance(content, list)
        if code in (Header.CODE, Properties.CODE, SEQUENCE)
        else code == VALUE
    )
    if not expected:
        raise DecodeError(f"0x{code:02x} is no section of a message, or has another type")
    return Section(code, content, encoded)


def encode_section(code: int, value: object) -> bytes:
    """Return the encoding of a section that is not a composite."""
    return encoding.encode_described(code, encoding.encode(value))


def encode_message(
    *, properties: Properties | None = None, application_properties: dict[object, object] | None = None, value: object
) -> bytes:
    """Return a message with a value as its body: the form of requests and responses."""
    parts = (
        properties.encode() if properties else b"",
        encode_section(APPLICATION_PROPERTIES, application_properties) if application_properties else b"",
        encode_section(VALUE, value),
    )
    return b"".join(parts)
