"""The operations of $management on one entity: a map in, a map out (local-stack 1.5). Pure.

Here: renew-lock, peek-message, schedule-message, cancel-scheduled-message, update-disposition. All others are refused
as not implemented, and so is deferring.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from devstack.amqp.errors import INVALID_FIELD, NOT_ALLOWED, NOT_IMPLEMENTED, AmqpError, DecodeError
from devstack.amqp.values import Array, Long, Timestamp
from devstack.servicebus import messages
from devstack.servicebus.inlets import Inlet
from devstack.servicebus.messages import Message
from devstack.servicebus.queues import MessageQueue

T = TypeVar("T")

PREFIX = "com.microsoft:"

Body = Mapping[object, object]


@dataclass(frozen=True, slots=True)
class Managed:
    """An entity as its $management sees it: a topic has an inlet, a subscription a queue, a queue both."""

    inlet: Inlet | None
    queue: MessageQueue | None

    def perform(self, operation: str, body: object) -> dict[object, object]:
        """Do an operation, named without the prefix, and return the body of the response; nothing found: empty.

        Raises AmqpError.
        """
        action = _ACTIONS.get(operation)
        if action is None:
            raise AmqpError(NOT_IMPLEMENTED, f"{operation} is not served")
        if not isinstance(body, dict):
            raise DecodeError("the body of the request is no map")
        return action(self, body)

    def need_inlet(self) -> Inlet:
        """Return the inlet. Raises AmqpError for a subscription."""
        if self.inlet is None:
            raise AmqpError(NOT_ALLOWED, "nothing can be sent to this entity")
        return self.inlet

    def need_queue(self) -> MessageQueue:
        """Return the queue. Raises AmqpError for a topic."""
        if self.queue is None:
            raise AmqpError(NOT_ALLOWED, "nothing can be received from this entity")
        return self.queue


def _renew_lock(entity: Managed, body: Body) -> dict[object, object]:
    tokens = _array(body, "lock-tokens", uuid.UUID)
    expirations = [entity.need_queue().renew(token) for token in tokens]
    return {"expirations": Array(tuple(Timestamp.from_seconds(until) for until in expirations))}


def _peek(entity: Managed, body: Body) -> dict[object, object]:
    first, count = _number(body, "from-sequence-number"), _number(body, "message-count")
    waiting = entity.inlet.scheduled if entity.inlet else ()
    found = sorted((*entity.need_queue().messages, *waiting), key=lambda stored: stored.sequence_number)
    peeked = [stored for stored in found if stored.sequence_number >= first][: max(count, 0)]
    return {"messages": [{"message": stored.encode()} for stored in peeked]} if peeked else {}


def _schedule(entity: Managed, body: Body) -> dict[object, object]:
    entries = body.get("messages")
    if not isinstance(entries, list) or not entries:
        raise DecodeError("no messages to schedule")
    numbers = entity.need_inlet().send([_scheduled(entry) for entry in entries])
    return {"sequence-numbers": Array(tuple(Long(number) for number in numbers))}


def _scheduled(entry: object) -> Message:
    payload = entry.get("message") if isinstance(entry, dict) else None
    if not isinstance(payload, bytes):
        raise DecodeError("a message to schedule is no message")
    message = messages.read(payload)
    if message.scheduled_for is None:
        raise AmqpError(INVALID_FIELD, "a message to schedule says no time")
    return message


def _cancel(entity: Managed, body: Body) -> dict[object, object]:
    entity.need_inlet().cancel([int(number) for number in _array(body, "sequence-numbers", Long)])
    return {}


def _update_disposition(entity: Managed, body: Body) -> dict[object, object]:
    queue, status = entity.need_queue(), body.get("disposition-status")
    if body.get("properties-to-modify"):
        raise AmqpError(NOT_IMPLEMENTED, "changing properties when settling is not served")
    tokens = _array(body, "lock-tokens", uuid.UUID)
    for token in tokens:
        match status:
            case "completed":
                queue.complete(token)
            case "abandoned":
                queue.abandon(token)
            case "suspended":
                reasons = {
                    messages.DEAD_LETTER_REASON: body.get("deadletter-reason"),
                    messages.DEAD_LETTER_DESCRIPTION: body.get("deadletter-description"),
                }
                queue.dead_letter(token, {name: str(text) for name, text in reasons.items() if text is not None})
            case _:
                raise AmqpError(NOT_IMPLEMENTED, f"the disposition {status} is not served")
    return {}


_ACTIONS: dict[str, Callable[[Managed, Body], dict[object, object]]] = {
    "renew-lock": _renew_lock,
    "peek-message": _peek,
    "schedule-message": _schedule,
    "cancel-scheduled-message": _cancel,
    "update-disposition": _update_disposition,
}


def _array(body: Body, name: str, kind: type[T]) -> list[T]:
    value = body.get(name)
    items = value.items if isinstance(value, Array) else value if isinstance(value, list) else [value]
    found = [item for item in items if isinstance(item, kind)]
    if not found or len(found) != len(items):
        raise DecodeError(f"{name} is no array of {kind.__name__}")
    return found


def _number(body: Body, name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int):
        raise DecodeError(f"{name} is no number")
    return int(value)
