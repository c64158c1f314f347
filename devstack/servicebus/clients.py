"""What one connection finds behind its links, and the tokens it has shown for them."""

import functools
from collections.abc import Callable

from devstack.amqp.errors import NOT_IMPLEMENTED, UNAUTHORIZED, AmqpError
from devstack.amqp.nodes import LinkRequest, Sink, Supply
from devstack.faults import Faults
from devstack.servicebus import management, paths
from devstack.servicebus.deliveries import EntitySink, QueueSupply
from devstack.servicebus.namespaces import Namespace
from devstack.servicebus.operations import Operation, undergo
from devstack.servicebus.requests import ACCEPTED, NO_CONTENT, OK, Outbox, Request, Responder, Response
from devstack.servicebus.tokens import Verifier


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
        find_outbox = functools.partial(self._outboxes.get, (request.session, path))
        if path == paths.CBS:
            return Responder(find_outbox, self._put_token, hyphens=True)
        await self._admit(path)
        if path.endswith(paths.MANAGEMENT):
            return Responder(find_outbox, functools.partial(self._manage, path.removesuffix(paths.MANAGEMENT)))
        return EntitySink(self._faults, path, self._namespace.find_inlet(path))

    async def provide_supply(self, request: LinkRequest) -> Supply:
        """Return the node that a client receives from. Raises AmqpError."""
        path = paths.normalize(request.address)
        if path != paths.CBS:
            await self._admit(path)
        if path == paths.CBS or path.endswith(paths.MANAGEMENT):
            outbox = self._outboxes[request.session, path] = Outbox()
            return outbox
        if request.filters:
            raise AmqpError(NOT_IMPLEMENTED, f"a receiver cannot choose by {', '.join(request.filters)}")
        return QueueSupply(self._faults, self._namespace.find_queue(path), settled=request.settled)

    async def _admit(self, path: str) -> None:
        """Meet what is planned for a link, and look for a token. Raises AmqpError."""
        await undergo(self._faults, [Operation(kind="attach", entity=path)], lambda: None)
        if not any(paths.contains(scope, path) for scope in self._granted):
            raise AmqpError(UNAUTHORIZED, f"no token was shown for {path}")

    async def _put_token(self, request: Request) -> Response:
        audience = request.find_text("name")
        if request.find_text("operation") != "put-token":
            raise AmqpError(NOT_IMPLEMENTED, "put-token is all that is served here")
        token = request.body if isinstance(request.body, str) else ""
        operation = Operation(kind="token", entity=paths.normalize(audience))
        await undergo(self._faults, [operation], lambda: self._grant(token, audience))
        return Response(ACCEPTED)

    def _grant(self, token: str, audience: str) -> None:
        self._verifier.verify(token, audience)
        self._granted.add(paths.normalize(audience))

    async def _manage(self, path: str, request: Request) -> Response:
        name = request.find_text("operation").removeprefix(management.PREFIX)
        body = await undergo(
            self._faults,
            [Operation(kind="manage", entity=path, action=name)],
            lambda: management.perform(self._namespace, path, name, request.body),
        )
        return Response(OK, body) if body else Response(NO_CONTENT if name == "peek-message" else OK)
