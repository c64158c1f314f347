"""A YAML list of flat mappings from text to text, read event by event. Pure.

Nothing else can be written in it: no anchors, aliases, tags, merges, nesting or second document. Reading ends at the
first event that does not fit, so no text costs more than its length. JSON is YAML and is read as well.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import yaml

from shared.csi import golang

try:
    from yaml.cyaml import CParser as _Parser  # type: ignore[attr-defined]  # the stubs do not export it
except ImportError:  # PyYAML without its C extension: the same events, about ten times slower
    from shared.csi.pureyaml import Parser as _Parser  # type: ignore[assignment]  # of the same shape

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_LONGEST_QUOTE: Final = 60


class Refused(Exception):  # noqa: N818 - `owned_declaration` turns it into a refusal with the Secret's name
    """The text breaks a rule. The message names the entry, the field and what was expected, and holds no value."""


class NotYaml(Refused):
    """The text is no YAML, so what it was meant to say cannot be told."""


def read(
    text: str, fields: Sequence[str], most: int, *, parser: Callable[[bytes], Any] = _Parser
) -> list[dict[str, str]]:
    """Return the entries in list order; a field that is null is empty. Raises Refused.

    `fields` are the names that an entry may have, `most` is how many entries the list may. Every scalar is the text as
    it is written (`007`, `yes`) without the white space around it. `parser` makes PyYAML's parser of a text.
    """
    try:
        return _Reader(parser(text.encode()), fields, most).read()
    except (yaml.YAMLError, UnicodeError, ValueError) as error:
        # The library's message quotes the text.
        mark = getattr(error, "problem_mark", None)
        raise NotYaml("it is not YAML" + (f" (line {mark.line + 1})" if mark else "")) from None


class _Reader:
    """Takes the parser's events in turn and refuses the first that the grammar does not have."""

    def __init__(self, parser: Any, fields: Sequence[str], most: int) -> None:
        self._take: Callable[[], Any] = parser.get_event
        self._fields = fields
        self._most = most
        self._where = ""

    def read(self) -> list[dict[str, str]]:
        self._take()  # the stream's start
        if isinstance(self._take(), yaml.StreamEndEvent):
            raise Refused("it is empty; expected a list of entries")
        if not isinstance(self._take_node(), yaml.SequenceStartEvent):
            raise Refused("it is no list; expected a list of entries")
        entries: list[dict[str, str]] = []
        while True:
            self._where = f"entry {len(entries) + 1}: "
            event = self._take_node()
            if isinstance(event, yaml.SequenceEndEvent):
                break
            if len(entries) == self._most:
                raise Refused(f"it has more than {self._most} entries")
            if not isinstance(event, yaml.MappingStartEvent):
                raise Refused(f"{self._where}it is no mapping; expected {', '.join(self._fields)}")
            entries.append(self._read_entry())
        self._take()  # the document's end
        if not isinstance(self._take(), yaml.StreamEndEvent):
            raise Refused("it holds a second YAML document; expected one")
        return entries

    def _read_entry(self) -> dict[str, str]:
        entry: dict[str, str] = {}
        while not isinstance(event := self._take_node(), yaml.MappingEndEvent):
            name = self._read_name(event)
            if name in entry:
                raise Refused(f"{self._where}{name} stands twice")
            value = self._take_node()
            if not isinstance(value, yaml.ScalarEvent):
                raise Refused(f"{self._where}{name} is no text")
            null = not value.style and value.value in _NULLS
            entry[name] = "" if null else golang.trim_space(value.value or "")
        return entry

    def _read_name(self, event: Any) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise Refused(f"{self._where}the name of a field is no text")
        name = event.value or ""
        if name == "<<" and not event.style:
            raise Refused(f"{self._where}a merge (<<) stands there; write the fields out")
        if name not in self._fields:
            raise Refused(f"{self._where}unknown field {quote(name)}; expected {', '.join(self._fields)}")
        return name

    def _take_node(self) -> Any:
        event = self._take()
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise Refused(f"{self._where}an anchor or alias (& or *) stands there; write out what it stands for")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None:
            raise Refused(f"{self._where}a tag (!) stands there; every value is text without one")
        return event


def quote(name: str) -> str:
    """Return a name for an error text: its printable characters, 60 of them at most."""
    return repr("".join(c for c in name[:_LONGEST_QUOTE] if c.isprintable()))
