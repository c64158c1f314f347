"""Look again at what was written or asked for, until it is proven or given up. Effects through the ports only.

A look costs one read of each Secret's metadata and one list of pod statuses for each namespace. The vault is asked only
where somebody wrote a Secret since, once for all such targets, and before an owner's success is told: by then another
version may be served. What was put back is written again, a few times.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from shared import check, followup, hold, record, record_jobs, refresh, waking
from shared.check import Verdict
from shared.delegate import Progress, Standing
from shared.errors import FanoutError, PermanentError
from shared.gathering import each
from shared.job import Watched
from shared.looking import Findings, Looking
from shared.model import ObjectType, Target, VaultRead
from shared.observed import VaultAnswer
from shared.outcome import Action, TargetOutcome
from shared.reading import SharedReads
from shared.reason import Reason
from shared.step import Keep, Step, Write


async def look(looking: Looking) -> Findings:
    """Look at every target of a check once.

    What cannot be seen is looked at again; what is still open when the check is too old is given up. Raises nothing of
    a neighbour's.
    """
    findings = Findings(looking, looking.job.cause)
    cluster, watched = looking.cluster, looking.job.watched
    mounted = sorted({one.namespace for one in watched if one.mounts})
    named = {(one.namespace, one.secret) for one in watched if one.secret}
    asked = {index: one.delegate for index, one in enumerate(watched) if one.delegate}
    limit = min(looking.ends, asyncio.get_running_loop().time() + cluster.timeout)
    findings.statuses, versions, progress = await asyncio.gather(
        each({name: cluster.pod_statuses(name) for name in mounted}, cluster.name, ends=limit),
        each({place: cluster.secret_version(*place) for place in named}, cluster.name, ends=limit),
        each(
            {index: cluster.progress(one, watched[index].since) for index, one in asked.items()},
            cluster.name,
            ends=limit,
        ),
    )
    findings.running = await _running(looking, findings, ends=limit)
    moved: list[Watched] = []
    synced: list[tuple[Watched, str]] = []
    for index, one in enumerate(watched):
        version = versions.get((one.namespace, one.secret))
        if isinstance(version, FanoutError):
            findings.unseen(one, version)
        elif one.delegate is not None:
            if _has_synced(one, progress[index], findings):
                synced.append((one, version or ""))
        elif findings.judge(one, version) is Verdict.MOVED:
            moved.append(one)
    if synced:
        await _tell_synced(looking, synced, findings)  # before `_compare` finds which version is served by now
    if moved:
        await _compare(looking, moved, findings)
    await _go_on(looking, findings)
    return findings


async def _running(looking: Looking, findings: Findings, *, ends: float) -> dict[str, frozenset[str]]:
    """Ask which pods run, in namespaces where one is behind, as far as the app may; others count as running."""
    if not looking.limits.nudging:
        return {}
    namespaces = {
        one.namespace
        for one in looking.job.watched
        if not isinstance(listed := findings.statuses.get(one.namespace, ()), FanoutError)
        and not check.count(one.mounts, listed).all
    }
    calls = {name: looking.cluster.pods(name) for name in sorted(namespaces)}
    found = await each(calls, looking.cluster.name, ends=ends)
    return {
        name: frozenset(pod.name for pod in pods) for name, pods in found.items() if not isinstance(pods, FanoutError)
    }


async def wake(looking: Looking, findings: Findings) -> None:
    """Wake the pods that wait for what was found."""
    if findings.wakes and looking.limits.nudging:
        woken = await waking.wake(looking.cluster, findings.wakes, ends=looking.ends)
        record.woken(findings.cause, looking.cluster.name, woken)


def _has_synced(one: Watched, said: Progress | FanoutError | None, findings: Findings) -> bool:
    """Tell whether an owner has looked since it was asked, and note what follows where it has not."""
    if isinstance(said, FanoutError):
        findings.unseen(one, said)
    elif said is None:
        record_jobs.gone(findings.cause, findings.looking.target(one))
    elif said.standing is Standing.SYNCED:
        return True
    else:
        record_jobs.pending(findings.cause, findings.looking.target(one), said)
        findings.again.append(one)
    return False


async def _tell_synced(looking: Looking, synced: Sequence[tuple[Watched, str]], findings: Findings) -> None:
    """End what owners wrote. Another version that is served by now is told of by its own check, once it may be used."""
    newest = await _newest(looking)
    superseded = newest is not None and newest.version != findings.cause.version and not _is_held(newest, looking.now)
    if newest is not None and superseded:
        record_jobs.superseded(findings.cause, newest.version)
    for one, version in synced:
        findings.synced(one, version, told=not superseded)


def _is_held(answer: VaultAnswer, now: datetime) -> bool:
    try:
        return hold.until(answer, now) is not None
    except PermanentError:
        return True


async def _compare(looking: Looking, moved: Sequence[Watched], findings: Findings) -> None:
    """Compare the bytes of Secrets that somebody wrote, and write again those that hold older ones."""
    most = looking.limits.pace.rewrites
    spent = {looking.target(one): one for one in moved if one.rewrites >= most}
    fresh = {looking.target(one): one for one in moved if one.rewrites < most}
    if spent:
        await _inspect(looking, spent, findings)
    if fresh:
        await _repair(looking, fresh, findings)


async def _inspect(looking: Looking, spent: Mapping[Target, Watched], findings: Findings) -> None:
    """Look at what was written again often enough, and write it no more."""
    for step in await _plan(looking, frozenset(spent)):
        one = spent[step.target]
        if isinstance(step, Write) and step.data:
            findings.end(one, Reason.KEEPS_REVERTING, f"old bytes were put back {one.rewrites + 1} times")
        elif isinstance(step, Keep):
            version = step.secret.resource_version
            findings.judge(replace(one, resource_version=version), version)
        else:
            findings.again.append(one)


async def _repair(looking: Looking, fresh: Mapping[Target, Watched], findings: Findings) -> None:
    """Take the targets through the whole flow once more."""
    rest = dict(fresh)
    for outcome in await _refresh(looking, frozenset(fresh)):
        known = rest.pop(outcome.target, None)
        if known is None:
            continue
        if outcome.action is Action.WRITTEN and outcome.changed:
            findings.reverted(known, outcome)
        elif outcome.action in {Action.CURRENT, Action.WRITTEN}:
            findings.held(known, outcome)
        elif outcome.action is Action.FAILED:
            findings.again.append(known)
        else:
            findings.left(outcome)
    for target in rest:
        record_jobs.gone(findings.cause, target)  # nothing binds it any more


async def _go_on(looking: Looking, findings: Findings) -> None:
    """Compose the next look; where there is none, give up what is left."""
    if not findings.again:
        return
    coming = followup.next_checks(looking.job, findings.cause, findings.again, looking.limits.pace, looking.now)
    if coming:
        findings.jobs += coming
        return
    newest = await _newest(looking)
    if newest is not None and newest.version != findings.cause.version:
        record_jobs.superseded(findings.cause, newest.version)  # the check of that version goes on
        return
    for one in findings.again:
        if one.delegate is not None:
            findings.end(one, Reason.OWNER_FAILING, f"{one.delegate.resource}: its owner has not written it in time")
        else:
            findings.end(one, Reason.NOT_CONVERGED, "not every pod shows the version in time")


async def _newest(looking: Looking) -> VaultAnswer | None:
    """Return what the vault serves, None where it does not say. A certificate's secret has the same version."""
    about = looking.job.cause.object
    type_ = ObjectType.KEY if about.type is ObjectType.KEY else ObjectType.SECRET
    try:
        async with asyncio.timeout_at(looking.ends):
            return await looking.listed.vault.read(VaultRead(type=type_, name=about.name))
    except (TimeoutError, FanoutError):
        return None


async def _refresh(looking: Looking, only: frozenset[Target]) -> Sequence[TargetOutcome]:
    """Take the targets through the whole flow once more."""
    shared = SharedReads(looking.listed.vault, observers=1, own=None, announced=looking.job.cause.version)
    try:
        return await refresh.refresh_cluster(_errand(looking, only), looking.cluster, shared)
    finally:
        await shared.close()


async def _plan(looking: Looking, only: frozenset[Target]) -> Sequence[Step]:
    shared = SharedReads(looking.listed.vault, observers=1, own=None, announced=looking.job.cause.version)
    try:
        prepared = await refresh.prepare(_errand(looking, only), looking.cluster, shared)
    finally:
        await shared.close()
    return [step for step, _ in prepared.planned]


def _errand(looking: Looking, only: frozenset[Target]) -> refresh.Errand:
    cause = looking.job.cause
    return refresh.Errand(
        about=cause.object,
        version=cause.version,
        happened=cause.time,
        vault=looking.listed.vault,
        vault_host=looking.listed.host,
        ends=looking.ends,
        now=lambda: looking.now,
        only=only,
    )
