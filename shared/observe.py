"""Look at one cluster: the bindings of an object and the Secrets as they are. Effects through `ports.Cluster` only.

Every Secret is read here, before the vault is (design 2.1). A namespace or Secret that cannot be read fails its own
targets and no others.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared import binding
from shared.binding import Binding, Found, Refused
from shared.errors import FanoutError, TransientError
from shared.model import Target, VaultObject
from shared.observed import Driver, KubernetesSecret, PodStatus
from shared.plan import TargetView
from shared.ports import Cluster
from shared.reason import Reason

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A target that could not be looked at."""

    target: Target
    error: FanoutError


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen in one cluster."""

    views: tuple[TargetView, ...] = ()
    unseen: tuple[Unseen, ...] = ()


async def look(cluster: Cluster, about: VaultObject, vault_host: str, *, ends: float) -> Sight:
    """Find the targets of an object and read their Secrets, until `ends` on the loop's clock.

    Raises what `classes` and `driver` raise, and TimeoutError where they take too long: without those nothing can be
    said about any target. A namespace or Secret that takes too long is an error of its own.
    """
    async with asyncio.timeout_at(ends):
        found = binding.within_limits(binding.find(await cluster.classes(), about, vault_host))
        targets = _by_target(cluster.name, found)
        if not targets:
            return Sight()
        driver = await cluster.driver()
    # A refused Secret is read too: where there is none, nothing is stale and nobody needs to be told.
    named = [target for target, found in targets if any(isinstance(item, Binding | Refused) for item in found)]
    named = [target for target in named if target.secret]
    namespaces = sorted({target.namespace for target in named})
    statuses, secrets = await asyncio.gather(
        _each({name: cluster.pod_statuses(name) for name in namespaces}, cluster.name, ends),
        _each({target: cluster.secret(target.namespace, target.secret) for target in named}, cluster.name, ends),
    )
    seen = [_view(target, found, driver, statuses, secrets) for target, found in targets]
    return Sight(
        views=tuple(item for item in seen if isinstance(item, TargetView)),
        unseen=tuple(item for item in seen if isinstance(item, Unseen)),
    )


async def look_again(cluster: Cluster, view: TargetView) -> TargetView:
    """Read the Secret of one target anew."""
    return TargetView(
        target=view.target,
        found=view.found,
        driver=view.driver,
        statuses=view.statuses,
        secret=await cluster.secret(view.target.namespace, view.target.secret),
    )


def _view(
    target: Target,
    found: tuple[Found, ...],
    driver: Driver,
    statuses: Mapping[str, Sequence[PodStatus] | FanoutError],
    secrets: Mapping[Target, KubernetesSecret | FanoutError | None],
) -> TargetView | Unseen:
    if target not in secrets:
        return TargetView(target=target, found=found, driver=driver)
    mounts, secret = statuses[target.namespace], secrets[target]
    if isinstance(mounts, FanoutError):
        return Unseen(target=target, error=mounts)
    if isinstance(secret, FanoutError):
        return Unseen(target=target, error=secret)
    return TargetView(target=target, found=found, driver=driver, secret=secret, statuses=mounts)


def _by_target(cluster: str, found: Iterable[Found]) -> list[tuple[Target, tuple[Found, ...]]]:
    """Gather what concerns one Secret, in the order found. What has no Secret stands alone."""
    gathered: dict[Target, list[Found]] = {}
    alone: list[tuple[Target, tuple[Found, ...]]] = []
    for item in found:
        namespace = item.namespace if isinstance(item, Refused) else item.cls.namespace
        target = Target(cluster=cluster, namespace=namespace, secret=item.secret_name)
        if target.secret:
            gathered.setdefault(target, []).append(item)
        else:
            alone.append((target, (item,)))
    return [*[(target, tuple(items)) for target, items in gathered.items()], *alone]


async def _each(work: Mapping[K, Coroutine[None, None, T]], cluster: str, ends: float) -> dict[K, T | FanoutError]:
    """Await all, each until `ends`; a failure of ours, or being late, is the result of its own entry."""

    async def caught(key: K, one: Coroutine[None, None, T]) -> T | FanoutError:
        try:
            async with asyncio.timeout_at(ends):
                return await one
        except TimeoutError:
            return TransientError(f"{cluster}: {key} not read in time", reason=Reason.CLUSTER_UNREACHABLE)
        except FanoutError as error:
            return error

    return dict(zip(work, await asyncio.gather(*[caught(*item) for item in work.items()]), strict=True))
