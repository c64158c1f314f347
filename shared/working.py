"""What a message on the job queue leads to: a refresh, a check or a round of restarts, and the jobs that follow.

A job ends when what follows from it is on the queue and told. What could not be told is done once more by another job,
later; what could not be put on the queue comes again: the host completes a message only when this returns.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from shared import checking, followup, job_message, measure, record_jobs, restarting, trace
from shared.delivery import Delivery, own_read
from shared.errors import FanoutError, MalformedJob, PermanentError, TransientError, describe_fault
from shared.event import EventKind
from shared.job import CheckJob, Job, RefreshJob, RestartJob
from shared.looking import Looking
from shared.model import Target
from shared.neighbours import Limits, Neighbours
from shared.ports import Cluster
from shared.reading import SharedReads
from shared.reason import Reason
from shared.telling import Telling
from shared.trace import Hop


class Worker:
    """Does jobs. One for each event loop; any number of jobs at once."""

    def __init__(self, neighbours: Neighbours, limits: Limits, *, now: Callable[[], datetime]) -> None:
        self._neighbours = neighbours
        self._limits = limits
        self._now = now

    async def handle(self, body: bytes | str) -> None:
        """Do one job.

        Returns when its effects are done, told and followed up. Raises an `ExceptionGroup` of `FanoutError`s when it
        has to come again, a `PermanentError` for what is no job or was given up: it ends in the queue's dead letters.
        """
        began = time.perf_counter()
        try:
            due = job_message.parse(body)
        except MalformedJob as error:
            record_jobs.malformed(error)
            measure.malformed_job()
            raise
        late = (self._now() - due.due).total_seconds()
        if isinstance(due, RefreshJob) and due.gave_up:
            measure.job(due, result="given-up", seconds=time.perf_counter() - began, late=late)
            raise PermanentError(f"given up: {due.gave_up}", reason=Reason.RETRIES_EXHAUSTED)
        attributes: trace.Attributes = {
            trace.CLUSTER: due.cluster,
            trace.JOB_KIND: type(due).__name__,
            trace.ATTEMPT: due.attempt,
        }
        with trace.processed(Hop.JOB, due.cause, attributes) as span:
            errors = await self._handle(due)
            if errors:
                trace.fail(span, str(errors[0].reason))
            seconds = time.perf_counter() - began
            record_jobs.worked(due, errors, seconds=seconds)
        measure.job(due, result="failed" if errors else "done", seconds=seconds, late=late)
        if errors:
            raise ExceptionGroup(f"{len(errors)} effects have to be tried again", errors)

    async def _handle(self, due: Job) -> list[FanoutError]:
        if self._unlisted(due):
            record_jobs.unlisted_job(due)
            return []
        telling = Telling(self._neighbours.bus)
        ends = asyncio.get_running_loop().time() + self._limits.deadline
        try:
            async with asyncio.timeout_at(ends):
                await self._carry_out(due, telling, ends=ends)
        except TimeoutError:
            late = TransientError(f"not done within {self._limits.deadline:g} s", reason=Reason.DEADLINE)
            telling.errors.append(late)
        except FanoutError as error:
            telling.errors.append(error)
        except Exception as fault:  # noqa: BLE001 - the host would log its text, which may quote a value
            record_jobs.job_fault(due, describe_fault(fault))
            telling.errors.append(TransientError(type(fault).__name__, reason=Reason.UNEXPECTED))
        return telling.errors

    def _unlisted(self, due: Job) -> bool:
        """Tell whether the settings do not list its cluster or vault any more."""
        known = self._neighbours.cluster(due.cluster) or (isinstance(due, RefreshJob) and not due.cluster)
        return not known or due.cause.object.vault not in self._neighbours.vaults

    async def _carry_out(self, due: Job, telling: Telling, *, ends: float) -> None:
        if isinstance(due, RefreshJob):
            telling.errors += await self._refresh(due, ends=ends)
            return
        cluster = self._neighbours.cluster(due.cluster)
        assert cluster is not None  # noqa: S101 - `_unlisted` ended the others
        ends -= self._limits.reserve
        if isinstance(due, CheckJob):
            follow = await self._check(due, cluster, telling, ends=ends)
        else:
            follow = await restarting.run(due, cluster, self._limits.pace, now=self._now(), ends=ends)
        jobs = self._again(due, telling) or follow
        if jobs:
            with trace.sending(Hop.SCHEDULE, len(jobs)):
                await self._neighbours.queue.schedule(jobs)
            measure.scheduled(jobs)

    def _again(self, due: CheckJob | RestartJob, telling: Telling) -> Sequence[Job]:
        """Return the job that tells what could not be told; what follows from it follows from that one then."""
        if not telling.errors:
            return ()
        repeated = followup.repeated(due, self._limits.pace, self._now(), chance=random.random())  # noqa: S311 - jitter
        if repeated:
            record_jobs.untold_job(due, telling.errors, repeated[0])
            telling.errors.clear()
        return repeated

    async def _refresh(self, due: RefreshJob, *, ends: float) -> Sequence[FanoutError]:
        listed = self._neighbours.vaults[due.cause.object.vault]
        delivery = Delivery(
            origin=due,
            listed=listed,
            neighbours=self._neighbours,
            limits=self._limits,
            now=self._now,
            ends=ends,
            outcomes=[],
        )
        cluster = self._neighbours.cluster(due.cluster)
        own = None if cluster or due.cause.kind is not EventKind.NEW_VERSION else own_read(due)
        shared = SharedReads(listed.vault, observers=1 if cluster else 0, own=own, announced=due.cause.version)
        try:
            if cluster is None:
                return await delivery.of_object(shared if own else None)
            only = {Target(cluster=due.cluster, namespace=place, secret=name) for place, name in due.targets}
            return await delivery.to_cluster(cluster, shared, only or None)
        finally:
            await shared.close()

    async def _check(self, due: CheckJob, cluster: Cluster, telling: Telling, *, ends: float) -> Sequence[Job]:
        looking = Looking(
            job=due,
            cluster=cluster,
            listed=self._neighbours.vaults[due.cause.object.vault],
            limits=self._limits,
            now=self._now(),
            ends=ends,
        )
        findings = await checking.look(looking)
        await asyncio.gather(telling.tell(findings.notices), checking.wake(looking, findings))
        return findings.jobs
