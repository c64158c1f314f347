"""All that a cluster declares about its Secrets, and which of it concerns a vault object. Pure.

Each way of declaring has a room of its own (`binding`, `owned`, `external_secrets`, `secret_sync`); here they meet.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared import binding, owned, secret_sync
from shared.binding import Binding, MountOnly, Pinned, Refused
from shared.delegate import Delegate
from shared.errors import PermanentError
from shared.external_secrets import matching
from shared.external_secrets.declaration import ExternalSecret
from shared.external_secrets.matching import RefusedDelegate
from shared.external_secrets.stores import Store
from shared.model import Target, VaultObject, VaultRead
from shared.observed import ClassView
from shared.owned import Declaration, OwnedBinding, OwnedPinned, OwnedRefused, RefusedDeclaration
from shared.reason import Reason
from shared.secret_sync import SecretSync

MOST_TARGETS = 200
"""Secrets of one namespace that one vault object may feed."""

MOST_DECLARED = 1000
"""Declarations of one namespace that one vault object may concern, files and requests included."""

MOST_READS = 50
"""Versions of one vault object that one namespace may ask for: each pin is one, each history as many as it is long."""

Found = Binding | MountOnly | Pinned | Refused | OwnedBinding | OwnedPinned | OwnedRefused | Delegate | RefusedDelegate


@dataclass(frozen=True, slots=True, kw_only=True)
class Declarations:
    """What was listed in a cluster; what could not be listed is empty."""

    classes: Sequence[ClassView] = ()
    owned: Sequence[Declaration | RefusedDeclaration] = ()
    external: Sequence[ExternalSecret] = ()
    stores: Sequence[Store] = ()
    syncs: Sequence[SecretSync] = ()


def find(declared: Declarations, about: VaultObject, vault_host: str, *, pinned: bool = False) -> Sequence[Found]:
    """Return what concerns the object; `vault_host` is the configured host of its vault.

    With `pinned` entries of owned Secrets that stay at a version are included: they have to be right, too.
    """
    return [
        *binding.find(declared.classes, about, vault_host),
        *owned.find(declared.owned, about, pinned=pinned),
        *matching.find(declared.external, declared.stores, about, vault_host),
        *secret_sync.find(declared.syncs, declared.classes, about, vault_host),
    ]


def within_limits(found: Sequence[Found]) -> Sequence[Found]:
    """Return what was found, with one refusal for each namespace that asks for too much.

    Whoever may edit a namespace could otherwise declare so much that an event's time is used up before the others'
    Secrets are read, or that the vault throttles everybody.
    """
    targets: dict[str, set[str]] = {}
    asked: dict[str, set[VaultRead]] = {}
    declared = Counter(namespace_of(item) for item in found)
    for item in found:
        targets.setdefault(namespace_of(item), set()).add(item.secret_name)
        if isinstance(item, Binding | OwnedBinding):
            asked.setdefault(namespace_of(item), set()).update(one.read for one in item.objects)
    crowded = {name for name, names in targets.items() if len(names) > MOST_TARGETS}
    crowded |= {name for name, reads in asked.items() if sum(_versions(read) for read in reads) > MOST_READS}
    crowded |= {name for name, number in declared.items() if number > MOST_DECLARED}
    refused = [
        Refused(
            namespace=name,
            secret_name="",
            error=PermanentError(
                f"namespace {name} asks for more than {MOST_TARGETS} Secrets, {MOST_READS} versions or {MOST_DECLARED} "
                "declarations of one object",
                reason=Reason.TOO_MANY,
            ),
        )
        for name in sorted(crowded)
    ]
    return [*[item for item in found if namespace_of(item) not in crowded], *refused]


def _versions(read: VaultRead) -> int:
    return read.history + 1 if read.many else 1


def by_target(cluster: str, found: Iterable[Found]) -> list[tuple[Target, tuple[Found, ...]]]:
    """Gather what concerns one Secret, in the order found. What has no Secret stands alone."""
    gathered: dict[Target, list[Found]] = {}
    alone: list[tuple[Target, tuple[Found, ...]]] = []
    for item in found:
        target = Target(cluster=cluster, namespace=namespace_of(item), secret=item.secret_name)
        if target.secret:
            gathered.setdefault(target, []).append(item)
        else:
            alone.append((target, (item,)))
    return [*[(target, tuple(items)) for target, items in gathered.items()], *alone]


def namespace_of(item: Found) -> str:
    """Return the namespace that declares it."""
    if isinstance(item, Binding | MountOnly | Pinned):
        return item.cls.namespace
    return item.resource.namespace if isinstance(item, Delegate | RefusedDelegate) else item.namespace
