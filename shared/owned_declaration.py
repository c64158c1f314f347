"""What an owned Secret asks for: its annotation keyvault-fanout.dev/objects, read and checked (design 3). Pure.

In: a Secret's metadata. Out: its entries, or why all of them are refused. Whoever may edit a namespace writes the
annotation, so it is bounded, and a mistake in it is told with the number of the entry and the field.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shared import owned_yaml, parts
from shared.csi import golang
from shared.csi.objects import ClassObject
from shared.errors import PermanentError
from shared.model import ObjectType, VaultObject
from shared.owned_yaml import NotYaml, Refused
from shared.reason import Reason

LABEL: Final = "keyvault-fanout.dev/owned"
"""The label of an owned Secret, with the value `true`."""

OBJECTS: Final = "keyvault-fanout.dev/objects"
"""The annotation that lists what an owned Secret holds."""

MOST_ENTRIES: Final = 200
LONGEST_TEXT: Final = 64 * 1024
"""Characters of the annotation; Kubernetes takes 256 KiB. Our own limits: reading it must stay cheap."""

_FIELDS: Final = ("vault", "object", "version", "format", "encoding", "key")
_FORMATS: Final = frozenset({"", "pem", "pfx"})
_ENCODINGS: Final = frozenset({"", "utf-8", "base64", "hex"})
_RULES: Final = (
    ("vault", re.compile(r"[0-9A-Za-z-]{3,24}"), "the vault's name, 3 to 24 letters, digits and hyphens"),
    (
        "object",
        re.compile(r"(?:secret|key|cert)/[0-9A-Za-z-]{1,127}"),
        "secret/NAME, key/NAME or cert/NAME, the name of letters, digits and hyphens, up to 127",
    ),
    # The vault would take `latest` for the id of a version (csi-semantics 1.5).
    ("version", re.compile(r"(?!(?i:latest)\Z)[0-9A-Za-z]{0,64}"), "a version's id, or no such field for the newest"),
    # IsConfigMapKey of Kubernetes' validation
    (
        "key",
        re.compile(r"(?!\.\.|\.\Z)[-._a-zA-Z0-9]{1,253}"),
        "a data key of letters, digits, '-', '_' and '.', up to 253, not '.' and not beginning with '..'",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One data key and the object that feeds it. Names, format and encoding are in lower case."""

    vault: str
    item: ClassObject
    key: str

    @property
    def object(self) -> VaultObject:
        """The vault object."""
        return VaultObject(vault=self.vault, type=self.item.type, name=self.item.name)

    @property
    def pinned(self) -> bool:
        """Whether new versions leave it alone."""
        return self.item.version != ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What one Secret asks for. `asks` has the entries by vault and name, so that finding them is one look."""

    namespace: str
    name: str
    entries: tuple[Entry, ...]
    asks: Mapping[tuple[str, str], tuple[Entry, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        asks: dict[tuple[str, str], tuple[Entry, ...]] = {}
        for entry in self.entries:
            about = entry.vault, entry.item.name
            asks[about] = (*asks.get(about, ()), entry)
        object.__setattr__(self, "asks", asks)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedDeclaration:
    """An annotation that is not followed at all, and why.

    `text` (its beginning, in lower case) is kept to tell whose events it would have concerned; `readable` tells that
    it is YAML, as far as it was read. `name` is empty where it is no legal name.
    """

    namespace: str
    name: str
    text: str = field(repr=False)
    readable: bool
    error: PermanentError

    def concerns(self, about: VaultObject) -> bool:
        """Tell whether the text names the object and its vault; of what is no YAML the object is enough."""
        return _mentions(self.text, about.name) and (not self.readable or _mentions(self.text, about.vault))


def parse(metadata: Mapping[str, Any]) -> Declaration | RefusedDeclaration:
    """Read the metadata of a Secret that carries the label. Never raises."""
    namespace, name = parts.legal_name(metadata, "namespace"), parts.legal_name(metadata, "name")
    annotations = metadata.get("annotations")
    text = annotations.get(OBJECTS) if isinstance(annotations, Mapping) else None
    try:
        _check_place(namespace, name)
        return Declaration(namespace=namespace, name=name, entries=tuple(_read(text)))
    except Refused as error:
        readable = not isinstance(error, NotYaml)
        sentence = f"Secret {namespace}/{name}: {OBJECTS}: {error}"
    # Never raised, so that no frame is kept alive with it.
    refusal = PermanentError(sentence, reason=Reason.BAD_DECLARATION)
    kept = text[:LONGEST_TEXT].lower() if isinstance(text, str) else ""
    return RefusedDeclaration(namespace=namespace, name=name, text=kept, readable=readable, error=refusal)


def _check_place(namespace: str, name: str) -> None:
    if not namespace or not name:
        raise Refused("the namespace or name of the Secret is not legal")


def _read(text: object) -> Iterator[Entry]:
    if text is None:
        raise Refused("it is missing; expected a list of entries")
    if not isinstance(text, str):
        raise Refused("it is no text; expected a list of entries")
    if len(text) > LONGEST_TEXT:
        raise Refused(f"it is longer than {LONGEST_TEXT} characters")
    found = owned_yaml.read(text, _FIELDS, MOST_ENTRIES)
    if not found:
        raise Refused("it lists nothing; expected a list of entries")
    numbers: dict[str, int] = {}
    for number, fields in enumerate(found, start=1):
        broken = _broken_rule(fields)
        if broken is not None:
            raise Refused(f"entry {number}: {broken}")
        first = numbers.setdefault(fields["key"], number)
        if first != number:
            raise Refused(f"entry {number}: key {owned_yaml.quote(fields['key'])} is that of entry {first} already")
        yield _make_entry(fields)


def _broken_rule(fields: Mapping[str, str]) -> str | None:
    """Say what is wrong with an entry: the names by Azure's and Kubernetes' rules, the rest by the provider's.

    What stands in a field is not quoted: somebody may have put a password there.
    """
    for name, pattern, expected in _RULES:
        if not pattern.fullmatch(fields.get(name, "")):
            return f"{name} is {'wrong' if fields.get(name) else 'missing'}; expected {expected}"
    form, encoding = fields.get("format", ""), fields.get("encoding", "")
    secret = fields["object"].startswith(f"{ObjectType.SECRET}/")
    if golang.fold(form) not in _FORMATS:
        return "format is wrong; expected pem or pfx"
    if form == "pfx" and not secret:  # in lower case only, like the provider (csi-semantics 1.5)
        return "format pfx is for secret/NAME only"
    if golang.fold(encoding) not in _ENCODINGS:
        return "encoding is wrong; expected utf-8, base64 or hex"
    return "encoding is for secret/NAME only" if encoding and not secret else None


def _make_entry(fields: Mapping[str, str]) -> Entry:
    kind, _, name = fields["object"].partition("/")
    item = ClassObject(
        type=ObjectType(kind),
        name=name.lower(),
        version=fields.get("version", ""),
        # Spelt alike, so that equal reads and equal work are done once.
        format=golang.fold(fields.get("format", "")),
        encoding=golang.fold(fields.get("encoding", "")),
    )
    return Entry(vault=fields["vault"].lower(), item=item, key=fields["key"])


def _mentions(text: str, name: str) -> bool:
    """Tell whether the name stands in the text as a whole: `db` is not meant where `db-password` stands."""
    return name in text and re.search(rf"(?<![0-9a-z-]){re.escape(name)}(?![0-9a-z-])", text) is not None
