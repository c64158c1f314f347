"""The sections of an AMQP 1.0 message (part 3.2): taken apart without losing a byte, and written.

A section keeps its encoding beside its value, because a broker hands on the sections it does not own as they came.
"""

import uuid
from dataclasses import dataclass

from devstack.amqp.codec import Described, UByte, UInt, ULong, decode, encode
from devstack.amqp.errors import DecodeError
from devstack.amqp.performatives import Composite

MESSAGE_ANNOTATIONS = 0x72
APPLICATION_PROPERTIES = 0x74
DATA = 0x75
VALUE = 0x77

_TYPES: dict[object, type] = {
    0x70: list,  # header
    0x71: dict,  # delivery annotations
    MESSAGE_ANNOTATIONS: dict,
    0x73: list,  # properties
    APPLICATION_PROPERTIES: dict,
    DATA: bytes,
    0x76: list,  # sequence
    VALUE: object,
    0x78: dict,  # footer
}


@dataclass(frozen=True, slots=True)
class Header(Composite):
    """What the transport may know: among it the time to live in milliseconds and the failed deliveries so far."""

    CODE = 0x70

    durable: bool | None = None
    priority: UByte | None = None
    ttl: UInt | None = None
    first_acquirer: bool | None = None
    delivery_count: UInt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties(Composite):
    """The immutable properties, as far as anybody here looks at them."""

    CODE = 0x73

    message_id: str | uuid.UUID | ULong | bytes | None = None
    user_id: object = None
    to: object = None
    subject: str | None = None
    reply_to: object = None
    correlation_id: str | uuid.UUID | ULong | bytes | None = None
    content_type: str | None = None
    content_encoding: object = None
    absolute_expiry_time: object = None
    creation_time: object = None
    group_id: str | None = None


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
        value, end = decode(payload, at)
        if not (isinstance(value, Described) and isinstance(value.descriptor, ULong)):
            raise DecodeError("something else than a section in a message")
        if not isinstance(value.value, _TYPES.get(value.descriptor, ())):
            raise DecodeError(f"0x{value.descriptor:02x} is no section of a message, or has another type")
        sections.append(Section(int(value.descriptor), value.value, payload[at:end]))
        at = end
    codes = [section.code for section in sections]
    if codes != sorted(codes) or not any(DATA <= code <= VALUE for code in codes):
        raise DecodeError("the sections of a message are out of order, or it has no body")
    return sections


def encode_section(code: int, value: object) -> bytes:
    """Return the encoding of a section that is not a composite."""
    return encode(Described(code, value))
