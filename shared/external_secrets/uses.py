"""What an ExternalSecret takes from its stores, by name or by search.

What the provider azurekv makes of a reference is in providers/v1/azure/keyvault/keyvault.go: getObjType splits a key,
GetSecret and GetSecretMap read by name, GetAllSecrets searches. A `version` is handed to the vault as it is: empty
is the newest, and everything else, `latest` too, names one version.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from shared import parts
from shared.external_secrets import fields, stores
from shared.external_secrets.stores import StoreRef

MOST_USES: Final = 1_000
"""Entries of `data` and `dataFrom` together that are looked at."""

MOST_SEARCHES: Final = 20
"""Searches among them: each may cost the compilation of a pattern."""

_MOST_TAGS: Final = 15
"""Tags that an object of a vault can carry."""

_MOST_WORDS: Final = 100_000
_TYPES: Final = frozenset({"secret", "key", "cert"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The newest version of an object, by its name in lower case."""

    store: StoreRef
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """All secrets of a vault whose name matches a pattern and that carry these tags; an empty one asks for nothing."""

    store: StoreRef
    pattern: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedUse:
    """A use that cannot be told, and why. `words` are its texts; without a store it may be a use of any."""

    store: StoreRef | None
    words: str
    detail: str


Use = Named | Search | RefusedUse


class _Refused(Exception):  # noqa: N818 - turned into a RefusedUse
    """A rule that an entry breaks."""


def read(spec: Mapping[str, Any], namespace: str) -> Sequence[Use]:
    """Read the uses of a spec, without those that no new version concerns."""
    default = spec.get("secretStoreRef")
    entries = _entries(spec)
    found: list[Use] = []
    searches = 0
    for where, entry in islice(entries, MOST_USES):
        store = stores.refer(_reference(entry, default), namespace)
        use = _read_entry(where, entry, store)
        searches += isinstance(use, Search)
        if isinstance(use, Search) and searches > MOST_SEARCHES:
            use = _refuse(store, entry, f"it searches more than {MOST_SEARCHES} times, and {where} is not looked at")
        if use is not None:
            found.append(use)
    if rest := [entry for _, entry in entries]:
        found.append(_refuse(None, rest, f"it takes more than {MOST_USES} things, and the others are not looked at"))
    return found


def _entries(spec: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield every entry with its place in the spec."""
    for field in ("data", "dataFrom"):
        value = spec.get(field)
        if isinstance(value, list):
            yield from ((f"{field}[{index}]", entry) for index, entry in enumerate(value))
        elif value is not None:
            yield field, value


def _reference(entry: object, default: object) -> object:
    """Return the reference to an entry's store: its own before the default; a generator reads no vault."""
    source = parts.mapping(entry, "sourceRef")
    if source.get("storeRef") is not None:
        return source["storeRef"]
    return None if source.get("generatorRef") is not None else default


def _read_entry(where: str, entry: object, store: StoreRef | None) -> Use | None:
    """Read one entry. Where it holds several things, `find` goes first (externalsecret_controller_secret.go)."""
    try:
        parts = _mapping(entry, "it")
        if store is None:
            return None
        if where.startswith("data["):
            return _read_name(_mapping(parts.get("remoteRef"), "remoteRef"), store, whole=False)
        if parts.get("find") is not None:
            return _read_search(_mapping(parts["find"], "find"), store)
        if parts.get("extract") is not None:
            return _read_name(_mapping(parts["extract"], "extract"), store, whole=True)
    except _Refused as refused:
        return _refuse(store, entry, f"{where}: {refused}")
    return None


def _refuse(store: StoreRef | None, entry: object, detail: str) -> RefusedUse:
    return RefusedUse(store=store, words=fields.words(entry, _MOST_WORDS), detail=detail)


def _read_name(reference: Mapping[str, Any], store: StoreRef, *, whole: bool) -> Named | None:
    """Read a reference by name. `whole` takes all properties, which the provider can do for secrets only."""
    if _text(reference.get("version"), "version"):
        return None
    parts = _text(reference.get("key"), "key").split("/", 2)
    kind, name = ("secret", parts[0]) if len(parts) == 1 else parts[:2]
    if kind not in _TYPES:
        raise _Refused("its key begins with another word than secret/, key/ or cert/")
    if whole and kind != "secret":
        raise _Refused("extract takes secrets only, neither keys nor certificates")
    return Named(store=store, name=name.lower())


def _read_search(search: Mapping[str, Any], store: StoreRef) -> Search | None:
    pattern = _text(_mapping(search.get("name"), "name").get("regexp"), "regexp")
    tags = {_text(key, "tags"): _text(value, "tags") for key, value in _mapping(search.get("tags"), "tags").items()}
    if len(tags) > _MOST_TAGS:
        return None
    return Search(store=store, pattern=pattern, tags=tags)


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise _Refused(f"{what} is no mapping")
    return value or {}


def _text(value: object, what: str) -> str:
    if value is not None and not isinstance(value, str):
        raise _Refused(f"{what} is no text")
    if value and len(value) > fields.MOST_TEXT:
        raise _Refused(f"{what} is longer than {fields.MOST_TEXT} characters")
    return value or ""
