"""Carry a plan out in one cluster: look, wait for the vault, decide, write, look again on a conflict.

Every target ends in a `TargetOutcome`; nothing is raised. The order of the steps is the rule of design 2.1, and the
only loop is the one over conflicts: somebody else wrote the Secret between our look and our write.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from shared import observe, plan, reading
from shared.errors import ConflictError, FanoutError, PermanentError, TransientError, describe_fault
from shared.model import Target, VaultObject
from shared.nudge import Wake
from shared.observe import Sight
from shared.outcome import Action, TargetOutcome
from shared.plan import Keep, Leave, Postpone, Step, TargetView, VaultView, Write
from shared.ports import Cluster, Vault
from shared.reading import SharedReads
from shared.reason import Reason

_log = logging.getLogger(__name__)

TRIES = 6
"""How often a contested Secret is looked at and written before the event is left to be delivered anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What a refresh is about: the object and the event's version, its vault, and how long it may take.

    `ends` is on the loop's clock.
    """

    about: VaultObject
    version: str
    vault: Vault
    vault_host: str
    ends: float
    now: Callable[[], datetime]


async def refresh_cluster(errand: Errand, cluster: Cluster, shared: SharedReads) -> tuple[TargetOutcome, ...]:
    """Refresh every target of one cluster within its own time-outs, and say how each ended."""
    try:
        seen = await _look(errand, cluster)
    except BaseException:
        shared.leave()  # or the others would wait for a cluster that is not coming
        raise
    if isinstance(seen, FanoutError):
        shared.leave()
        return (_failed(Target(cluster=cluster.name, namespace="", secret=""), seen, errand.now()),)
    unseen = tuple(_failed(item.target, item.error, errand.now()) for item in seen.unseen)
    vault = await _ask(errand, seen, shared)
    steps = plan.plan_refresh(errand.about, seen.views, vault).steps
    planned = zip(steps, seen.views, strict=True)
    work = {asyncio.create_task(_carry_out(errand, cluster, step, view)): step for step, view in planned}
    try:
        if work:
            await asyncio.wait(work, timeout=max(0.0, _limit(errand, cluster) - asyncio.get_running_loop().time()))
        return (*unseen, *[await _result(task, step, errand) for task, step in work.items()])
    finally:
        # Still under way only if this call itself was cut off: then nobody would tell of a write.
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


async def _look(errand: Errand, cluster: Cluster) -> Sight | FanoutError:
    try:
        return await observe.look(cluster, errand.about, errand.vault_host, ends=_limit(errand, cluster))
    except TimeoutError:
        return TransientError(f"{cluster.name}: not looked through in time", reason=Reason.CLUSTER_UNREACHABLE)
    except FanoutError as error:
        return error


async def _ask(errand: Errand, seen: Sight, shared: SharedReads) -> VaultView:
    """Ask the vault what the targets need; nothing where no target can be written to."""
    reads, claims = plan.reads(seen.views), plan.claims(seen.views)
    if not reads:
        shared.leave()
        return VaultView(answers={}, confirmed={})
    try:
        async with asyncio.timeout_at(errand.ends):
            return await shared.join(reads, claims)
    except TimeoutError:
        late = TransientError("the vault did not answer before the deadline", reason=Reason.DEADLINE)
        return VaultView(answers=dict.fromkeys(reads, late), confirmed=dict.fromkeys(claims, late))


async def _carry_out(errand: Errand, cluster: Cluster, step: Step, view: TargetView) -> TargetOutcome:
    """Write, and after a conflict look at the Secret, then at the vault, and decide again."""
    failure: FanoutError = ConflictError(f"{view.target}: others keep writing it", reason=Reason.SECRET_CONFLICT)
    for attempt in range(TRIES):
        try:
            if attempt:
                await asyncio.sleep(0.02 * 2**attempt * random.random())  # noqa: S311 - jitter, not a secret
                view = await observe.look_again(cluster, view)
                reads, claims = tuple(plan.reads([view])), tuple(plan.claims([view]))
                vault = await reading.read_now(errand.vault, reads, claims, announced=errand.version)
                step = plan.plan_refresh(errand.about, [view], vault).steps[0]
            if not isinstance(step, Write):
                return _settle(step, errand.version, errand.now())
            version = await cluster.write(step.secret, step.data)
            return _written(step, version, errand.now())
        except ConflictError as error:
            failure = error
        except FanoutError as error:
            return _failed(view.target, error, errand.now())
    return _failed(view.target, failure, errand.now())


async def _result(task: asyncio.Task[TargetOutcome], step: Step, errand: Errand) -> TargetOutcome:
    """Return what a task achieved.

    One that is still under way is cut off and tried again on the redelivery, and so is one that met a fault of our
    own: it must not hide what became of the other targets.
    """
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    if task.cancelled():
        late = TransientError(f"{step.target}: not done in time", reason=Reason.DEADLINE)
        return _failed(step.target, late, errand.now())
    fault = task.exception()
    if fault is not None:
        _log.error("%s: a fault of this program: %s", step.target, describe_fault(fault))
        unexpected = TransientError(f"{step.target}: {type(fault).__name__}", reason=Reason.UNEXPECTED)
        return _failed(step.target, unexpected, errand.now())
    return task.result()


def _limit(errand: Errand, cluster: Cluster) -> float:
    return min(errand.ends, asyncio.get_running_loop().time() + cluster.timeout)


def _written(step: Write, version: str, at: datetime) -> TargetOutcome:
    return TargetOutcome(
        target=step.target,
        action=Action.WRITTEN,
        at=at,
        owner=str(step.driver),
        holds=step.holds,
        keys=step.keys,
        resource_version=version,
        wake=_wake(step, version),
    )


def _settle(step: Keep | Leave | Postpone, version: str, at: datetime) -> TargetOutcome:
    """Turn a step that needs no write into its outcome. `version` is the event's, for pods that only mount files."""
    if isinstance(step, Keep):
        return TargetOutcome(
            target=step.target,
            action=Action.CURRENT,
            at=at,
            owner=str(step.driver),
            holds=step.holds,
            keys=step.keys,
            resource_version=step.secret.resource_version,
            wake=_wake(step, step.secret.resource_version),
        )
    if isinstance(step, Leave):
        return TargetOutcome(
            target=step.target,
            action=Action.LEFT,
            at=at,
            owner=str(step.driver),
            reason=step.reason,
            detail=step.detail,
            wake=_wake(step, version) if step.remounts else None,
        )
    return _failed(step.target, step.error, at)


def _wake(step: Write | Keep | Leave, state: str) -> Wake:
    """Name the pods that wait for a target: those that mount its Secret, and those whose class mounts anew."""
    return Wake(namespace=step.target.namespace, secret=step.target.secret, classes=step.remounts, state=state)


def _failed(target: Target, error: FanoutError, at: datetime) -> TargetOutcome:
    """End a target on an error: tried again, unless no retry heals it."""
    final = isinstance(error, PermanentError)
    return TargetOutcome(
        target=target,
        action=Action.LEFT if final else Action.FAILED,
        at=at,
        reason=error.reason,
        detail=str(error),
        error=None if final else error,
    )
