"""One acknowledgement, read from a message of the queue (docs/notices.md). Pure.

Whoever may send to the queue can say anything: what keeps the contract is still only a statement. What is of another
kind altogether is a stranger's and harmless; what claims to be one and cannot be read may be anybody's word.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from shared import parts
from shared.model import ObjectType

TYPE = "dev.keyvault-fanout.acknowledged.v1"
_FAMILY = TYPE.rpartition(".")[0]
_TYPES = frozenset(ObjectType)
_LARGEST = 64 * 1024
_LONGEST = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An instance says that it uses a version of an object, `VAULT/TYPE/NAME` in lower case. It was said `at`."""

    about: str
    application: str
    instance: str
    version: str
    since: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Somebody said something that claims to be an acknowledgement. `about` is empty where it may be any object."""

    about: str = ""


def parse(body: bytes, at: datetime) -> Said | Unreadable | None:
    """Read a message's body, enqueued `at`, empty where it was no bytes; None where it is something else altogether."""
    if not body:
        return Unreadable()
    if len(body) > _LARGEST:
        return Unreadable() if _FAMILY.encode() in body else None
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return Unreadable() if _FAMILY.encode() in body else None
    kind = parts.mapping(event).get("type")
    if not isinstance(kind, str) or not kind.startswith(f"{_FAMILY}."):
        return None
    data = parts.mapping(event, "data")
    fields = [data.get(name) for name in ("vault", "objectType", "object", "application", "instance", "version")]
    texts = [field for field in fields if isinstance(field, str) and 0 < len(field) <= _LONGEST]
    about = "/".join(texts[:3]).lower() if fields[:3] == texts[:3] and texts[1].lower() in _TYPES else ""
    since = _instant(data.get("since"))
    if kind != TYPE or len(texts) < len(fields) or since is None or not about:
        return Unreadable(about=about)
    application, instance, version = texts[3:]
    # Nobody uses a version since tomorrow: clocks differ.
    return Said(about=about, application=application, instance=instance, version=version, since=min(since, at), at=at)


def _instant(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
