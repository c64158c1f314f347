"""Query parameters, read as the real server does."""

from collections.abc import Mapping

from devstack.kubernetes.status import ApiError

_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_MAX_DIGITS = 19  # of an int64


def is_true(query: Mapping[str, str], name: str) -> bool:
    """Return a boolean parameter, false when it is missing."""
    return query.get(name, "") in _TRUE


def read_number(query: Mapping[str, str], name: str) -> int:
    """Return a number, 0 when it is missing or empty. Raises ApiError 400."""
    text = query.get(name, "")
    if not text:
        return 0
    if not text.isascii() or not text.isdecimal() or len(text) > _MAX_DIGITS:
        raise ApiError(400, f"{name}: Invalid value: {text!r:.100}: must be a non-negative integer")
    return int(text)
