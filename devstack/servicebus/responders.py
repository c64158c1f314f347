"""The nodes that answer requests: $cbs takes tokens, an entity's $management takes operations (local-stack 1.5)."""

from collections.abc import Callable

from devstack.amqp.errors import NOT_IMPLEMENTED, AmqpError
from devstack.amqp.nodes import Delivery
from devstack.amqp.values import Int, Symbol
from devstack.faults import Faults
from devstack.servicebus import paths
from devstack.servicebus.configuration import MAX_MESSAGE_SIZE
from devstack.servicebus.errors import find_status
from devstack.servicebus.management import PREFIX, Managed
from devstack.servicebus.operations import Operation, undergo
from devstack.servicebus.requests import Outbox, Request, read_request

_OK, _ACCEPTED, _NO_CONTENT = 200, 202, 204


class TokenSink:
    """$cbs: where a client shows its tokens. `grant` takes a token and its audience, or raises AmqpError."""

    def __init__(
        self,
        faults: Faults[Operation],
        find_outbox: Callable[[Request], Outbox],
        grant: Callable[[str, str], None],
    ) -> None:
        self.max_message_size = MAX_MESSAGE_SIZE
        self._faults = faults
        self._find_outbox = find_outbox
        self._grant = grant

    async def accept(self, delivery: Delivery) -> None:
        """Check a token and answer with hyphens: `status-code`, `status-description`."""
        request = read_request(delivery.payload)
        outbox = self._find_outbox(request)
        properties: dict[object, object]
        try:
            audience = request.find_text("name")
            operation = Operation(kind="token", entity=paths.normalize(audience))
            await undergo(self._faults, [operation], lambda: self._put_token(request, audience))
            properties = {"status-code": Int(_ACCEPTED), "status-description": "Accepted"}
        except AmqpError as error:
            properties = {"status-code": Int(find_status(error)), "status-description": error.description}
        outbox.respond(request, properties, None)

    def _put_token(self, request: Request, audience: str) -> None:
        if request.find_text("operation") != "put-token":
            raise AmqpError(NOT_IMPLEMENTED, "put-token is all that is served here")
        self._grant(request.body if isinstance(request.body, str) else "", audience)


class ManagementSink:
    """An entity's $management."""

    def __init__(
        self,
        faults: Faults[Operation],
        path: str,
        entity: Managed,
        find_outbox: Callable[[Request], Outbox],
    ) -> None:
        self.max_message_size = 4 * MAX_MESSAGE_SIZE  # Several messages to schedule come in one request.
        self._faults = faults
        self._path = path
        self._entity = entity
        self._find_outbox = find_outbox

    async def accept(self, delivery: Delivery) -> None:
        """Perform an operation and answer in camel case: `statusCode`, `statusDescription`, `errorCondition`."""
        request = read_request(delivery.payload)
        outbox = self._find_outbox(request)
        properties: dict[object, object]
        body: dict[object, object] = {}
        try:
            name = request.find_text("operation").removeprefix(PREFIX)
            operation = Operation(kind="manage", entity=self._path, action=name)
            perform = self._entity.perform
            body = await undergo(self._faults, [operation], lambda: perform(name, request.body))
            status = _NO_CONTENT if name == "peek-message" and not body else _OK
            properties = {"statusCode": Int(status), "statusDescription": "OK"}
        except AmqpError as error:
            properties = {
                "statusCode": Int(find_status(error)),
                "statusDescription": error.description,
                "errorCondition": Symbol(error.condition),
            }
        outbox.respond(request, properties, body or None)
