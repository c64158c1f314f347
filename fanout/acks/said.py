"""One acknowledgement, read from a message of the queue (docs/notices.md). Pure.

Whoever may send to the queue can say anything: what does not keep the contract is none, and what does is still only a
statement.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from shared import parts

TYPE = "dev.keyvault-fanout.acknowledged.v1"
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


def parse(body: bytes, at: datetime) -> Said | None:
    """Read a message's body, enqueued `at`; None where it is no acknowledgement of this version of the contract."""
    if len(body) > _LARGEST:
        return None
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if parts.mapping(event).get("type") != TYPE:
        return None
    data = parts.mapping(event, "data")
    fields = [data.get(name) for name in ("application", "instance", "vault", "objectType", "object", "version")]
    texts = [field for field in fields if isinstance(field, str) and 0 < len(field) <= _LONGEST]
    since = _instant(data.get("since"))
    if len(texts) < len(fields) or since is None:
        return None
    application, instance, vault, type_, name, version = texts
    about = f"{vault}/{type_}/{name}".lower()
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
