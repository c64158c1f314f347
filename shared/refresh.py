"""Carry a plan out in one cluster: look, wait for the vault, decide, write or nudge, look again on a conflict.

Every target ends in a `TargetOutcome`; nothing is raised. The order of the steps is the rule of design 2.1, and the
only loop is the one over conflicts: somebody else wrote the Secret between our look and our write.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared import observe, plan, reading, settling, trace
from shared.errors import ConflictError, FanoutError, TransientError, describe_fault
from shared.model import Target, VaultObject
from shared.observe import Sight, Unseen
from shared.outcome import TargetOutcome
from shared.ports import Cluster, Vault
from shared.reading import SharedReads
from shared.reason import Reason
from shared.step import Nudge, Step, Write
from shared.trace import Hop
from shared.view import TargetView, VaultView

_log = logging.getLogger(__name__)

TRIES = 6
"""How often a contested Secret is looked at and written before it is left to another attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What a refresh is about: the object, the event's version and time, its vault, and how long it may take.

    `ends` is on the loop's clock. `only` limits it to some targets, `most` to so many at a time; `pinned` includes what
    stays at a version.
    """

    about: VaultObject
    version: str
    happened: datetime | None = None
    vault: Vault
    vault_host: str
    ends: float
    now: Callable[[], datetime]
    only: Collection[Target] | None = None
    pinned: bool = False
    most: int = 1000


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was decided in one cluster, before anything is done. `rest` is what was too much to be looked at."""

    planned: tuple[tuple[Step, TargetView], ...]
    unseen: tuple[Unseen, ...]
    rest: tuple[Target, ...] = ()


async def prepare(errand: Errand, cluster: Cluster, shared: SharedReads) -> Prepared:
    """Look and decide, and do nothing: carried out it is the refresh, printed it is the dry run."""
    try:
        limit = _limit(errand, cluster)
        with trace.span(Hop.LOOK, {trace.CLUSTER: cluster.name}) as span:
            seen = await observe.look(
                cluster,
                errand.about,
                errand.vault_host,
                ends=limit,
                only=errand.only,
                pinned=errand.pinned,
                most=errand.most,
            )
            span.set_attributes({trace.TARGETS: len(seen.views), trace.FAILED: len(seen.unseen)})
    except BaseException:
        shared.leave()  # or the others would wait for a cluster that is not coming
        raise
    vault = await _ask(errand, seen, shared)
    steps = plan.plan_refresh(errand.about, errand.version, seen.views, vault, errand.now()).steps
    return Prepared(tuple(zip(steps, seen.views, strict=True)), seen.unseen, seen.rest)


async def refresh_cluster(errand: Errand, cluster: Cluster, shared: SharedReads) -> tuple[TargetOutcome, ...]:
    """Refresh every target of one cluster within its own time-outs, and say how each ended."""
    prepared = await prepare(errand, cluster, shared)
    unseen = [settling.failed(item.target, item.error, errand.now()) for item in prepared.unseen]
    unseen += [settling.queued(target, errand.now()) for target in prepared.rest]
    if not prepared.planned:
        return tuple(unseen)
    with trace.span(Hop.WRITE, {trace.CLUSTER: cluster.name, trace.TARGETS: len(prepared.planned)}) as span:
        done = await _carry_all_out(errand, cluster, prepared)
        counts = Counter(outcome.action for outcome in done)
        span.set_attributes({f"{trace.TARGETS}.{action}": number for action, number in counts.items()})
    return (*unseen, *done)


async def _carry_all_out(errand: Errand, cluster: Cluster, prepared: Prepared) -> Sequence[TargetOutcome]:
    work = {asyncio.create_task(_carry_out(errand, cluster, step, view)): step for step, view in prepared.planned}
    try:
        await asyncio.wait(work, timeout=max(0.0, _limit(errand, cluster) - asyncio.get_running_loop().time()))
        return [await _result(task, step, errand) for task, step in work.items()]
    finally:
        # Still under way only if this call itself was cut off: then nobody would tell of a write.
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


async def _ask(errand: Errand, seen: Sight, shared: SharedReads) -> VaultView:
    """Ask the vault what the targets need; nothing where no target can be written to."""
    reads, claims = plan.reads(errand.about, seen.views), plan.claims(errand.about, seen.views)
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
                step, view = await _decide_again(errand, cluster, view)
            if isinstance(step, Nudge):
                await _nudge(cluster, step)
                return settling.nudged(step, errand.now())
            if not isinstance(step, Write):
                return settling.settled(step, errand.version, errand.happened, errand.now())
            version = await cluster.write(step.secret, step.data, step.annotations)
            return settling.written(step, version, errand.now())
        except ConflictError as error:
            failure = error
        except FanoutError as error:
            return settling.failed(view.target, error, errand.now())
    return settling.failed(view.target, failure, errand.now())


async def _decide_again(errand: Errand, cluster: Cluster, view: TargetView) -> tuple[Step, TargetView]:
    view = await observe.look_again(cluster, view)
    reads, claims = tuple(plan.reads(errand.about, [view])), tuple(plan.claims(errand.about, [view]))
    vault = await reading.read_now(errand.vault, reads, claims, announced=errand.version)
    return plan.plan_refresh(errand.about, errand.version, [view], vault, errand.now()).steps[0], view


async def _nudge(cluster: Cluster, step: Nudge) -> None:
    for delegate in step.delegates:
        if delegate.asked != step.served.version:
            await cluster.ask(delegate, step.served.version)


async def _result(task: asyncio.Task[TargetOutcome], step: Step, errand: Errand) -> TargetOutcome:
    """Return what a task achieved.

    One that is still under way is cut off and tried again later, and so is one that met a fault of our own: it must not
    hide what became of the other targets.
    """
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    if task.cancelled():
        late = TransientError(f"{step.target}: not done in time", reason=Reason.DEADLINE)
        return settling.failed(step.target, late, errand.now())
    fault = task.exception()
    if fault is not None:
        _log.error("%s: a fault of this program: %s", step.target, describe_fault(fault))
        unexpected = TransientError(f"{step.target}: {type(fault).__name__}", reason=Reason.UNEXPECTED)
        return settling.failed(step.target, unexpected, errand.now())
    return task.result()


def _limit(errand: Errand, cluster: Cluster) -> float:
    return min(errand.ends, asyncio.get_running_loop().time() + cluster.timeout)
