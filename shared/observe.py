"""Look at one cluster: what it declares about an object, and the Secrets as they are.

Effects through `ports.Cluster` only. Every Secret is read here, before the vault is (design 2.1). What cannot be listed
or read fails its own targets and no others.
"""

import asyncio
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared import declarations
from shared.binding import Binding, MountOnly, Refused
from shared.declarations import Declarations, Found
from shared.delegate import Delegate
from shared.errors import FanoutError
from shared.gathering import each
from shared.model import Target, VaultObject
from shared.observed import Driver, KubernetesSecret, PodStatus
from shared.owned import OwnedBinding, OwnedRefused
from shared.ports import Cluster
from shared.view import TargetView

_OF_CLASSES = (Binding, MountOnly, Refused)
"""What the driver's generation matters for."""

_READ = (Binding, OwnedBinding, Refused, OwnedRefused)
"""What a Secret is read for. A refused one too: where there is none, nothing is stale and nobody needs to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A target that could not be looked at; without a name where a whole listing failed."""

    target: Target
    error: FanoutError


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen in one cluster. `rest` is what was too much to be looked at."""

    views: tuple[TargetView, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    rest: tuple[Target, ...] = ()


async def look(
    cluster: Cluster,
    about: VaultObject,
    vault_host: str,
    *,
    ends: float,
    only: Collection[Target] | None = None,
    pinned: bool = False,
    most: int = 1000,
) -> Sight:
    """Find the targets of an object and read their Secrets, until `ends` on the loop's clock.

    `only` limits it to some targets, `most` to so many Secrets; `pinned` includes what stays at a version. Raises
    nothing of a neighbour's: what fails or takes too long is unseen.
    """
    declared, missed = await list_declared(cluster, about, ends=ends)
    nameless = Target(cluster=cluster.name, namespace="", secret="")
    unseen = [Unseen(target=nameless, error=error) for error in missed]
    found = declarations.within_limits(declarations.find(declared, about, vault_host, pinned=pinned))
    targets = declarations.by_target(cluster.name, found)
    if only is not None:
        targets = [(target, items) for target, items in targets if target in only]
    if not targets:
        return Sight(unseen=tuple(unseen))
    named = [target for target, _ in targets if target.secret]
    rest = frozenset(named[most:])
    targets = [(target, items) for target, items in targets if target not in rest]
    read = {
        target: None for target, items in targets if target.secret and any(isinstance(item, _READ) for item in items)
    }
    asked = [target for target, items in targets if target not in read and _delegated(items)]
    mounting = {target.namespace for target, items in targets if any(isinstance(item, Binding) for item in items)}
    driver, statuses, secrets, held = await asyncio.gather(
        each({"driver": _driver(cluster, targets)}, cluster.name, ends=ends),
        each({name: cluster.pod_statuses(name) for name in sorted(mounting)}, cluster.name, ends=ends),
        each({target: cluster.secret(target.namespace, target.secret) for target in read}, cluster.name, ends=ends),
        each({one: cluster.secret_version(one.namespace, one.secret) for one in asked}, cluster.name, ends=ends),
    )
    around = _Surroundings(driver=driver["driver"], statuses=statuses, secrets=secrets, held=held)
    seen = [_view(target, items, around) for target, items in targets]
    return Sight(
        views=tuple(item for item in seen if isinstance(item, TargetView)),
        unseen=(*unseen, *[item for item in seen if isinstance(item, Unseen)]),
        rest=tuple(named[most:]),
    )


async def look_again(cluster: Cluster, view: TargetView) -> TargetView:
    """Read the Secret of one target anew."""
    return replace(view, secret=await cluster.secret(view.target.namespace, view.target.secret))


async def list_declared(
    cluster: Cluster, about: VaultObject | None, *, ends: float
) -> tuple[Declarations, list[FanoutError]]:
    """List the declarations that may concern an object, or all; a listing that fails is empty, its error beside it."""
    calls: Mapping[str, Coroutine[None, None, Any]] = {
        "SecretProviderClasses": cluster.classes(about),
        "owned Secrets": cluster.owned(about),
        "ExternalSecrets": cluster.external(about),
        "SecretSyncs": cluster.syncs(about),
    }
    listed = await each(calls, cluster.name, ends=ends)
    errors = [one for one in listed.values() if isinstance(one, FanoutError)]
    classes, owned, external, syncs = [() if isinstance(one, FanoutError) else one for one in listed.values()]
    secrets, stores = external or ((), ())
    return Declarations(classes=classes, owned=owned, external=secrets, stores=stores, syncs=syncs), errors


async def _driver(cluster: Cluster, targets: Sequence[tuple[Target, Sequence[Found]]]) -> Driver:
    """Ask for the driver's generation where a class is concerned."""
    concerned = any(isinstance(item, _OF_CLASSES) for _, items in targets for item in items)
    return await cluster.driver() if concerned else Driver.UNKNOWN


def _delegated(items: Sequence[Found]) -> bool:
    return any(isinstance(item, Delegate) for item in items)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Surroundings:
    """What the views are made from: each entry is what was read, or why it could not be."""

    driver: Driver | FanoutError
    statuses: Mapping[str, Sequence[PodStatus] | FanoutError]
    secrets: Mapping[Target, KubernetesSecret | FanoutError | None]
    held: Mapping[Target, str | FanoutError | None]


def _view(target: Target, found: tuple[Found, ...], around: _Surroundings) -> TargetView | Unseen:
    classes = any(isinstance(item, _OF_CLASSES) for item in found)
    driver = around.driver if classes else Driver.UNKNOWN
    statuses = around.statuses.get(target.namespace, ()) if classes else ()
    secret, held = around.secrets.get(target), around.held.get(target)
    for part in (driver, statuses, secret, held):
        if isinstance(part, FanoutError):
            return Unseen(target=target, error=part)
    assert not isinstance(driver, FanoutError)  # noqa: S101 - the loop above; these tell the type checker
    assert not isinstance(statuses, FanoutError)  # noqa: S101
    assert not isinstance(secret, FanoutError)  # noqa: S101
    assert not isinstance(held, FanoutError)  # noqa: S101
    return TargetView(target=target, found=found, driver=driver, secret=secret, held=held or "", statuses=statuses)
