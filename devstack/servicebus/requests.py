"""Requests and responses over a pair of links: what $cbs and $management have in common (local-stack 1.5)."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from devstack.amqp.codec import Int, Symbol
from devstack.amqp.errors import NOT_ALLOWED, NOT_FOUND, NOT_IMPLEMENTED, UNAUTHORIZED, AmqpError, DecodeError
from devstack.amqp.messages import APPLICATION_PROPERTIES, VALUE, Properties, encode_section, split
from devstack.amqp.nodes import Delivery, Terms
from devstack.amqp.performatives import Outcome
from devstack.servicebus.inlets import MESSAGE_NOT_FOUND
from devstack.servicebus.queues import LOCK_LOST
from devstack.servicebus.sessions import SESSION_LOCK_LOST

OK, ACCEPTED, NO_CONTENT = 200, 202, 204

_STATUSES = {
    LOCK_LOST: 410,
    SESSION_LOCK_LOST: 410,
    MESSAGE_NOT_FOUND: 404,
    NOT_FOUND: 404,
    UNAUTHORIZED: 401,
    NOT_IMPLEMENTED: 501,
    "com.microsoft:server-busy": 503,
    "com.microsoft:timeout": 408,
}
_BAD_REQUEST = 400


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it was sent; `properties` are its application properties."""

    properties: dict[object, object]
    body: object

    def find_text(self, name: str) -> str:
        """Return an application property that is a text. Raises DecodeError."""
        value = self.properties.get(name)
        if not isinstance(value, str):
            raise DecodeError(f"the request lacks the application property {name}")
        return str(value)


class Outbox:
    """Responses that wait for the link they go out on."""

    terms = Terms()

    def __init__(self, wake: Callable[[], None]) -> None:
        self._waiting: deque[bytes] = deque()
        self._wake = wake

    def put(self, payload: bytes) -> None:
        """Send a response."""
        self._waiting.append(payload)
        self._wake()

    async def take(self) -> Delivery | None:
        """Return the next response."""
        return Delivery(payload=self._waiting.popleft(), settled=True) if self._waiting else None

    async def settle(self, tag: bytes, outcome: Outcome) -> None:
        """Do nothing: responses go out settled."""

    def detached(self) -> None:
        """Do nothing: what is asked from now on is answered to nobody."""


async def respond(
    delivery: Delivery,
    *,
    perform: Callable[[Request], Awaitable[tuple[int, object]]],
    find_outbox: Callable[[], Outbox | None],
    hyphens: bool,
) -> None:
    """Do what is asked, which returns a status and a body, and answer. Raises AmqpError where nobody can be answered.

    $cbs answers with hyphens (`status-code`), $management in camel case (`statusCode`).
    """
    sections: dict[int, Any] = {section.code: section.value for section in split(delivery.payload)}
    asked = Properties.read(sections.get(Properties.CODE, []))
    request = Request(sections.get(APPLICATION_PROPERTIES, {}), sections.get(VALUE))
    outbox = find_outbox()
    if outbox is None:
        raise AmqpError(NOT_ALLOWED, "there is no link to send the response on")
    properties: dict[object, object] = {}
    body: object = None
    try:
        status, body = await perform(request)
        description = "OK"
    except AmqpError as error:
        status, description = _STATUSES.get(error.condition, _BAD_REQUEST), error.description
        properties["errorCondition"] = Symbol(error.condition)
    properties["status-code" if hyphens else "statusCode"] = Int(status)
    properties["status-description" if hyphens else "statusDescription"] = description
    answer = (encode_section(APPLICATION_PROPERTIES, properties), encode_section(VALUE, body))
    outbox.put(Properties(correlation_id=asked.message_id).encode() + b"".join(answer))
