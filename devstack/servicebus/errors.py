"""Refusals in Service Bus's own words. Conditions: local-stack 1.5; the wording is ours."""

from devstack.amqp.errors import NOT_FOUND, NOT_IMPLEMENTED, TOO_LARGE, UNAUTHORIZED, AmqpError

LOCK_LOST = "com.microsoft:message-lock-lost"
MESSAGE_NOT_FOUND = "com.microsoft:message-not-found"

_STATUSES = {
    LOCK_LOST: 410,
    MESSAGE_NOT_FOUND: 404,
    NOT_FOUND: 404,
    UNAUTHORIZED: 401,
    NOT_IMPLEMENTED: 501,
    TOO_LARGE: 413,
    "com.microsoft:server-busy": 503,
    "com.microsoft:timeout": 408,
}
_BAD_REQUEST = 400


class NotServedError(ValueError):
    """A configuration that asks for something this broker does not do."""


class LockLostError(AmqpError):
    """Nobody holds a message with this lock token, or no longer."""

    def __init__(self) -> None:
        super().__init__(LOCK_LOST, "the lock has expired, or the message was settled already")


class MessageNotFoundError(AmqpError):
    """No such message."""

    def __init__(self, description: str) -> None:
        super().__init__(MESSAGE_NOT_FOUND, description)


class EntityNotFoundError(AmqpError):
    """No such queue, topic or subscription."""

    def __init__(self, path: str) -> None:
        super().__init__(NOT_FOUND, f"the messaging entity '{path}' could not be found")


class UnauthorizedError(AmqpError):
    """No token, or one that is not good for this."""

    def __init__(self, description: str) -> None:
        super().__init__(UNAUTHORIZED, description)


class PlannedError(AmqpError):
    """A failure that a test has planned. `status` is its status for a token or a management request, or 0."""

    def __init__(self, condition: str, status: int) -> None:
        super().__init__(condition, "planned by a test")
        self.status = status


def find_status(error: AmqpError) -> int:
    """Return the HTTP-like status that a response carries for an error."""
    if isinstance(error, PlannedError) and error.status:
        return error.status
    return _STATUSES.get(error.condition, _BAD_REQUEST)
