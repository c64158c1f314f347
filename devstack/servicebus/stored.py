"""A message in a queue: a value that is replaced, never changed. What tests look at, and what is delivered."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from devstack.amqp.messages import Header
from devstack.amqp.values import Int, Long, Symbol, Timestamp, UInt
from devstack.servicebus import messages
from devstack.servicebus.messages import Message


@dataclass(frozen=True, slots=True)
class Lock:
    """Who may settle a message, and until when in Unix seconds."""

    token: uuid.UUID
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message and its place. Times are Unix seconds.

    `sequence_number` counts in the queue or subscription that holds it, `enqueue_sequence_number` is the number it
    had before (in the topic, or in the queue that gave it up). A `duplicate` was accepted and dropped: it has no
    number. `pending` means that it waits for `scheduled_for`.
    """

    message: Message
    sequence_number: int = 0
    enqueue_sequence_number: int = 0
    enqueued_at: float
    scheduled_for: float | None = None
    expires_at: float | None = None
    delivery_count: int = 0
    lock: Lock | None = None
    duplicate: bool = False
    pending: bool = False
    dead_letter_source: str = ""

    @property
    def body(self) -> bytes:
        """The bytes of the data sections."""
        return self.message.body

    @property
    def application_properties(self) -> Mapping[str, object]:
        """The application properties."""
        return self.message.application_properties

    @property
    def message_id(self) -> str:
        """The id that duplicates are found by."""
        return self.message.message_id

    @property
    def session_id(self) -> str | None:
        """The session id; it is carried, sessions are not served."""
        return self.message.properties.group_id

    @property
    def subject(self) -> str | None:
        """The subject, also called label."""
        return self.message.properties.subject

    @property
    def correlation_id(self) -> str | None:
        """The correlation id."""
        return self.message.correlation_id

    @property
    def content_type(self) -> str | None:
        """The content type of the body."""
        return self.message.properties.content_type

    @property
    def locked(self) -> bool:
        """Whether a receiver holds it."""
        return self.lock is not None

    @property
    def dead_letter_reason(self) -> str | None:
        """Why it is a dead letter."""
        return _text(self.application_properties.get(messages.DEAD_LETTER_REASON))

    @property
    def dead_letter_description(self) -> str | None:
        """Why it is a dead letter, at length."""
        return _text(self.application_properties.get(messages.DEAD_LETTER_DESCRIPTION))

    def encode(self) -> bytes:
        """Return the message as a receiver gets it (local-stack 1.5)."""
        sent = self.message.header
        header = Header(
            durable=sent.durable,
            priority=sent.priority,
            ttl=sent.ttl,
            first_acquirer=self.delivery_count == 0,
            delivery_count=UInt(self.delivery_count),
        )
        return messages.encode(self.message, header, self._annotations())

    def _annotations(self) -> dict[object, object]:
        annotations: dict[object, object] = {
            Symbol("x-opt-sequence-number"): Long(self.sequence_number),
            Symbol("x-opt-enqueued-time"): Timestamp.from_seconds(self.enqueued_at),
            Symbol("x-opt-enqueue-sequence-number"): Long(self.enqueue_sequence_number),
            Symbol("x-opt-message-state"): Int(2 if self.pending else 0),
        }
        if self.lock:
            annotations[Symbol("x-opt-locked-until")] = Timestamp.from_seconds(self.lock.until)
        if self.dead_letter_source:
            annotations[Symbol("x-opt-deadletter-source")] = self.dead_letter_source
        return annotations


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
