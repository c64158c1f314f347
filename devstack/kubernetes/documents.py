"""JSON documents: reading them from bytes, copying, merging, looking inside. Nothing here knows Kubernetes' kinds."""

import json
from math import isfinite
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

Document = dict[str, Any]
"""A JSON object, as parsed."""

MAX_DEPTH = 100
"""How deep arrays and objects may nest. The real server allows 10,000; Python's recursion does not."""


def parse(body: bytes) -> Document:
    """Read a JSON object.

    Raises ValueError, with a text for the client that quotes nothing of the body, when the body is not a JSON object
    or nests deeper than `MAX_DEPTH`.
    """
    try:
        value = json.loads(body, parse_constant=_refuse_constant, parse_float=_read_float)
    except RecursionError:
        raise ValueError("exceeded max depth") from None
    except json.JSONDecodeError as error:
        # Only the position: the text around it may be somebody's password.
        raise ValueError(f"invalid JSON at line {error.lineno} column {error.colno}: {error.msg}") from None
    except UnicodeDecodeError:
        raise ValueError("invalid JSON: not UTF-8") from None
    if not isinstance(value, dict):
        raise ValueError(f"json: cannot unmarshal {type_name(value)} into an object")  # noqa: TRY004 - one error type
    _check_depth(value)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"invalid JSON: {name} is not a number")


def _read_float(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError("invalid JSON: a number is out of range")
    return number


def _check_depth(value: Document) -> None:
    """Walk level by level, because recursing is what is to be avoided."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise ValueError("exceeded max depth")


def type_name(value: object) -> str:
    """Name a JSON value's type the way Go's decoder does in its errors."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def clone(value: T) -> T:
    """Copy a JSON value deeply."""
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}  # type: ignore[return-value]  # T is that dict
    if isinstance(value, list):
        return [clone(item) for item in value]  # type: ignore[return-value]  # T is that list
    return value


def merge(target: object, patch: Document) -> Document:
    """Apply a JSON merge patch (RFC 7396) and return a new document; neither argument is changed."""
    merged: Document = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = merge(merged.get(key), value)
        else:
            merged[key] = clone(value)
    return merged


def lookup(document: Document, path: str) -> str:
    """Return the text at a dotted path, or "" where there is none."""
    value: object = document
    for part in path.split("."):
        if not isinstance(value, dict):
            return ""
        value = value.get(part)
    return value if isinstance(value, str) else ""
