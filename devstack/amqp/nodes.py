"""What the server behind the engine has to provide: a container with nodes that take and give messages.

Every coroutine may raise `AmqpError` (the peer is refused with its condition) or `ConnectionCutError` (the connection
ends without another byte). The requests of one connection come one after another, in the order of the wire; only
`Supply.take` is called from each link's own task.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from devstack.amqp.performatives import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message on its way. `settled` means that nobody waits for an outcome."""

    payload: bytes
    message_format: int = 0
    tag: bytes = b""
    settled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRequest:
    """A link that the peer asks for.

    `address` is the node: the target of a peer that sends, the source of one that receives. `settled` is a receiving
    peer's wish for deliveries that need no outcome, `filters` what it wants to choose by. Links of one `session` can
    belong together. `properties` are the link's own.
    """

    session: object
    address: str
    settled: bool = False
    filters: Mapping[str, object] = field(default_factory=dict)
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a receiver is told with its link, beside that it is there: which filters are in force, and properties."""

    filters: Mapping[object, object] | None = None
    properties: Mapping[object, object] | None = None


Sink = Callable[[Delivery], Awaitable[None]]
"""A node that takes messages. Returning accepts a message, raising AmqpError rejects it."""


class Supply(Protocol):
    """A node that gives messages to one receiver."""

    @property
    def terms(self) -> Terms:
        """What the receiver is told with its link."""

    async def take(self) -> Delivery | None:
        """Return the next message, or None while there is none."""

    async def settle(self, tag: bytes, outcome: Outcome) -> None:
        """Do what the outcome says. Returning confirms it, raising AmqpError rejects it."""

    def detached(self) -> None:
        """Forget the receiver. What it holds stays locked."""


class Container(Protocol):
    """The server as one connection sees it."""

    async def opened(self) -> None:
        """Hear that the connection is open."""

    async def provide_sink(self, request: LinkRequest) -> Sink:
        """Return the node that a peer may send to."""

    async def provide_supply(self, request: LinkRequest, wake: Callable[[], None]) -> Supply:
        """Return the node that a peer may receive from, which calls `wake` when there may be something to take.

        Where the peer chooses by filters this may take its time: other links go on meanwhile.
        """
