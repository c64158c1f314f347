"""A message: what the broker needs to know of it, its place in a queue, and the rest as the bytes that came.

Properties, application properties, body and footer go out byte for byte as they came in, with two exceptions
(local-stack 1.5): a message without an id gets one, and a dead letter carries its reason.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from devstack.amqp.codec import Int, Long, Symbol, Timestamp, UInt
from devstack.amqp.messages import (
    APPLICATION_PROPERTIES,
    DATA,
    MESSAGE_ANNOTATIONS,
    Header,
    Properties,
    encode_section,
    split,
)

BATCH = 0x8001_3700
"""The message-format of a transfer whose data sections are messages."""

SCHEDULED_ENQUEUE_TIME = "x-opt-scheduled-enqueue-time"

DEAD_LETTER_REASON = "DeadLetterReason"
DEAD_LETTER_DESCRIPTION = "DeadLetterErrorDescription"


@dataclass(frozen=True, slots=True)
class Lock:
    """Who may settle a message, and until when in Unix seconds."""

    token: uuid.UUID
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message and its place: a value that is replaced, never changed. Times are Unix seconds.

    As it came: `body` are the bytes of the data sections, `encoded` the sections that are handed on, by code.

    Its place: `sequence_number` counts in the queue or subscription that holds it, `enqueue_sequence_number` is the
    number it had before (in the topic, or in the queue that gave it up). A `duplicate` was accepted and dropped: it
    has no number.
    """

    header: Header
    annotations: Mapping[object, object]
    properties: Properties
    application_properties: Mapping[str, object]
    body: bytes
    encoded: Mapping[int, bytes]

    sequence_number: int = 0
    enqueue_sequence_number: int = 0
    enqueued_at: float = 0.0
    expires_at: float | None = None
    delivery_count: int = 0
    lock: Lock | None = None
    duplicate: bool = False
    dead_letter_source: str = ""

    @property
    def message_id(self) -> str:
        """The id that duplicates are found by; every message has one."""
        return str(self.properties.message_id)

    @property
    def session_id(self) -> str | None:
        """The session id, if any."""
        return self.properties.group_id

    @property
    def subject(self) -> str | None:
        """The subject, also called label."""
        return self.properties.subject

    @property
    def correlation_id(self) -> str | None:
        """The correlation id as a text."""
        found = self.properties.correlation_id
        return None if found is None else str(found)

    @property
    def content_type(self) -> str | None:
        """The content type of the body."""
        return self.properties.content_type

    @property
    def ttl(self) -> float | None:
        """How long it wants to live, in seconds."""
        return None if self.header.ttl is None else self.header.ttl / 1000

    @property
    def scheduled_for(self) -> float | None:
        """When it wants to be enqueued."""
        when = self.annotations.get(SCHEDULED_ENQUEUE_TIME)
        return when / 1000 if isinstance(when, Timestamp) else None

    @property
    def pending(self) -> bool:
        """Whether it waits for its time."""
        return self.scheduled_for is not None and self.scheduled_for > self.enqueued_at

    @property
    def locked(self) -> bool:
        """Whether a receiver holds it."""
        return self.lock is not None

    @property
    def dead_letter_reason(self) -> object:
        """Why it is a dead letter."""
        return self.application_properties.get(DEAD_LETTER_REASON)

    @property
    def dead_letter_description(self) -> object:
        """Why it is a dead letter, at length."""
        return self.application_properties.get(DEAD_LETTER_DESCRIPTION)

    def with_dead_letter(self, reason: object, description: object) -> "StoredMessage":
        """Return the message with the reasons, where there are some, among its application properties."""
        reasons = {DEAD_LETTER_REASON: reason, DEAD_LETTER_DESCRIPTION: description}
        properties = {**self.application_properties, **{name: str(text) for name, text in reasons.items() if text}}
        section = encode_section(APPLICATION_PROPERTIES, properties)
        return replace(
            self, application_properties=properties, encoded={**self.encoded, APPLICATION_PROPERTIES: section}
        )

    def encode(self) -> bytes:
        """Return the message as a receiver gets it (local-stack 1.5)."""
        header = replace(self.header, first_acquirer=self.delivery_count == 0, delivery_count=UInt(self.delivery_count))
        annotations = {
            **self.annotations,
            Symbol("x-opt-sequence-number"): Long(self.sequence_number),
            Symbol("x-opt-enqueued-time"): Timestamp.from_seconds(self.enqueued_at),
            Symbol("x-opt-enqueue-sequence-number"): Long(self.enqueue_sequence_number),
            Symbol("x-opt-message-state"): Int(2 if self.pending else 0),
        }
        if self.lock:
            annotations[Symbol("x-opt-locked-until")] = Timestamp.from_seconds(self.lock.until)
        if self.dead_letter_source:
            annotations[Symbol("x-opt-deadletter-source")] = self.dead_letter_source
        parts = [header.encode(), encode_section(MESSAGE_ANNOTATIONS, annotations)]
        return b"".join([*parts, *(self.encoded[code] for code in sorted(self.encoded))])


def read(payload: bytes) -> StoredMessage:
    """Read one message, without a place so far. Raises DecodeError."""
    sections = split(payload)
    # Typed by `split`: maps and lists where the specification wants them.
    values: dict[int, Any] = {section.code: section.value for section in sections}
    encoded: dict[int, bytes] = {}
    for section in sections:
        if section.code >= Properties.CODE:
            encoded[section.code] = encoded.get(section.code, b"") + section.encoded
    properties = values.get(Properties.CODE, [None])
    if not properties or properties[0] is None:
        # The JS SDK fails on a message without an id (local-stack 1.5).
        properties = [uuid.uuid4().hex, *properties[1:]]
        encoded[Properties.CODE] = encode_section(Properties.CODE, properties)
    application_properties = values.get(APPLICATION_PROPERTIES, {})
    return StoredMessage(
        header=Header.read(values.get(Header.CODE, [])),
        annotations=values.get(MESSAGE_ANNOTATIONS, {}),
        properties=Properties.read(properties),
        application_properties={str(name): value for name, value in application_properties.items()},
        body=b"".join(section.value for section in sections if isinstance(section.value, bytes)),
        encoded=encoded,
    )


def read_batch(payload: bytes) -> list[StoredMessage]:
    """Read the messages of a batch. Its own properties repeat the first message's and are not looked at."""
    inner = [section.value for section in split(payload) if section.code == DATA]
    return [read(item) for item in inner if isinstance(item, bytes)]
