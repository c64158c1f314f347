"""Label and field selectors: from a query's text to a predicate on objects.

Label selectors: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, joined by commas. Field selectors:
`path=value`, `path==value`, `path!=value`. Not read: the label operators `<` and `>`, and escapes in field values.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from devstack.kubernetes.documents import Document, lookup
from devstack.kubernetes.resources import Resource
from devstack.kubernetes.status import ApiError

_Labels = Mapping[str, str]
_LABEL_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = rf"(?:[a-z0-9][-a-z0-9.]{{0,252}}/)?{_LABEL_NAME}"
LABEL_KEY = re.compile(_LABEL_KEY)
LABEL_VALUE = re.compile(rf"(?:{_LABEL_NAME})?")

_EXISTS = re.compile(rf"(!?)\s*({_LABEL_KEY})")
_EQUALS = re.compile(rf"({_LABEL_KEY})\s*(==|=|!=)\s*((?:{_LABEL_NAME})?)")
_SET = re.compile(rf"({_LABEL_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_FIELD = re.compile(r"([A-Za-z][A-Za-z.]*)(==|=|!=)([^=!]*)")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects a request is about. Every test must hold; no test selects everything."""

    tests: tuple[Callable[[Document], bool], ...] = ()

    def __call__(self, document: Document) -> bool:
        """Answer whether the object is selected."""
        return all(test(document) for test in self.tests)


def parse(resource: Resource, *, labels: str = "", fields: str = "", name: str = "") -> Selection:
    """Read both selectors and, for a watch on one object, its name.

    Raises ApiError 400 for a selector that cannot be read or a field that is not selectable.
    """
    label_tests = [_on_labels(_parse_requirement(part)) for part in _split(labels)]
    field_tests = [_parse_field(resource, part) for part in _split(fields)]
    name_tests = [_on_field("metadata.name", name)] if name else []
    return Selection((*label_tests, *field_tests, *name_tests))


def selected_name(fields: str) -> str:
    """Return the name when the field selector asks for exactly one; authorisation looks at it, as in the real API."""
    for part in _split(fields):
        match = _FIELD.fullmatch(part)
        if match and match[1] == "metadata.name" and match[2] != "!=":
            return match[3]
    return ""


def _split(text: str) -> Iterator[str]:
    """Yield the parts between commas that stand outside brackets."""
    start = depth = 0
    for position, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            yield text[start:position].strip()
            start = position + 1
    if text:
        yield text[start:].strip()


def _parse_requirement(part: str) -> Callable[[_Labels], bool]:
    if match := _EXISTS.fullmatch(part):
        wanted, key = match[1] == "", match[2]
        return lambda labels: (key in labels) == wanted
    if match := _EQUALS.fullmatch(part):
        return _one_of(match[1], {match[3]}, negated=match[2] == "!=")
    if match := _SET.fullmatch(part):
        values = {value.strip() for value in match[3].split(",")}
        if all(LABEL_VALUE.fullmatch(value) for value in values):
            return _one_of(match[1], values, negated=match[2] == "notin")
    raise ApiError(400, f"unable to parse requirement: {part[:100]!r}")


def _one_of(key: str, values: set[str], *, negated: bool) -> Callable[[_Labels], bool]:
    # A missing label satisfies != and notin.
    return lambda labels: (key in labels and labels[key] in values) != negated


def _on_labels(test: Callable[[_Labels], bool]) -> Callable[[Document], bool]:
    return lambda document: test(document["metadata"].get("labels") or {})


def _parse_field(resource: Resource, part: str) -> Callable[[Document], bool]:
    match = _FIELD.fullmatch(part)
    if not match:
        raise ApiError(400, f"invalid selector: {part[:100]!r}; can't understand it")
    path, operator, value = match.groups()
    if path not in ("metadata.name", "metadata.namespace", *resource.fields):
        raise ApiError(400, f"field label not supported: {path}")
    return _on_field(path, value, negated=operator == "!=")


def _on_field(path: str, value: str, *, negated: bool = False) -> Callable[[Document], bool]:
    return lambda document: (lookup(document, path) == value) != negated
