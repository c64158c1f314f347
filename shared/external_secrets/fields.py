"""Texts of ExternalSecrets and stores, bounded: as many characters as are looked at."""

from collections.abc import Mapping
from typing import Final

MOST_TEXT: Final = 1_000
"""Characters of one field that are looked at."""


def text(value: object) -> str:
    """Return a text, cut to what is looked at, or an empty one."""
    return value[:MOST_TEXT] if isinstance(value, str) else ""


def words(value: object, most: int) -> str:
    """Return all texts within a value in lower case, one a line, up to `most` characters. No depth is too deep."""
    found: list[str] = []
    room, waiting = most, [value]
    while waiting and room > 0:
        part = waiting.pop()
        if isinstance(part, str):
            found.append(part[:room].lower())
            room -= len(found[-1]) + 1
        elif isinstance(part, Mapping):
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return "\n".join(found)
