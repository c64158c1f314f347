"""Requests and responses over a pair of links: what $cbs and $management have in common."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from devstack.amqp.errors import NOT_ALLOWED, AmqpError, DecodeError
from devstack.amqp.messages import APPLICATION_PROPERTIES, VALUE, Properties, encode_message, split
from devstack.amqp.nodes import Delivery, LinkRequest
from devstack.amqp.performatives import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it was sent."""

    properties: Properties
    application_properties: Mapping[object, object]
    body: object

    def find_text(self, name: str) -> str:
        """Return an application property that is a text. Raises DecodeError."""
        value = self.application_properties.get(name)
        if not isinstance(value, str):
            raise DecodeError(f"the request lacks the application property {name}")
        return str(value)


def read_request(payload: bytes) -> Request:
    """Read a request. Raises DecodeError."""
    sections = {section.code: section.value for section in split(payload)}
    application_properties = sections.get(APPLICATION_PROPERTIES)
    return Request(
        properties=Properties.read(sections.get(Properties.CODE, [])),
        application_properties=application_properties if isinstance(application_properties, dict) else {},
        body=sections.get(VALUE),
    )


class Outbox:
    """Responses that wait for the link they go out on."""

    def __init__(self) -> None:
        self.closed = False
        self._waiting: deque[bytes] = deque()
        self._wake: Callable[[], None] | None = None

    def respond(self, request: Request, properties: dict[object, object], body: object) -> None:
        """Answer a request."""
        correlated = Properties(correlation_id=request.properties.message_id)
        self._waiting.append(encode_message(properties=correlated, application_properties=properties, value=body))
        if self._wake:
            self._wake()

    async def take(self) -> Delivery | None:
        """Return the next response."""
        return Delivery(payload=self._waiting.popleft(), settled=True) if self._waiting else None

    async def settle(self, tag: bytes, outcome: Outcome) -> None:
        """Refuse: responses go out settled."""
        raise AmqpError(NOT_ALLOWED, f"{tag.hex()} is settled, {type(outcome).__name__} comes too late")

    def attached(self, wake: Callable[[], None]) -> None:
        """Remember whom to call when there is a response."""
        self._wake = wake

    def detached(self) -> None:
        """Call nobody, and be found no longer."""
        self._wake = None
        self.closed = True


class Outboxes:
    """The receiving links of one connection that wait for responses."""

    def __init__(self) -> None:
        self._entries: list[tuple[LinkRequest, Outbox]] = []

    def add(self, link: LinkRequest) -> Outbox:
        """Return an outbox for a new receiving link."""
        outbox = Outbox()
        self._entries = [entry for entry in self._entries if not entry[1].closed] + [(link, outbox)]
        return outbox

    def find(self, sender: LinkRequest, reply_to: str | None) -> Outbox:
        """Return where the responses go that belong to a sending link.

        The Python SDK names no reply address for $cbs, so the newest link on the same node and session it is, unless
        one has the address that is named. Raises AmqpError while there is none.
        """
        found = [
            (link, outbox)
            for link, outbox in self._entries
            if link.session is sender.session and link.address == sender.address and not outbox.closed
        ]
        if not found:
            raise AmqpError(NOT_ALLOWED, "there is no link to send the response on")
        named = [outbox for link, outbox in found if link.reply_address == reply_to]
        return named[-1] if named else found[-1][1]
