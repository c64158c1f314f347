"""YAML as go-yaml v3.0.1 reads it into Go structs: the two shapes that the provider asks for, and no others.

By hand, because no Python library has these rules: strings and int32 by Go's typing, null, explicit tags, duplicate
keys, anchors, merges (csi-semantics 1.4 and 9). The text is parsed in `yamltree`, scalars are judged in `scalars`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from shared.csi import scalars, yamltree
from shared.csi.yamltree import Kind, Node

# Ours: more decode operations than any document of legal size needs without aliases.
MAX_DECODES: Final = 2_000_000
# Ours: go-yaml recurses for each merge inside a merge, and so does this decoder.
MAX_MERGES: Final = 100

Invalid = scalars.Invalid
Fields = Mapping[str, Callable[[Node], None]]
T = TypeVar("T")


class _Decoder:
    """What one call of go-yaml's Unmarshal decodes and counts."""

    def __init__(self) -> None:
        self._decodes = 0
        self._aliased = 0
        self._alias_depth = 0
        self._active: set[int] = set()
        self._merges = 0

    def string(self, node: Node) -> str | None:
        """Decode a node into a Go string; None for a null, which leaves the string as it was."""
        self._count()
        if node.target is not None:
            return self._follow(node, self.string)
        if node.kind is not Kind.SCALAR:
            raise Invalid("a list or a mapping stands where text is expected")
        return scalars.to_string(node.tag, node.value)

    def int32(self, node: Node) -> int | None:
        """Decode a node into a Go int32; None for a null."""
        self._count()
        if node.target is not None:
            return self._follow(node, self.int32)
        if node.kind is not Kind.SCALAR:
            raise Invalid("a list or a mapping stands where a number is expected")
        return scalars.to_int32(node.tag, node.value)

    def strings(self, node: Node) -> list[str]:
        """Decode a node into a slice of strings; its nulls vanish."""
        self._count()
        if node.target is not None:
            return self._follow(node, self.strings)
        if node.kind is Kind.SCALAR and scalars.to_string(node.tag, node.value) is None:
            return []
        if node.kind is not Kind.SEQUENCE:
            raise Invalid("`array` is not a list")
        return [text for item in node.content if (text := self.string(item)) is not None]

    def struct(self, node: Node, fields: Fields, merged: set[str] | None = None) -> None:
        """Decode a mapping: each known field once, then what `<<` merges; what is unknown is ignored.

        `merged` names the fields that are set already when this mapping is itself merged into another.
        """
        self._count()
        if node.target is not None:
            self._follow(node, lambda target: self.struct(target, fields, merged))
            return
        if node.kind is Kind.SCALAR and scalars.to_string(node.tag, node.value) is None:
            return
        if node.kind is not Kind.MAPPING:
            raise Invalid("it is not a mapping")
        _refuse_duplicates(node)
        merge = self._set_fields(node, fields, merged)
        if merge is not None:
            self._merge(node, merge, fields, merged)

    def _set_fields(self, node: Node, fields: Fields, merged: set[str] | None) -> Node | None:
        """Decode a mapping's own fields and return what its `<<` names."""
        merge: Node | None = None
        done: set[str] = set()
        for key, value in zip(node.content[::2], node.content[1::2], strict=True):
            if key.kind is Kind.SCALAR and key.value == "<<" and key.tag == scalars.MERGE:
                merge = value
                continue
            name = self.string(key)
            if name is None or (merged is not None and name in merged):
                continue
            if merged is not None:
                merged.add(name)
            if (decode := fields.get(name)) is not None:
                if name in done:
                    raise Invalid("a field is given twice")
                done.add(name)
                decode(value)
        return merge

    def _merge(self, parent: Node, merge: Node, fields: Fields, merged: set[str] | None) -> None:
        if self._merges >= MAX_MERGES:
            raise Invalid("it nests merges too deeply")
        if merged is None:
            merged = {name for key in parent.content[::2] if (name := self.string(key)) is not None}
        self._merges += 1
        for source in merge.content if merge.kind is Kind.SEQUENCE else [merge]:
            if (source.target or source).kind is not Kind.MAPPING:
                raise Invalid("`<<` merges something that is not a mapping")
            self.struct(source, fields, merged)
        self._merges -= 1

    def _follow(self, alias: Node, decode: Callable[[Node], T]) -> T:
        if id(alias) in self._active or alias.target is None:
            raise Invalid("an anchor contains itself")
        self._active.add(id(alias))
        self._alias_depth += 1
        decoded = decode(alias.target)
        self._alias_depth -= 1
        self._active.discard(id(alias))
        return decoded

    def _count(self) -> None:
        """Account for one decoded node and stop where go-yaml (or we) would; the numbers are go-yaml's."""
        self._decodes += 1
        if self._alias_depth:
            self._aliased += 1
        if self._decodes > MAX_DECODES:
            raise Invalid("it expands to more nodes than an object can hold")
        if self._aliased > 100 and self._decodes > 1000 and self._aliased > 0.99 * self._decodes:  # noqa: PLR2004 - above
            raise Invalid("it expands aliases excessively")


def _refuse_duplicates(node: Node) -> None:
    """Refuse a mapping two of whose keys are written alike; go-yaml compares kind and text, not meaning."""
    keys = [(key.kind, key.value) for key in node.content[::2]]
    if len(set(keys)) != len(keys):
        raise Invalid("a field is given twice")


def decode_list(text: bytes) -> list[str]:
    """Return the strings of the list under the key `array`; an absent list is empty."""
    found: list[str] = []
    decoder = _Decoder()
    if (root := yamltree.compose(text)) is not None:
        decoder.struct(root, {"array": lambda node: found.extend(decoder.strings(node))})
    return found


def decode_fields(
    text: bytes, *, strings: Sequence[str], numbers: Sequence[str]
) -> tuple[dict[str, str], dict[str, int]]:
    """Return the named fields of a mapping as far as they are set: text, and 32-bit integers."""
    texts: dict[str, str] = {}
    integers: dict[str, int] = {}
    decoder = _Decoder()
    fields: dict[str, Callable[[Node], None]] = {}
    for name in strings:
        fields[name] = _keep(name, decoder.string, texts)
    for name in numbers:
        fields[name] = _keep(name, decoder.int32, integers)
    if (root := yamltree.compose(text)) is not None:
        decoder.struct(root, fields)
    return texts, integers


def _keep(name: str, decode: Callable[[Node], T | None], found: dict[str, T]) -> Callable[[Node], None]:
    def store(node: Node) -> None:
        if (value := decode(node)) is not None:
            found[name] = value

    return store
