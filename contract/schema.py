"""A message type as a JSON Schema (2020-12). Pure.

The public schema lets anything through that a later field or word may bring. The strict one does not: what this
repository sends is held against it. Only keywords that mean the same in draft 7 are used: AsyncAPI 3 reads that.
"""

from typing import Any

from contract.catalogue import NOTICE_TYPE, Message
from contract.fields import ENVELOPE, TRACING, Field

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_PATTERNS = {
    # In UTC with milliseconds, so that instants sort as texts.
    "date-time": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
    "uri": r"^https://[^/]+/(secrets|keys|certificates)/[^/]+/[^/]+$",
}
"""Validators need not check a `format`, so what is promised is a pattern as well."""

_SINCE = "x-since"
"""Not a word of JSON Schema: the version of the contract that brought a field."""


def public(message: Message) -> dict[str, Any]:
    """Return the schema that consumers may validate with."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:keyvault-fanout:schema:{message.name}.v1",
        "title": message.event_type,
        **payload(message),
    }


def payload(message: Message, *, strict: bool = False) -> dict[str, Any]:
    """Return the schema of the CloudEvent alone, without what identifies it as a document."""
    data = {
        "type": "object",
        "description": "What is told, by names and versions only. Fields are only added within a version.",
        "required": [field.name for field in message.fields if field.required],
        "properties": {field.name: _of(field, strict=strict) for field in message.fields},
        "additionalProperties": not strict,
    }
    envelope = {field.name: _of(field, strict=strict) for field in ENVELOPE}
    envelope["type"] = {"const": message.event_type, "description": "type and version of the message"}
    envelope["subject"]["description"] = f"what the message is about: {message.subject}"
    return {
        "description": _sentence(message.when),
        "type": "object",
        "required": [*[field.name for field in ENVELOPE if field.required], "data"],
        "properties": {**envelope, "data": data},
        "additionalProperties": not strict,
    }


def properties(message: Message, *, strict: bool = False) -> dict[str, Any]:
    """Return the schema of a message's application properties; all are texts."""
    by_name = {field.name: field for field in message.fields}
    shown: dict[str, Any] = {}
    for name in message.properties:
        if name == NOTICE_TYPE:
            shown[name] = {"const": message.name, "description": "notice type, without its version"}
        else:
            shown[name] = _of(by_name[name], strict=strict)
    shown |= {field.name: _of(field, strict=strict) for field in TRACING}
    return {
        "type": "object",
        "required": list(message.properties),
        "properties": shown,
        "additionalProperties": not strict,
    }


def _of(field: Field, *, strict: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"description": field.meaning}
    if field.words and (field.closed or strict):
        found["enum"] = list(field.words)
        return found | {_SINCE: field.since}
    found["type"] = field.type
    if field.type == "array":
        found["items"] = {"type": "string", "minLength": 1}
    elif field.type == "integer":
        found["minimum"] = 0
    elif field.type == "string" and not field.empty:
        found["minLength"] = 1
    if field.words:
        found["examples"] = [word for word in field.words if word]
    if field.format:
        found["format"] = field.format
    if field.format in _PATTERNS:
        found["pattern"] = _PATTERNS[field.format]
    return found | {_SINCE: field.since}


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
