"""What one connection finds behind its links, and the tokens it has shown for them."""

import functools
from collections.abc import Callable

from devstack.amqp.errors import NOT_ALLOWED, NOT_IMPLEMENTED, UNAUTHORIZED, AmqpError
from devstack.amqp.nodes import LinkRequest, Sink, Supply
from devstack.faults import Faults
from devstack.servicebus import deliveries, management, paths
from devstack.servicebus.namespaces import Namespace
from devstack.servicebus.operations import Operation, undergo
from devstack.servicebus.queues import MessageQueue
from devstack.servicebus.requests import ACCEPTED, NO_CONTENT, OK, Outbox, Request, respond
from devstack.servicebus.tokens import Verifier

_PATIENCE = 60.0
"""Seconds that a receiver waits for a session where it does not say."""


class Client:
    """One connection: the tokens it has shown, and the links that wait for responses."""

    def __init__(
        self, *, namespace: Namespace, verifier: Verifier, faults: Faults[Operation], count: Callable[[], None]
    ) -> None:
        self._namespace = namespace
        self._verifier = verifier
        self._faults = faults
        self._count = count
        self._granted: set[str] = set()
        # The newest receiving link by session and node: the SDK names no reply address for $cbs.
        self._outboxes: dict[tuple[object, str], Outbox] = {}

    async def opened(self) -> None:
        """Count the connection, and meet what is planned for it."""
        await undergo(self._faults, [Operation(kind="connect")], self._count)

    async def provide_sink(self, request: LinkRequest) -> Sink:
        """Return the node that a client sends to. Raises AmqpError."""
        path = paths.normalize(request.address)
        # The receiving link may be attached after this one, so it is looked for when a request comes.
        answer = functools.partial(respond, find_outbox=lambda: self._outboxes.get((request.session, path)))
        if path == paths.CBS:
            return functools.partial(answer, perform=self._put_token, hyphens=True)
        await self._admit(path)
        if path.endswith(paths.MANAGEMENT):
            manage = functools.partial(self._manage, path.removesuffix(paths.MANAGEMENT))
            return functools.partial(answer, perform=manage, hyphens=False)
        return functools.partial(deliveries.send, self._faults, path, self._namespace.find_inlet(path))

    async def provide_supply(self, request: LinkRequest, wake: Callable[[], None]) -> Supply:
        """Return the node that a client receives from. Raises AmqpError."""
        path = paths.normalize(request.address)
        if path != paths.CBS:
            await self._admit(path)
        if path == paths.CBS or path.endswith(paths.MANAGEMENT):
            outbox = self._outboxes[request.session, path] = Outbox(wake)
            return outbox
        queue = self._namespace.find_queue(path)
        held = await self._hold(queue, request)
        return deliveries.QueueSupply(self._faults, queue, wake, settled=request.settled, held=held)

    async def _hold(self, queue: MessageQueue, request: LinkRequest) -> deliveries.Held | None:
        """Hold the session that a receiver asks for, where it does. Raises AmqpError."""
        strange = request.filters.keys() - {str(deliveries.SESSION_FILTER)}
        if strange:
            raise AmqpError(NOT_IMPLEMENTED, f"a receiver cannot choose by {', '.join(sorted(strange))}")
        if bool(request.filters) != queue.requires_session:
            what = "requires sessions" if queue.requires_session else "has no sessions"
            raise AmqpError(NOT_ALLOWED, f"{queue.path} {what}")
        if not request.filters:
            return None
        wanted = request.filters[str(deliveries.SESSION_FILTER)]
        given = request.properties.get(deliveries.TIMEOUT)
        patience = given / 1000 if isinstance(given, int) else _PATIENCE
        return await deliveries.accept(queue, wanted if isinstance(wanted, str) else None, patience=patience)

    async def _admit(self, path: str) -> None:
        """Meet what is planned for a link, and look for a token. Raises AmqpError."""
        await undergo(self._faults, [Operation(kind="attach", entity=path)], lambda: None)
        if not any(paths.contains(scope, path) for scope in self._granted):
            raise AmqpError(UNAUTHORIZED, f"no token was shown for {path}")

    async def _put_token(self, request: Request) -> tuple[int, object]:
        audience = request.find_text("name")
        if request.find_text("operation") != "put-token":
            raise AmqpError(NOT_IMPLEMENTED, "put-token is all that is served here")
        token = request.body if isinstance(request.body, str) else ""
        operation = Operation(kind="token", entity=paths.normalize(audience))
        await undergo(self._faults, [operation], lambda: self._grant(token, audience))
        return ACCEPTED, None

    def _grant(self, token: str, audience: str) -> None:
        self._verifier.verify(token, audience)
        self._granted.add(paths.normalize(audience))

    async def _manage(self, path: str, request: Request) -> tuple[int, object]:
        name = request.find_text("operation").removeprefix(management.PREFIX)
        body = await undergo(
            self._faults,
            [Operation(kind="manage", entity=path, action=name)],
            lambda: management.perform(self._namespace, path, name, request.body),
        )
        return NO_CONTENT if name == "peek-message" and not body else OK, body or None
