"""Messages, tokens and entities as the tests want them: everything defaults, one thing differs."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from urllib.parse import quote_plus

from devstack.amqp.codec import Symbol, Timestamp, UInt
from devstack.amqp.messages import APPLICATION_PROPERTIES, DATA, MESSAGE_ANNOTATIONS, Header, Properties, encode_section
from devstack.clock import ManualClock
from devstack.servicebus import Queue, StoredMessage, Topic
from devstack.servicebus.messages import read
from devstack.servicebus.namespaces import Namespace

KEY = "a-key"


def encode_message(
    message_id: str | None = "1",
    *,
    body: bytes = b"body",
    ttl: float | None = None,
    scheduled_for: float | None = None,
    properties: Mapping[str, object] | None = None,
    **own: str,
) -> bytes:
    """Encode a message; `own` are its AMQP properties by AMQP's names (subject, group_id)."""
    annotations = {Symbol("x-opt-scheduled-enqueue-time"): Timestamp.from_seconds(scheduled_for or 0)}
    parts = (
        Header(ttl=UInt(round(ttl * 1000))).encode() if ttl is not None else b"",
        encode_section(MESSAGE_ANNOTATIONS, annotations) if scheduled_for is not None else b"",
        Properties(message_id=message_id, **own).encode(),
        encode_section(APPLICATION_PROPERTIES, dict(properties)) if properties else b"",
        encode_section(DATA, body),
    )
    return b"".join(parts)


def build_message(
    message_id: str | None = "1",
    *,
    body: bytes = b"body",
    ttl: float | None = None,
    scheduled_for: float | None = None,
    properties: Mapping[str, object] | None = None,
    **own: str,
) -> StoredMessage:
    """Build a message as a client would have sent it."""
    payload = encode_message(message_id, body=body, ttl=ttl, scheduled_for=scheduled_for, properties=properties, **own)
    return read(payload)


def sign(
    resource: str = "sb://127.0.0.1:5672/jobs", *, key: str = KEY, name: str = "root", lifetime: float = 60.0
) -> str:
    """Make a shared access signature as the SDK does."""
    encoded, expiry = quote_plus(resource), int(time.time() + lifetime)
    digest = hmac.new(key.encode(), f"{encoded}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = quote_plus(base64.b64encode(digest))
    return f"SharedAccessSignature sr={encoded}&sig={signature}&se={expiry}&skn={name}"


class World:
    """A namespace without a socket, and its clock."""

    def __init__(self, *entities: Queue | Topic) -> None:
        self.clock = ManualClock()
        self.namespace = Namespace(
            topics=[entity for entity in entities if isinstance(entity, Topic)],
            queues=[entity for entity in entities if isinstance(entity, Queue)],
            clock=self.clock,
        )

    def send(self, path: str, *messages: StoredMessage) -> list[int]:
        """Send messages and return their sequence numbers."""
        return self.namespace.find_inlet(path).send(messages)

    def ids(self, path: str) -> list[str]:
        """Return the ids of the messages in a queue or subscription, in order."""
        return [stored.message_id for stored in self.namespace.find_queue(path).messages]
