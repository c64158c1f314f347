"""What one connection finds behind its links, and the tokens it has shown for them."""

from collections.abc import Callable
from dataclasses import dataclass

from devstack.amqp.errors import NOT_IMPLEMENTED, AmqpError
from devstack.amqp.nodes import LinkRequest, Sink, Supply
from devstack.faults import Faults
from devstack.servicebus import paths
from devstack.servicebus.deliveries import EntitySink, QueueSupply
from devstack.servicebus.errors import EntityNotFoundError, UnauthorizedError
from devstack.servicebus.management import Managed
from devstack.servicebus.namespaces import Namespace
from devstack.servicebus.operations import Operation, undergo
from devstack.servicebus.requests import Outbox, Outboxes, Request
from devstack.servicebus.responders import ManagementSink, TokenSink
from devstack.servicebus.tokens import Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What all connections share."""

    namespace: Namespace
    verifier: Verifier
    faults: Faults[Operation]
    count_connection: Callable[[], None]


class Client:
    """One connection: the tokens it has shown, and the links that wait for responses."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._granted: set[str] = set()
        self._outboxes = Outboxes()

    async def connected(self) -> None:
        """Meet what is planned for a new connection."""
        await undergo(self._services.faults, [Operation(kind="connect")], lambda: None)

    def opened(self) -> None:
        """Count the connection."""
        self._services.count_connection()

    async def provide_sink(self, request: LinkRequest) -> Sink:
        """Return the node that a client sends to. Raises AmqpError."""
        path = paths.normalize(request.address)
        if path == paths.CBS:
            return TokenSink(self._services.faults, self._find_outbox_for(request), self._grant)
        return await undergo(
            self._services.faults, [Operation(kind="attach", entity=path)], lambda: self._find_sink(request, path)
        )

    async def provide_supply(self, request: LinkRequest) -> Supply:
        """Return the node that a client receives from. Raises AmqpError."""
        path = paths.normalize(request.address)
        if path == paths.CBS:
            return self._outboxes.add(request)
        return await undergo(
            self._services.faults, [Operation(kind="attach", entity=path)], lambda: self._find_supply(request, path)
        )

    def _find_sink(self, request: LinkRequest, path: str) -> Sink:
        self._authorize(path)
        entity, management = _split_management(path)
        if management:
            outbox = self._find_outbox_for(request)
            return ManagementSink(self._services.faults, entity, self._find_managed(entity), outbox)
        return EntitySink(self._services.faults, path, self._services.namespace.find_inlet(path))

    def _find_supply(self, request: LinkRequest, path: str) -> Supply:
        self._authorize(path)
        entity, management = _split_management(path)
        if management:
            self._find_managed(entity)
            return self._outboxes.add(request)
        if request.filters:
            raise AmqpError(NOT_IMPLEMENTED, f"a receiver cannot choose by {', '.join(request.filters)}")
        return QueueSupply(self._services.faults, self._services.namespace.find_queue(path), settled=request.settled)

    def _find_managed(self, path: str) -> Managed:
        namespace = self._services.namespace
        managed = Managed(namespace.inlets.get(path), namespace.queues.get(path))
        if managed.inlet is None and managed.queue is None:
            raise EntityNotFoundError(path)
        return managed

    def _find_outbox_for(self, link: LinkRequest) -> Callable[[Request], Outbox]:
        # Found when a request comes, because the receiving link may be attached after the sending one.
        return lambda request: self._outboxes.find(link, request.properties.reply_to)

    def _grant(self, token: str, audience: str) -> None:
        self._services.verifier.verify(token, audience)
        self._granted.add(paths.normalize(audience))

    def _authorize(self, path: str) -> None:
        if not any(paths.contains(scope, path) for scope in self._granted):
            raise UnauthorizedError(f"no token was shown for {path}")


def _split_management(path: str) -> tuple[str, bool]:
    entity, _, last = path.rpartition("/")
    return (entity, True) if last == paths.MANAGEMENT else (path, False)
