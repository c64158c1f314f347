"""Refresh one cluster for a cause, and do all that follows from it.

That is: tell, wake, complain, and put on the queue what is to be done later or again. A delivery ends well when
everything is done, can never be, or is durable on the queue. Only when the queue itself fails is there something left
that its caller has to bring back (design 2.5).
"""

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared import followup, gathering, hold, measure, notice, record, record_jobs, refresh, trace, waking
from shared.errors import FanoutError, PermanentError
from shared.followup import Undone
from shared.job import Job, RefreshJob
from shared.model import ObjectType, Target, VaultRead
from shared.neighbours import Limits, ListedVault, Neighbours
from shared.observed import VaultAnswer
from shared.outcome import Action, TargetOutcome
from shared.ports import Cluster
from shared.reading import SharedReads
from shared.reason import Reason
from shared.telling import Telling
from shared.trace import Hop


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One attempt at a cause. `origin` says what it is about and which attempt it is; `ends` is on the loop's clock.

    `told` and `outcomes` gather what was achieved, `again` counts the jobs for what was not.
    """

    origin: RefreshJob
    listed: ListedVault
    neighbours: Neighbours
    limits: Limits
    now: Callable[[], datetime]
    ends: float
    told: int = 0
    again: int = 0
    outcomes: list[TargetOutcome]

    async def to_cluster(
        self, cluster: Cluster, shared: SharedReads, only: Collection[Target] | None = None
    ) -> Sequence[FanoutError]:
        """Refresh one cluster, or some targets of it; return what could not even be put on the queue."""
        cause, telling = self.origin.cause, Telling(self.neighbours.bus)
        errand = refresh.Errand(
            about=cause.object,
            version=cause.version,
            happened=cause.time,
            vault=self.listed.vault,
            vault_host=self.listed.host,
            ends=self.ends - self.limits.reserve,
            now=self.now,
            only=only,
            pinned=self.origin.pinned,
            most=self.limits.pace.targets,
        )
        done = await refresh.refresh_cluster(errand, cluster, shared)
        self.outcomes += done
        for outcome in done:
            record.target(cause, outcome)
        measure.targets(cause, cluster.name, done)
        await asyncio.gather(
            telling.tell([told for outcome in done for told in notice.about_target(cause, outcome)]),
            self._wake(cluster, done, ends=errand.ends),
            self._complain(cluster, done, ends=errand.ends),
        )
        self.told += telling.told
        undone = [_again(outcome, only) for outcome in done if outcome.error is not None]
        undone += [Undone(cluster=cluster.name, targets=_names(only), error=error) for error in telling.errors]
        jobs = followup.jobs(cause, cluster.name, done, self.limits.pace, self.now())
        jobs += followup.held(self.origin, cluster.name, done)
        jobs += followup.queued(self.origin, cluster.name, done, self.now())
        return await self._schedule(jobs, undone)

    async def of_object(self, shared: SharedReads | None) -> Sequence[FanoutError]:
        """Tell of the object itself: which version the vault serves now.

        For a key, which the app may not read, it is the event's, and so it is for an expiry.
        """
        cause, telling = self.origin.cause, Telling(self.neighbours.bus)
        version, planned = cause.version, None
        if shared is not None:
            answer = await shared.own()
            if isinstance(answer, PermanentError):
                record.untold(cause, answer)
                return ()
            if isinstance(answer, FanoutError):
                return await self._schedule([], [Undone(cluster="", error=answer)])
            version, planned = answer.version, _planned(answer, self.now())
        told = notice.about_object(cause, version=version, vault_url=self.listed.url, at=self.now(), planned=planned)
        await telling.tell([told])
        self.told += telling.told
        return await self._schedule([], [Undone(cluster="", error=error) for error in telling.errors])

    async def share_out(self, clusters: Sequence[Cluster]) -> Sequence[FanoutError]:
        """Give each cluster a job of its own, due now: the host's scale-out shares them."""
        jobs = [
            RefreshJob(cause=self.origin.cause, cluster=cluster.name, began=self.origin.began, due=self.now())
            for cluster in clusters
        ]
        return await self._schedule(jobs, [])

    async def _schedule(self, jobs: Sequence[Job], undone: Sequence[Undone]) -> Sequence[FanoutError]:
        """Put on the queue what follows and what has to be tried again; return what is left where that fails."""
        chance = random.random()  # noqa: S311 - jitter, not a secret
        again = followup.retries(self.origin, undone, self.limits.pace, self.now(), chance=chance)
        record.undone(self.origin.cause, undone)
        expired = [job for job in again if job.gave_up]
        if expired and not await self._give_up(expired, undone):
            again = [followup.spared(job, self.now()) if job.gave_up else job for job in again]
        scheduled = [*jobs, *again]
        try:
            if scheduled:
                with trace.sending(Hop.SCHEDULE, len(scheduled)):
                    await self.neighbours.queue.schedule(scheduled)
        except FanoutError as error:
            return [*[one.error for one in undone], error]
        measure.scheduled(scheduled)
        self.again += len(again)
        record.again(self.origin.cause, again)
        return ()

    async def _give_up(self, expired: Sequence[RefreshJob], undone: Sequence[Undone]) -> bool:
        """Tell of each target that is tried no more, or of the cluster. Returns whether that could be told."""
        texts = {one.cluster: str(one.error) for one in undone}
        outcomes = [
            TargetOutcome(
                target=Target(cluster=job.cluster, namespace=namespace, secret=secret),
                action=Action.LEFT,
                at=self.now(),
                reason=Reason.RETRIES_EXHAUSTED,
                detail=texts[job.cluster],
            )
            for job in expired
            for namespace, secret in job.targets or [("", "")]
        ]
        cause = self.origin.cause
        for outcome in outcomes:
            record_jobs.gave_up(cause, outcome)
            measure.gave_up(outcome)
        telling = Telling(self.neighbours.bus)
        await telling.tell([told for outcome in outcomes for told in notice.about_target(cause, outcome)])
        self.told += telling.told
        return not telling.errors

    async def _wake(self, cluster: Cluster, done: Sequence[TargetOutcome], *, ends: float) -> None:
        """Wake the pods that wait for what was done. What fails here is only slower."""
        wakes = [outcome.wake for outcome in done if outcome.wake is not None]
        if not wakes or not self.limits.nudging:
            return
        limit = min(ends, asyncio.get_running_loop().time() + cluster.timeout)
        woken = await waking.wake(cluster, wakes, ends=limit)
        record.woken(self.origin.cause, cluster.name, woken)

    async def _complain(self, cluster: Cluster, done: Sequence[TargetOutcome], *, ends: float) -> None:
        """Say on each badly declared Secret what is wrong with it. Where that fails, the log and the notice say it."""
        limit = min(ends, asyncio.get_running_loop().time() + cluster.timeout)
        bad = {one.target: cluster.complain(one.complaint, one.detail) for one in done if one.complaint is not None}
        for target, error in (await gathering.each(bad, cluster.name, ends=limit)).items():
            if isinstance(error, FanoutError):
                record.uncomplained(self.origin.cause, target, error)


def _planned(answer: VaultAnswer, now: datetime) -> datetime | None:
    """Return when a new version that is held back will be refreshed; a bad tag is told of each target."""
    try:
        return hold.until(answer, now)
    except PermanentError:
        return None


def own_read(job: RefreshJob) -> VaultRead | None:
    """Return the read that verifies the object's own notice. A certificate is read as the secret of its name.

    A key that no class binds is not read: that takes a role (Key Vault Crypto User) which nothing else needs.
    """
    about = job.cause.object
    return None if about.type is ObjectType.KEY else VaultRead(type=ObjectType.SECRET, name=about.name)


def _again(outcome: TargetOutcome, only: Collection[Target] | None) -> Undone:
    """Say what has to be done again for a target that failed; a listing that failed concerns all that was asked for."""
    assert outcome.error is not None  # noqa: S101 - asked for those that have one
    target = outcome.target
    names = ((target.namespace, target.secret),) if target.secret else _names(only)
    return Undone(cluster=target.cluster, targets=names, error=outcome.error)


def _names(targets: Collection[Target] | None) -> tuple[tuple[str, str], ...]:
    return tuple((target.namespace, target.secret) for target in targets or ())
