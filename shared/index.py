"""The declarations of a cluster by the names that they mention. Pure.

So an event costs what concerns its object, however many declarations a cluster has, and a vault of hundreds of objects
can be compared with thousands of them. What cannot be told from a name (searches, refused declarations) is part of
every answer, and judged by `declarations`.
"""

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from shared.csi.classes import SecretProviderClass
from shared.declarations import Declarations
from shared.external_secrets.declaration import ExternalSecret
from shared.external_secrets.stores import Store, StoreRef
from shared.model import VaultObject
from shared.observed import ClassView
from shared.owned import OwnedView
from shared.owned_declaration import Declaration
from shared.secret_sync import SecretSync

T = TypeVar("T")

Key = tuple[str, str]
"""What a declaration is known by, usually its namespace and name."""


class NameIndex(Generic[T]):
    """Declarations of one kind by the names that they mention, changed one at a time."""

    def __init__(self) -> None:
        self._items: dict[Key, T] = {}
        self._names: dict[Key, frozenset[str] | None] = {}
        self._named: dict[str, set[Key]] = {}
        self._others: set[Key] = set()

    def put(self, key: Key, item: T, names: Iterable[str] | None) -> None:
        """Add a declaration, or change it. With `names` None it may mention any."""
        self.drop(key)
        mentioned = None if names is None else frozenset(names)
        self._items[key], self._names[key] = item, mentioned
        if mentioned is None:
            self._others.add(key)
        for name in mentioned or ():
            self._named.setdefault(name, set()).add(key)

    def drop(self, key: Key) -> None:
        """Remove a declaration if it is there."""
        if self._items.pop(key, None) is None:
            return
        self._others.discard(key)
        for name in self._names.pop(key) or ():
            keys = self._named[name]
            keys.discard(key)
            if not keys:
                del self._named[name]

    def about(self, names: Iterable[str]) -> list[T]:
        """Return what mentions one of the names or may do so, in the order of the keys."""
        keys = self._others.union(*[self._named.get(name, ()) for name in names])
        return [self._items[key] for key in sorted(keys)]

    def __iter__(self) -> Iterator[T]:
        """Go through all of them."""
        return iter(self._items.values())


class Index:
    """All declarations of a cluster as they were listed once, by the name of a vault object."""

    def __init__(self, declared: Declarations) -> None:
        self._stores = declared.stores
        self._classes = _index((one, class_names(one)) for one in declared.classes)
        self._owned = _index((one, owned_names(one)) for one in declared.owned)
        self._external = _index((one, external_names(one)) for one in declared.external)
        self._syncs = _index((one, sync_names(one)) for one in declared.syncs)

    def about(self, about: VaultObject) -> Declarations:
        """Return what may concern an object."""
        classes = self._classes.about([about.name])
        return Declarations(
            classes=classes,
            owned=self._owned.about([about.name]),
            external=self._external.about([about.name]),
            stores=self._stores,
            syncs=self._syncs.about(map(class_name, classes)),
        )


def class_names(view: ClassView) -> Iterable[str] | None:
    """Return the objects that a class reads; None for one that the driver would refuse."""
    return {item.read.name for item in view.objects} if isinstance(view, SecretProviderClass) else None


def owned_names(view: OwnedView) -> Iterable[str] | None:
    """Return the objects that an owned Secret asks for; None for one whose annotation is bad."""
    return {name for _, name in view.asks} if isinstance(view, Declaration) else None


def external_names(secret: ExternalSecret) -> Iterable[str] | None:
    """Return the objects that an ExternalSecret names; None for one that searches or could not be read."""
    if secret.searches or secret.refused or secret.refusal:
        return None
    return {name for _, names in secret.named for name in names}


def sync_names(sync: SecretSync) -> Iterable[str]:
    """Return the class that a SecretSync is over, as `class_name` has it."""
    return (f"{sync.namespace}/{sync.class_name}",)


def class_name(view: ClassView) -> str:
    """Return the name under which SecretSyncs refer to a class."""
    return f"{view.namespace}/{view.name}"


def store_names(store: Store) -> Iterable[str]:
    """Return the name of a store, as `store_name` has it."""
    return (store_name(store.ref),)


def store_name(ref: StoreRef) -> str:
    """Return the name under which ExternalSecrets refer to a store."""
    return "/".join(ref)


def _index(entries: Iterable[tuple[T, Iterable[str] | None]]) -> NameIndex[T]:
    """Index what keeps the order of a list; a refused declaration may have no name of its own."""
    index = NameIndex[T]()
    for position, (item, names) in enumerate(entries):
        index.put((f"{position:09}", ""), item, names)
    return index
