"""The declarations of a cluster by the names that they mention. Pure.

So a vault of hundreds of objects can be compared with thousands of declarations. What cannot be told from a name
(searches, refused declarations) is part of every answer, and judged by `declarations`.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from shared.csi.classes import SecretProviderClass
from shared.declarations import Declarations
from shared.external_secrets.declaration import ExternalSecret
from shared.model import VaultObject
from shared.observed import ClassView
from shared.owned import OwnedView
from shared.owned_declaration import Declaration
from shared.secret_sync import SecretSync

T = TypeVar("T")


class Index:
    """Declarations by the name of a vault object, in lower case."""

    def __init__(self, declared: Declarations) -> None:
        self._stores = declared.stores
        self._classes, self._other_classes = _by_name((one, _class_names(one)) for one in declared.classes)
        self._owned, self._other_owned = _by_name((one, _owned_names(one)) for one in declared.owned)
        self._external, self._other_external = _by_name((one, _external_names(one)) for one in declared.external)
        self._syncs: dict[tuple[str, str], list[SecretSync]] = {}
        for sync in declared.syncs:
            self._syncs.setdefault((sync.namespace, sync.class_name), []).append(sync)

    def about(self, about: VaultObject) -> Declarations:
        """Return what may concern an object."""
        classes = [*self._classes.get(about.name, ()), *self._other_classes]
        return Declarations(
            classes=classes,
            owned=[*self._owned.get(about.name, ()), *self._other_owned],
            external=[*self._external.get(about.name, ()), *self._other_external],
            stores=self._stores,
            syncs=[sync for cls in classes for sync in self._syncs.get((cls.namespace, cls.name), ())],
        )


def _class_names(view: ClassView) -> Iterable[str] | None:
    return {item.read.name for item in view.objects} if isinstance(view, SecretProviderClass) else None


def _owned_names(view: OwnedView) -> Iterable[str] | None:
    return {name for _, name in view.asks} if isinstance(view, Declaration) else None


def _external_names(secret: ExternalSecret) -> Iterable[str] | None:
    if secret.searches or secret.refused or secret.refusal:
        return None
    return {name for _, names in secret.named for name in names}


def _by_name(items: Iterable[tuple[T, Iterable[str] | None]]) -> tuple[Mapping[str, list[T]], list[T]]:
    """Gather by name; those whose names are not known stand apart."""
    named: dict[str, list[T]] = {}
    others: list[T] = []
    for item, names in items:
        if names is None:
            others.append(item)
        for name in names or ():
            named.setdefault(name, []).append(item)
    return named, others
