"""Whether what was published keeps the contract: asked of every notice that a test sees.

Stricter than a consumer: no field, word or application property that the catalogue does not list. What is wrong is told
by its place and its rule, never by its content, which should hold no value but is not trusted to.
"""

import functools
import json
from collections.abc import Mapping
from typing import Any

import jsonschema

from contract import schema
from contract.catalogue import MESSAGES, NOTICE_TYPE, Message
from devstack.servicebus import StoredMessage
from shared.notice import CONTENT_TYPE, ChangeNotice

_LONGEST_SESSION = 128


class WrongNoticeError(BaseException):
    """The app handed over a notice that breaks the contract. No handler of its own may swallow that: no Exception."""


def check(notice: ChangeNotice) -> None:
    """Raise WrongNoticeError unless a notice keeps the contract. For fakes, which the app calls."""
    broken = _broken(notice.body, notice.properties, identifier=notice.id, subject=notice.type, session=notice.session)
    if broken:
        raise WrongNoticeError(broken)


def broken_by(message: StoredMessage) -> list[str]:
    """Return how a message on the topic breaks the contract: nothing where it is a notice as it should be."""
    broken = _broken(
        message.body,
        message.application_properties,
        identifier=message.message_id,
        subject=message.subject or "",
        session=message.session_id or "",
    )
    return broken if message.content_type == CONTENT_TYPE else [*broken, "the content type is another"]


def _broken(body: bytes, properties: Mapping[str, object], *, identifier: str, subject: str, session: str) -> list[str]:
    try:
        event = json.loads(body)
    except ValueError:
        return ["the body is not JSON"]
    found = _by_type().get(event.get("type")) if isinstance(event, dict) else None
    if found is None:
        return ["the type is not in the catalogue"]
    message, event_schema, properties_schema = found
    errors = [*_errors("event", event_schema, event), *_errors("properties", properties_schema, dict(properties))]
    if errors:
        return errors
    about = event["subject"]
    rules = {
        "the properties repeat the fields": all(
            properties[name] == event["data"][name] for name in message.properties if name != NOTICE_TYPE
        ),
        "the message id is the event's": identifier == event["id"],
        "the message's subject is the notice type": subject == message.name,
        "the session is the event's subject, or short for it": session == about or len(about) > _LONGEST_SESSION,
        "the session fits": len(session) <= _LONGEST_SESSION,
    }
    return [f"not so: {rule}" for rule, kept in rules.items() if not kept]


def _errors(part: str, validator: Any, instance: object) -> list[str]:
    """Return the places and the rules of what is wrong in a part of a message."""
    return sorted(f"{part}: {error.json_path} ({error.validator})" for error in validator.iter_errors(instance))


@functools.cache
def _by_type() -> Mapping[object, tuple[Message, Any, Any]]:
    """Return the validators of each message type, made once."""
    make = jsonschema.Draft202012Validator
    return {
        message.event_type: (
            message,
            make(schema.payload(message, strict=True)),
            make(schema.properties(message, strict=True)),
        )
        for message in MESSAGES
    }
