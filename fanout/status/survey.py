"""Look at every bound target: its Secret's metadata and its pods' statuses. Effects through the ports only."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from fanout import estate
from fanout.errors import told
from fanout.estate import Bound, Estate
from fanout.status import holding
from fanout.status.holding import Holding
from shared import check
from shared.check import Shown
from shared.errors import FanoutError
from shared.gathering import each
from shared.model import Target, VaultObject
from shared.mounts import expected_mounts
from shared.neighbours import Neighbours
from shared.observed import Driver, PodStatus, SecretState
from shared.outcome import Mounts
from shared.ports import Cluster, Heard
from shared.reason import Reason
from shared.view import TargetView

_AT_ONCE = 200
"""Secrets whose metadata is asked for at a time."""


@dataclass(slots=True, kw_only=True)
class Seen:
    """What was seen. `versions` are the newest ones of bound objects, `heard` is what the watch keeps, if any."""

    holdings: list[Holding] = field(default_factory=list)
    versions: Mapping[VaultObject, str | FanoutError] = field(default_factory=dict)
    heard: Heard | None = None
    errors: list[str] = field(default_factory=list)
    whole: bool = False
    """Whether it was looked at to the end."""


async def look(
    neighbours: Neighbours, vaults: Sequence[str], about: VaultObject | None, *, now: datetime, ends: float
) -> Seen:
    """Look at everything, or at one object, until `ends` on the loop's clock. Raises nothing of a neighbour's."""
    seen = Seen()
    listed = await estate.survey(neighbours, vaults, neighbours.clusters, ends=ends)
    seen.errors += map(told, listed.errors)
    if about is not None:
        _narrow(listed, about, seen)
    bound = list(listed.bound())
    wanted = dict.fromkeys(one.listed.object for one in bound)
    calls = {one: neighbours.vaults[one.vault].vault.newest(one) for one in wanted}
    seen.versions, _ = await asyncio.gather(
        each(calls, "vaults", ends=ends, late=Reason.VAULT_UNREACHABLE), _hear(neighbours, seen)
    )
    found = await asyncio.gather(
        *[
            _of_cluster(cluster, [one for one in bound if one.target.cluster == cluster.name], seen, now, ends)
            for cluster in neighbours.clusters
        ]
    )
    seen.holdings = [one for holdings in found for one in holdings]
    seen.holdings.sort(key=lambda one: (str(one.bound.listed.object), str(one.bound.target)))
    seen.whole = True
    return seen


def _narrow(listed: Estate, about: VaultObject, seen: Seen) -> None:
    """Keep one object. A certificate's secret and key are asked for by its name as well."""
    listed.objects = [one for one in listed.objects if (one.object.vault, one.object.name) == (about.vault, about.name)]
    if not listed.objects:
        seen.errors.append(f"{about}: the vault has no such object, and no cluster binds it")


async def _hear(neighbours: Neighbours, seen: Seen) -> None:
    if neighbours.watch is not None:
        try:
            seen.heard = await neighbours.watch.heard()
        except FanoutError as error:
            seen.errors.append(told(error))


async def _of_cluster(
    cluster: Cluster, bound: Sequence[Bound], seen: Seen, now: datetime, ends: float
) -> Sequence[Holding]:
    if not bound:
        return []
    (driver,) = (await each({"driver": cluster.driver()}, cluster.name, ends=ends)).values()
    generation = Driver.UNKNOWN if isinstance(driver, FanoutError) else driver
    targets = list(dict.fromkeys(one.target for one in bound if one.target.secret))
    states: dict[Target, SecretState | FanoutError | None] = {}
    for start in range(0, len(targets), _AT_ONCE):
        calls = {one: cluster.secret_state(one.namespace, one.secret) for one in targets[start : start + _AT_ONCE]}
        states |= await each(calls, cluster.name, ends=ends)
    mounts = [_mounts(one, generation, seen) for one in bound]
    shown = await _shown(cluster, bound, mounts, ends)
    holdings = list[Holding]()
    for one, shows in zip(bound, shown, strict=True):
        newest = seen.versions[one.listed.object]
        state, why = holding.judge(one, states.get(one.target), now, newest=newest)
        holdings.append(
            Holding(
                bound=one,
                owner=holding.owner_of(one.found, generation),
                state=state,
                why=why,
                shown=shows,
                rotating=generation is Driver.V1_6_ROTATING,
            )
        )
    return holdings


def _mounts(bound: Bound, driver: Driver, seen: Seen) -> Mounts:
    version = seen.versions[bound.listed.object]
    view = TargetView(target=bound.target, found=bound.found, driver=driver)
    return expected_mounts(bound.listed.object, view, (), version if isinstance(version, str) else "")


async def _shown(
    cluster: Cluster, bound: Sequence[Bound], mounts: Sequence[Mounts], ends: float
) -> Sequence[Shown | None]:
    """Count the pods that show the versions; of those that are behind, only the ones that run."""
    namespaces = sorted({one.target.namespace for one, mount in zip(bound, mounts, strict=True) if mount.expected})
    statuses, pods = await asyncio.gather(
        each({name: cluster.pod_statuses(name) for name in namespaces}, cluster.name, ends=ends),
        each({name: cluster.pods(name) for name in namespaces}, cluster.name, ends=ends),
    )

    def one(target: Target, mount: Mounts) -> Shown | None:
        listed: Sequence[PodStatus] | FanoutError = statuses.get(target.namespace, ())
        if not mount.expected or isinstance(listed, FanoutError):
            return None
        running = pods[target.namespace]
        names = None if isinstance(running, FanoutError) else frozenset(pod.name for pod in running)
        counted = check.count(mount, listed, names)
        return counted if counted.showing or counted.behind else None

    return [one(bound_.target, mount) for bound_, mount in zip(bound, mounts, strict=True)]
