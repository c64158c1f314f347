"""A message as the broker sees it: what it needs to know, and the rest as the bytes that came.

Properties, application properties, body and footer go out byte for byte as they came in, with two exceptions
(local-stack 1.5): a message without an id gets one, and a dead letter carries its reason.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from devstack.amqp.errors import DecodeError
from devstack.amqp.messages import (
    APPLICATION_PROPERTIES,
    DATA,
    FOOTER,
    MESSAGE_ANNOTATIONS,
    SEQUENCE,
    VALUE,
    Header,
    Properties,
    Section,
    encode_section,
    split,
)
from devstack.amqp.values import Timestamp

BATCH = 0x8001_3700
"""The message-format of a transfer whose data sections are messages."""

SCHEDULED_ENQUEUE_TIME = "x-opt-scheduled-enqueue-time"

DEAD_LETTER_REASON = "DeadLetterReason"
DEAD_LETTER_DESCRIPTION = "DeadLetterErrorDescription"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message that was sent. `size` is its length in bytes as it came."""

    header: Header
    annotations: Mapping[object, object]
    properties: Properties
    application_properties: Mapping[str, object]
    body: bytes
    size: int
    encoded_properties: bytes
    encoded_application_properties: bytes
    encoded_rest: bytes

    @property
    def message_id(self) -> str:
        """The id as a text; every message has one."""
        return _text(self.properties.message_id) or ""

    @property
    def correlation_id(self) -> str | None:
        """The correlation id as a text."""
        return _text(self.properties.correlation_id)

    @property
    def ttl(self) -> float | None:
        """How long it wants to live, in seconds."""
        return None if self.header.ttl is None else int(self.header.ttl) / 1000

    @property
    def scheduled_for(self) -> float | None:
        """When it wants to be enqueued, in Unix seconds."""
        when = self.annotations.get(SCHEDULED_ENQUEUE_TIME)
        return int(when) / 1000 if isinstance(when, Timestamp) else None

    def with_dead_letter(self, reasons: Mapping[str, str]) -> "Message":
        """Return the message with the reasons among its application properties."""
        properties = {**self.application_properties, **reasons}
        encoded = encode_section(APPLICATION_PROPERTIES, properties) if properties else b""
        return replace(self, application_properties=properties, encoded_application_properties=encoded)


def read(payload: bytes) -> Message:
    """Read one message. Raises DecodeError."""
    sections = split(payload)
    single = {section.code: section for section in sections}
    properties, encoded_properties = _read_properties(single.get(Properties.CODE))
    application_properties = single.get(APPLICATION_PROPERTIES)
    header = single.get(Header.CODE)
    return Message(
        header=Header.read(header.value) if header else Header(),
        annotations=_map(single.get(MESSAGE_ANNOTATIONS)),
        properties=properties,
        application_properties=_texts(_map(application_properties)),
        body=_body(sections),
        size=len(payload),
        encoded_properties=encoded_properties,
        encoded_application_properties=application_properties.encoded if application_properties else b"",
        encoded_rest=b"".join(item.encoded for item in sections if item.code in (DATA, SEQUENCE, VALUE, FOOTER)),
    )


def read_batch(payload: bytes) -> list[Message]:
    """Read the messages of a batch. Its own properties repeat the first message's and are not looked at."""
    inner = [section.value for section in split(payload) if section.code == DATA]
    if not inner:
        raise DecodeError("a batch without messages")
    return [read(item) for item in inner if isinstance(item, bytes)]


def encode(message: Message, header: Header, annotations: Mapping[object, object]) -> bytes:
    """Return the message as it is delivered, with the broker's header and annotations before what came."""
    parts = (
        header.encode(),
        encode_section(MESSAGE_ANNOTATIONS, {**message.annotations, **annotations}),
        message.encoded_properties,
        message.encoded_application_properties,
        message.encoded_rest,
    )
    return b"".join(parts)


def _read_properties(section: Section | None) -> tuple[Properties, bytes]:
    if section is None:
        properties = Properties(message_id=uuid.uuid4().hex)
        return properties, properties.encode()
    properties = Properties.read(section.value)
    if properties.message_id is not None:
        return properties, section.encoded
    # The JS SDK fails on a message without one (local-stack 1.5).
    properties = replace(properties, message_id=uuid.uuid4().hex)
    return properties, properties.encode()


def _body(sections: Iterable[Section]) -> bytes:
    """Return the bytes of the data sections, or the text or bytes of a value. Other bodies stay encoded."""
    parts: list[bytes] = []
    for section in sections:
        if section.code not in (DATA, VALUE, SEQUENCE):
            continue
        match section.value:
            case bytes() as data:
                parts.append(data)
            case str() as text:
                parts.append(text.encode())
            case _:
                parts.append(section.encoded)
    return b"".join(parts)


def _map(section: Section | None) -> dict[object, object]:
    return section.value if section and isinstance(section.value, dict) else {}


def _texts(properties: Mapping[object, object]) -> dict[str, object]:
    if any(not isinstance(name, str) for name in properties):
        raise DecodeError("an application property whose name is no text")
    return {str(name): value for name, value in properties.items()}


def _text(value: object) -> str | None:
    if value is None:
        return None
    return value.hex() if isinstance(value, bytes) else str(value)
