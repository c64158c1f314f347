r"""The tree of a YAML text's first document, as go-yaml v3.0.1 sees it. What its nodes mean to Go types is in `goyaml`.

PyYAML's parser gives the events: it is libyaml, of which go-yaml is a translation. Where the two part, this room takes
go-yaml's side: no `%YAML 1.2`, no escape `\/`, no `?` inside plain text of a flow collection, and tokens behind the
document that have to be legal although nothing else there is read. Not followed: tags with a comma or a bracket in
them, which go-yaml takes and libyaml does not.
"""

import re
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Final

import yaml

from shared.csi import golang, scalars

try:
    from yaml.cyaml import CParser as _Parser  # type: ignore[attr-defined]  # the stubs do not export it

    # go-yaml's own limit for nesting.
    MAX_DEPTH = 10_000
except ImportError:  # PyYAML without its C extension: the same events, about ten times slower
    from shared.csi.pureyaml import Parser as _Parser  # type: ignore[assignment]  # of the same shape

    # It takes a time that grows with the square of the depth.
    MAX_DEPTH = 1_000

# A SecretProviderClass is stored in etcd, which refuses requests above 1.5 MiB.
MAX_BYTES: Final = 1_572_864
# go-yaml scans this many tokens ahead, for the sake of comments.
_TOKENS_AHEAD: Final = 3

_CUT_TAG: Final = re.compile(r"(?:&\S+\s+)?![^\s,\[\]{}]*[,\[\]]")

Invalid = scalars.Invalid


class Kind(Enum):
    """The kinds of nodes."""

    SCALAR = auto()
    SEQUENCE = auto()
    MAPPING = auto()
    ALIAS = auto()


class Node:
    """One node: a scalar has a value, a sequence items, a mapping keys and values in turn, an alias its target."""

    __slots__ = ("content", "kind", "tag", "target", "value")

    def __init__(self, kind: Kind, *, value: str = "", tag: str = "", target: "Node | None" = None) -> None:
        self.kind = kind
        self.value = value
        self.tag = tag
        self.target = target
        self.content: list[Node] = []


def compose(text: bytes, parser: Callable[[bytes], Any] = _Parser) -> Node | None:
    """Return the root of the first document, or None if there is none; raise Invalid for what go-yaml refuses.

    `parser` makes PyYAML's parser of a text.
    """
    if len(text) > MAX_BYTES:
        raise Invalid("it is larger than a Kubernetes object can be")
    try:
        return _Composer(text, parser(text)).compose()
    except (yaml.YAMLError, UnicodeError, ValueError):
        # The library's message quotes the text.
        raise Invalid("it is not YAML that go-yaml accepts") from None


class _Composer:
    """Builds the tree without recursion, so that depth costs no stack."""

    def __init__(self, text: bytes, parser: Any) -> None:
        self._text = text
        self._characters: str | None = None
        self._parser = parser
        self._anchors: dict[str, Node] = {}
        self._escapes = b"\\/" in text
        self._flow = 0

    def compose(self) -> Node | None:
        next_event: Callable[[], Any] = self._parser.get_event
        next_event()  # the stream's start
        start = next_event()
        if isinstance(start, yaml.StreamEndEvent):
            return None
        if isinstance(start, yaml.DocumentStartEvent) and start.version not in {None, (1, 1)}:
            raise Invalid("its %YAML directive is not 1.1")
        root = Node(Kind.SEQUENCE)
        open_nodes = [root]
        while not isinstance(event := next_event(), yaml.DocumentEndEvent):
            if isinstance(event, yaml.CollectionEndEvent):
                open_nodes.pop()
                self._flow = max(self._flow - 1, 0)
                continue
            node = self._make(event)
            open_nodes[-1].content.append(node)
            if isinstance(event, yaml.CollectionStartEvent):
                open_nodes.append(node)
                self._flow += bool(event.flow_style or self._flow)
                if len(open_nodes) > MAX_DEPTH:
                    raise Invalid(f"it nests more than {MAX_DEPTH} levels deep")
        self._look_ahead(_TOKENS_AHEAD - bool(event.explicit))
        return root.content[0]

    def _make(self, event: yaml.AliasEvent | yaml.ScalarEvent | yaml.CollectionStartEvent) -> Node:
        if isinstance(event, yaml.AliasEvent):
            target = self._anchors.get(event.anchor or "")
            if target is None:
                raise Invalid("an alias names an unknown anchor")
            return Node(Kind.ALIAS, value=event.anchor or "", target=target)
        tag = scalars.short_tag(event.tag) if event.tag and event.tag != "!" else ""
        if isinstance(event, yaml.ScalarEvent):
            node = self._make_scalar(event, tag)
        else:
            kind = Kind.MAPPING if isinstance(event, yaml.MappingStartEvent) else Kind.SEQUENCE
            node = Node(kind, tag=tag)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _make_scalar(self, event: yaml.ScalarEvent, tag: str) -> Node:
        value = event.value or ""
        if not golang.valid_utf8(value):
            # libyaml refuses this by itself; PyYAML's own parser does not.
            raise Invalid("it holds half a surrogate pair")
        if self._escapes and event.style == '"' and "\\/" in self._source(event).replace("\\\\", ""):
            raise Invalid("it holds the escape \\/, which go-yaml does not know")
        if self._flow and tag and _CUT_TAG.match(self._source(event)):
            raise Invalid("a tag in a flow collection ends in a comma or a bracket")
        if self._flow and not event.style and "?" in value:
            raise Invalid("a question mark stands in plain text of a flow collection")
        return Node(Kind.SCALAR, value=value, tag=tag or scalars.implied_tag(value, plain=not event.style))

    def _source(self, event: yaml.ScalarEvent) -> str:
        """Return the text from where a scalar begins to its end, or behind it."""
        start, end = event.start_mark, event.end_mark
        if start is None or end is None:
            return ""
        if self._characters is None:
            self._characters = self._text.decode().removeprefix("\ufeff")
        return self._characters[start.index : end.index + 1]

    def _look_ahead(self, tokens: int) -> None:
        """Scan what go-yaml scans behind the document, and let errors there be errors."""
        for _ in range(tokens):
            if isinstance(self._parser.get_token(), yaml.StreamEndToken | None):
                return
