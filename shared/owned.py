"""Owned Secrets: which concern a vault object, and the bytes and versions that we put into them (design 3). Pure.

We are the only writer of their declared keys. The bytes are those that the CSI driver would write for the same object,
format and encoding (csi-semantics 2 and 3.2), with the provider's flags at their defaults.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.csi import content, tls
from shared.csi.classes import TLS_KEYS, TLS_TYPE, Provider
from shared.csi.objects import ClassObject
from shared.errors import DriverWouldFail, PermanentError
from shared.model import Material, SecretValue, VaultObject, VaultRead
from shared.owned_declaration import LABEL, OBJECTS, Declaration, Entry, RefusedDeclaration, parse
from shared.reason import Reason

__all__ = [
    "LABEL",
    "OBJECTS",
    "VERSIONS",
    "Declaration",
    "Entry",
    "OwnedBinding",
    "OwnedFound",
    "OwnedPinned",
    "OwnedRefused",
    "OwnedView",
    "RefusedDeclaration",
    "find",
    "parse",
    "versions_after",
]

VERSIONS: Final = "keyvault-fanout.dev/versions"
"""The annotation in which we say what each data key holds."""

_PROVIDER: Final = Provider()
_VERSION: Final = re.compile(r"[0-9A-Za-z]{1,64}")
_LONGEST_VERSIONS: Final = 128 * 1024
"""Characters of the annotation. 200 entries with the longest names have fewer."""

OwnedView = Declaration | RefusedDeclaration


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedBinding:
    """One owned Secret and the entries of one vault object that are to be written.

    `declared` are all entries of the Secret, of other objects too.
    """

    namespace: str
    secret_name: str
    entries: tuple[Entry, ...]
    declared: tuple[Entry, ...]

    @property
    def about(self) -> VaultObject:
        """The vault object; where the entries are of several types, that of the first."""
        return self.entries[0].object

    @property
    def keys(self) -> tuple[str, ...]:
        """The data keys to be written."""
        return tuple(entry.key for entry in self.entries)

    @property
    def objects(self) -> tuple[ClassObject, ...]:
        """What has to be read for those keys, each once."""
        return tuple(dict.fromkeys(entry.item for entry in self.entries))

    @property
    def feeding(self) -> tuple[ClassObject, ...]:
        """What of it follows the newest version."""
        return tuple(dict.fromkeys(entry.item for entry in self.entries if not entry.pinned))

    def render(self, answers: Mapping[VaultRead, tuple[Material, ...]], secret_type: str) -> dict[str, SecretValue]:
        """Return the data from the vault's answers, for a Secret of this type.

        Raises DriverWouldFail where an object cannot be made into these bytes, and PermanentError with BAD_DECLARATION
        where the Secret's type does not take a declared key.
        """
        for_tls = secret_type == TLS_TYPE
        if for_tls:
            self._check_tls_keys()
        produced = {item: self._produce(item, answers[item.read]) for item in self.objects}
        if not for_tls:
            return {entry.key: SecretValue(produced[entry.item]) for entry in self.entries}
        return {entry.key: self._extract(entry, produced[entry.item]) for entry in self.entries}

    def _check_tls_keys(self) -> None:
        for entry in self.declared:
            if entry.key not in TLS_KEYS:
                rule = f"is not {' or '.join(TLS_KEYS)}, the only keys of type {TLS_TYPE}"
                raise PermanentError(f"{self._where}: key {entry.key[:60]!r} {rule}", reason=Reason.BAD_DECLARATION)

    def _produce(self, item: ClassObject, materials: tuple[Material, ...]) -> bytes:
        where = f"{self._where}: {self.about.vault}/{item.status_id}"
        if not materials:
            raise DriverWouldFail(f"{where}: the vault holds no version of it")
        try:
            return content.produce(item, materials[:1], _PROVIDER)[item.base]
        except content.Refused as error:
            keys = ", ".join(entry.key[:60] for entry in self.entries if entry.item == item)
            raise DriverWouldFail(f"{where} for key {keys[:200]}: {error}") from None

    def _extract(self, entry: Entry, data: bytes) -> SecretValue:
        try:
            return SecretValue(tls.extract(data, entry.key))
        except tls.Refused as error:
            raise DriverWouldFail(f"{self._where}: {entry.object} for key {entry.key}: {error}") from None

    @property
    def _where(self) -> str:
        return f"Secret {self.namespace}/{self.secret_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedPinned:
    """An owned Secret that holds only pinned versions of the object."""

    namespace: str
    secret_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedRefused:
    """A labelled Secret whose declaration is not followed, and why. Its name is empty where it is not legal."""

    namespace: str
    secret_name: str
    error: PermanentError


OwnedFound = OwnedBinding | OwnedPinned | OwnedRefused


def find(views: Iterable[OwnedView], about: VaultObject, *, pinned: bool = False) -> Sequence[OwnedFound]:
    """Return what a new version of the object concerns, Secret by Secret, in the order of the list.

    Matched by vault and name, regardless of the event's family (csi-semantics 4.7.6). With `pinned` the entries that
    stay at a version are bound too: so a Secret that is new, was edited or has drifted is put right.
    """
    wanted = about.vault, about.name
    found: list[OwnedFound] = []
    for view in views:
        if isinstance(view, Declaration):
            entries = view.asks.get(wanted)
            if entries is not None:
                found.append(_bind(view, entries) if pinned else _of_entries(view, entries))
        elif view.concerns(about):
            found.append(OwnedRefused(namespace=view.namespace, secret_name=view.name, error=view.error))
    return found


def _of_entries(declaration: Declaration, entries: tuple[Entry, ...]) -> OwnedBinding | OwnedPinned:
    moving = tuple(entry for entry in entries if not entry.pinned)
    if not moving:
        return OwnedPinned(namespace=declaration.namespace, secret_name=declaration.name)
    return _bind(declaration, moving)


def _bind(declaration: Declaration, entries: tuple[Entry, ...]) -> OwnedBinding:
    return OwnedBinding(
        namespace=declaration.namespace, secret_name=declaration.name, entries=entries, declared=declaration.entries
    )


def versions_after(current: str, binding: OwnedBinding, held: Mapping[VaultRead, str]) -> str:
    """Return the VERSIONS annotation of a Secret once the binding's keys are written at the versions in `held`.

    JSON: data key -> vault/type/name/version, the same text for the same content. What `current` says of keys that
    other objects feed is kept where the declaration still has that key and object; anybody may have written it, so
    anything else is dropped.
    """
    known: dict[str, object] = _read_versions(current)
    known |= {entry.key: f"{entry.object}/{held.get(entry.item.read, '')}" for entry in binding.entries}
    kept = {entry.key: known[entry.key] for entry in binding.declared if _tells(known.get(entry.key), entry)}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))


def noted(text: str) -> frozenset[str]:
    """Return what the VERSIONS annotation of a Secret says that it holds, each as vault/type/name/version."""
    return frozenset(said for said in _read_versions(text).values() if isinstance(said, str))


def _read_versions(text: str) -> dict[str, object]:
    if len(text) > _LONGEST_VERSIONS:
        return {}
    try:
        known = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def _tells(text: object, entry: Entry) -> bool:
    """Whether the text names a version of the object that feeds the entry."""
    if not isinstance(text, str):
        return False
    source, _, version = text.rpartition("/")
    return source == str(entry.object) and _VERSION.fullmatch(version) is not None
