"""Parts of manifests that may be of any type: each comes out as what was expected, or as empty. Pure.

Every function takes a value, or a value and the path of keys to the part.

Whoever may edit a namespace writes most of a manifest, and custom resources are validated as little as their
definitions say.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
"""DNS-1123 subdomain, as the API server wants it. Anything else is not put into a path."""


def at(value: object, *keys: str) -> object:
    """Return what stands at a path of keys, None where the path leads nowhere."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def mapping(value: object, *keys: str) -> Mapping[str, Any]:
    """Return a mapping, or an empty one."""
    found = at(value, *keys)
    return found if isinstance(found, Mapping) else {}


def listing(value: object, *keys: str) -> Sequence[Any]:
    """Return a list, or an empty one."""
    found = at(value, *keys)
    return found if isinstance(found, list) else ()


def entries(value: object, *keys: str) -> list[Mapping[str, Any]]:
    """Return the mappings in a list."""
    return [item for item in listing(value, *keys) if isinstance(item, Mapping)]


def texts(value: object, *keys: str) -> list[str]:
    """Return the texts in a list."""
    return [item for item in listing(value, *keys) if isinstance(item, str)]


def text(value: object, *keys: str) -> str:
    """Return a text, or an empty one."""
    found = at(value, *keys)
    return found if isinstance(found, str) else ""


def count(value: object, *keys: str, unset: int = 0) -> int:
    """Return a whole number, or `unset`."""
    found = at(value, *keys)
    return found if isinstance(found, int) else unset


def legal_name(value: object, *keys: str) -> str:
    """Return a name as the API server wants it, or an empty text."""
    found = text(value, *keys)
    return found if _NAME.fullmatch(found) else ""


def time(value: object, *keys: str) -> datetime | None:
    """Return a time as the Kubernetes API writes it, in UTC; None for anything else."""
    try:
        moment = datetime.fromisoformat(text(value, *keys))
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):  # the latter at either end of the calendar
        return None
