"""The operations of $management on one entity: a map in, a map out (local-stack 1.5). Pure.

Here: renew-lock, renew-session-lock, peek-message, schedule-message, cancel-scheduled-message, update-disposition. All
others are refused as not implemented, and so is deferring.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import TypeVar

from devstack.amqp.codec import Array, Long, Timestamp
from devstack.amqp.errors import INVALID_FIELD, NOT_IMPLEMENTED, AmqpError, DecodeError
from devstack.servicebus import messages
from devstack.servicebus.messages import StoredMessage
from devstack.servicebus.namespaces import Namespace

T = TypeVar("T")

PREFIX = "com.microsoft:"

Body = Mapping[object, object]


def perform(namespace: Namespace, path: str, operation: str, body: object) -> dict[object, object]:
    """Do an operation, named without the prefix, and return the body of the response; nothing found: empty.

    Raises AmqpError.
    """
    action = _ACTIONS.get(operation)
    if action is None:
        raise AmqpError(NOT_IMPLEMENTED, f"{operation} is not served")
    if not isinstance(body, dict):
        raise DecodeError("the body of the request is no map")
    return action(namespace, path, body)


def _renew_lock(namespace: Namespace, path: str, body: Body) -> dict[object, object]:
    queue = namespace.find_queue(path)
    expirations = [queue.renew(token) for token in _read_items(body, "lock-tokens", uuid.UUID)]
    return {"expirations": Array(tuple(Timestamp.from_seconds(until) for until in expirations))}


def _renew_session_lock(namespace: Namespace, path: str, body: Body) -> dict[object, object]:
    session = body.get("session-id")
    if not isinstance(session, str):
        raise DecodeError("session-id is a text")
    return {"expiration": Timestamp.from_seconds(namespace.find_queue(path).renew_session(session))}


def _peek(namespace: Namespace, path: str, body: Body) -> dict[object, object]:
    first, count = body.get("from-sequence-number"), body.get("message-count")
    if not (isinstance(first, int) and isinstance(count, int)):
        raise DecodeError("from-sequence-number and message-count are numbers")
    peeked = [message for message in namespace.peek(path) if message.sequence_number >= first][: max(count, 0)]
    return {"messages": [{"message": message.encode()} for message in peeked]} if peeked else {}


def _schedule(namespace: Namespace, path: str, body: Body) -> dict[object, object]:
    sent = [_read_scheduled(entry) for entry in _read_items(body, "messages", dict)]
    numbers = namespace.find_inlet(path).send(sent)
    return {"sequence-numbers": Array(tuple(Long(number) for number in numbers))}


def _read_scheduled(entry: Body) -> StoredMessage:
    payload = entry.get("message")
    message = messages.read(payload if isinstance(payload, bytes) else b"")
    if message.scheduled_for is None:
        raise AmqpError(INVALID_FIELD, "a message to schedule says no time")
    return message


def _cancel(namespace: Namespace, path: str, body: Body) -> dict[object, object]:
    namespace.find_inlet(path).cancel(_read_items(body, "sequence-numbers", Long))
    return {}


def _update_disposition(namespace: Namespace, path: str, body: Body) -> dict[object, object]:
    queue, status = namespace.find_queue(path), body.get("disposition-status")
    if body.get("properties-to-modify"):
        raise AmqpError(NOT_IMPLEMENTED, "changing properties when settling is not served")
    for token in _read_items(body, "lock-tokens", uuid.UUID):
        match status:
            case "completed":
                queue.complete(token)
            case "abandoned":
                queue.abandon(token)
            case "suspended":
                queue.dead_letter(token, body.get("deadletter-reason"), body.get("deadletter-description"))
            case _:
                raise AmqpError(NOT_IMPLEMENTED, f"the disposition {status} is not served")
    return {}


_ACTIONS: dict[str, Callable[[Namespace, str, Body], dict[object, object]]] = {
    "renew-lock": _renew_lock,
    "renew-session-lock": _renew_session_lock,
    "peek-message": _peek,
    "schedule-message": _schedule,
    "cancel-scheduled-message": _cancel,
    "update-disposition": _update_disposition,
}


def _read_items(body: Body, name: str, kind: type[T]) -> list[T]:
    value = body.get(name)
    items = value.items if isinstance(value, Array) else value if isinstance(value, list) else ()
    found = [item for item in items if isinstance(item, kind)]
    if not found or len(found) != len(items):
        raise DecodeError(f"{name} is no array of {kind.__name__}")
    return found
