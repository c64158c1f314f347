"""What a query string asks for: switches, numbers, and the label and field selectors as a predicate on objects.

Label selectors: `a=b`, `a==b`, `a!=b`, `a in (b, c)`, `a notin (b, c)`, `a`, `!a`, joined by commas. Field selectors:
`path=value`, `path==value`, `path!=value`. Not read: the label operators `<` and `>`, and escapes in field values.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from devstack.kubernetes.documents import Document
from devstack.kubernetes.resources import Resource
from devstack.kubernetes.status import ApiError

Test = Callable[[Document], bool]

_LABEL_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = rf"(?:[a-z0-9][-a-z0-9.]{{0,252}}/)?{_LABEL_NAME}"
LABEL_KEY = re.compile(_LABEL_KEY)
LABEL_VALUE = re.compile(rf"(?:{_LABEL_NAME})?")

_EXISTS = re.compile(rf"(!?)\s*({_LABEL_KEY})")
_EQUALS = re.compile(rf"({_LABEL_KEY})\s*(==|=|!=)\s*((?:{_LABEL_NAME})?)")
_SET = re.compile(rf"({_LABEL_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_COMMA = re.compile(",")
_OUTER_COMMA = re.compile(r",(?![^(]*\))")
_FIELD = re.compile(r"([A-Za-z][A-Za-z.]*)(==|=|!=)([^=!]*)")
_NUMBER = re.compile(r"[0-9]{1,19}")  # of an int64


def is_true(query: Mapping[str, str], name: str) -> bool:
    """Return a switch, false when it is missing."""
    return query.get(name, "") in ("1", "true", "True")


def read_number(query: Mapping[str, str], name: str) -> int:
    """Return a number, 0 when it is missing or empty. Raises ApiError 400."""
    text = query.get(name, "")
    if text and not _NUMBER.fullmatch(text):
        raise ApiError(400, f"{name}: Invalid value: {text!r:.100}: must be a non-negative integer")
    return int(text or 0)


def read_selectors(resource: Resource, query: Mapping[str, str]) -> list[Test]:
    """Return what an object has to pass to be selected: nothing where no selector is given.

    Raises ApiError 400 for a selector that cannot be read or a field that is not selectable.
    """
    labels = [_parse_requirement(part) for part in _split(query.get("labelSelector", ""), _OUTER_COMMA)]
    fields = [_parse_field(resource, part) for part in _split(query.get("fieldSelector", ""))]
    return [*labels, *fields]


def selects(tests: Sequence[Test], document: Document) -> bool:
    """Answer whether an object passes every test."""
    return all(test(document) for test in tests)


def selected_name(query: Mapping[str, str]) -> str:
    """Return the name when the field selector asks for exactly one; authorisation looks at it, as in the real API."""
    for part in _split(query.get("fieldSelector", "")):
        match = _FIELD.fullmatch(part)
        if match and match[1] == "metadata.name" and match[2] != "!=":
            return match[3]
    return ""


def _split(text: str, comma: re.Pattern[str] = _COMMA) -> list[str]:
    return [part.strip() for part in comma.split(text)] if text else []


def _parse_requirement(part: str) -> Test:
    if match := _EXISTS.fullmatch(part):
        wanted, key = match[1] == "", match[2]
        return lambda document: (key in _labels(document)) == wanted
    if match := _EQUALS.fullmatch(part):
        key, operator, value = match.groups()
        # A missing label satisfies !=.
        return lambda document: (_labels(document).get(key) == value) != (operator == "!=")
    if match := _SET.fullmatch(part):
        key, operator, listed = match.groups()
        values = {value.strip() for value in listed.split(",")}
        if listed.strip() and all(LABEL_VALUE.fullmatch(value) for value in values):
            return lambda document: (_labels(document).get(key) in values) != (operator == "notin")
    raise ApiError(400, f"unable to parse requirement: {part[:100]!r}")


def _labels(document: Document) -> Mapping[str, str]:
    labels: Mapping[str, str] = document["metadata"].get("labels", {})
    return labels


def _parse_field(resource: Resource, part: str) -> Test:
    match = _FIELD.fullmatch(part)
    if not match:
        raise ApiError(400, f"invalid selector: {part[:100]!r}; can't understand it")
    path, operator, value = match.groups()
    if path not in ("metadata.name", "metadata.namespace", *resource.fields):
        raise ApiError(400, f"field label not supported: {path}")
    return lambda document: (_lookup(document, path) == value) != (operator == "!=")


def _lookup(document: Document, path: str) -> str:
    """Return the text at a dotted path, or "" where there is none."""
    value: object = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
