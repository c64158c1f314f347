"""Restart the workloads that wait for changed Secrets, a few at a time. Effects through `ports.Cluster` only.

One process at a time restarts in a cluster (a Lease there says which), so that the budget is one budget however many
instances run. Who does not get the Lease comes again in a moment.
"""

import asyncio
import contextlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from shared import record_jobs, restart, workload
from shared.errors import ConfigurationError, ConflictError, FanoutError, PermanentError
from shared.gathering import each
from shared.job import Job, RestartJob, identify
from shared.pace import Pace
from shared.ports import Cluster
from shared.reason import Reason
from shared.restart import Round
from shared.rollout import Progress
from shared.workload import Record, Workload

AGAIN = 15.0
"""Seconds until it is looked whether there is room for the next workloads."""

MOMENT = 1.0
"""Seconds until the Lease is tried again, at first: who has it gives it back when a round is over."""

LONGEST_WAIT = 30.0
"""Seconds until the Lease is tried again, in the end."""

LONGEST_PAUSE = 300.0
"""Seconds until what failed is tried again, in the end."""

OVERDUE = timedelta(hours=1)
"""How long workloads may wait for room: rollouts that do not end use the budget up."""


async def run(job: RestartJob, cluster: Cluster, pace: Pace, *, now: datetime, ends: float) -> Sequence[Job]:
    """Restart what there is room for and return the job for the rest. Raises nothing of a neighbour's."""
    holder = identify(job)
    try:
        async with asyncio.timeout_at(ends):
            if job.attempt == 0 and not await cluster.workloads():
                return ()  # nobody asked for restarts, and no Lease is needed to see that
            if not await cluster.hold_restarts(holder):
                return _later(job, now, wait=min(MOMENT * 2.0 ** min(job.attempt, 20), LONGEST_WAIT))
            try:
                return await _round(job, cluster, pace, now=now, ends=ends)
            finally:
                with contextlib.suppress(FanoutError):  # a Lease that is not given back runs out
                    await cluster.release_restarts(holder)
    except (PermanentError, ConfigurationError) as error:
        record_jobs.not_restarted(job.cause, cluster.name, error)
        return ()
    except (TimeoutError, FanoutError) as error:
        record_jobs.postponed(job.cause, cluster.name, error)
        return _later(job, now)


async def _round(job: RestartJob, cluster: Cluster, pace: Pace, *, now: datetime, ends: float) -> Sequence[Job]:
    """Restart until there is no room. A Secret that cannot be read, or a workload that refuses, costs only itself."""
    workloads = await cluster.workloads()
    places = {(wish.namespace, wish.secret) for wish in job.wishes}
    beside = restart.read_beside(workloads, job.wishes)
    calls = {place: cluster.secret_version(*place) for place in places | beside}
    seen = await each(calls, cluster.name, ends=ends)
    unread = {place: error for place in places if isinstance(error := seen[place], FanoutError)}
    for place, error in unread.items():
        record_jobs.restart_failed(job.cause, cluster.name, f"who reads {'/'.join(place)}", error, again=True)
    present = {place: version for place, version in seen.items() if isinstance(version, str)}
    going = _Going(job, cluster, present, now)
    planned = await going.restart(list(workloads), budget=pace.budget)
    for refused, reason in () if job.told else planned.refused:
        record_jobs.restart_refused(job.cause, cluster.name, str(refused), reason)
    # What failed gets a job of its own: it would be first in turn again, and is looked at ever less often.
    failed = [one for one in job.wishes if one.namespace in going.again or (one.namespace, one.secret) in unread]
    waiting = {one.namespace for one in planned.waiting}
    rest = [one for one in job.wishes if one.namespace in waiting and one not in failed]
    pause = min(AGAIN * 2.0 ** min(job.attempt, 20), LONGEST_PAUSE)
    parts = [(AGAIN, rest), (pause, failed)]
    return [
        following
        for wait, wishes in parts
        if wishes
        for following in _later(replace(job, told=True, wishes=tuple(wishes)), now, wait=wait)
    ]


class _Answer(Enum):
    """What became of a patch. `UNSURE`: it may be done, and only the answer was lost."""

    DONE = auto()
    REFUSED = auto()
    UNSURE = auto()


@dataclass(slots=True)
class _Going:
    """The restarts of one round. `again` are the namespaces of workloads that could not be restarted for now."""

    job: RestartJob
    cluster: Cluster
    present: Mapping[tuple[str, str], str]
    now: datetime
    again: set[str] = field(default_factory=set)

    async def restart(self, workloads: list[Workload], *, budget: int) -> Round:
        """Restart while there is room, and return what the others wait for.

        Who is not restarted takes no place, unless it holds one anyway or may be restarted all the same.
        """
        while True:
            planned = restart.plan_round(workloads, self.job.wishes, self.present, budget=budget)
            if not planned.restart:
                return planned
            for one, made in planned.restart:
                workloads.remove(one)
                answer = await self._patch(one, made)
                if answer is _Answer.DONE:
                    workloads.append(replace(one, progress=Progress.ROLLING, restarted=made))
                elif answer is _Answer.UNSURE or restart.holds_place(one):
                    budget -= 1

    async def _patch(self, one: Workload, made: Record) -> _Answer:
        name = self.cluster.name
        try:
            await self.cluster.restart(one, workload.restart_patch(one, made, self.now))
        except (PermanentError, ConfigurationError) as error:
            record_jobs.restart_failed(self.job.cause, name, str(one), error, again=False)
            return _Answer.REFUSED
        except FanoutError as error:
            record_jobs.restart_failed(self.job.cause, name, str(one), error, again=True)
            self.again.add(one.namespace)
            return _Answer.REFUSED if isinstance(error, ConflictError) else _Answer.UNSURE
        record_jobs.restarted(self.job.cause, name, str(one))
        return _Answer.DONE


def _later(job: RestartJob, now: datetime, *, wait: float = AGAIN) -> Sequence[Job]:
    if now - job.began > OVERDUE:
        record_jobs.overdue(job.cause, job.cluster, Reason.RESTART_OVERDUE)
        return ()
    due = now + timedelta(seconds=wait * (0.5 + random.random()))  # noqa: S311 - jitter, not a secret
    return (replace(job, attempt=job.attempt + 1, due=due),)
