"""One dead letter of the job queue: what it says, and the fresh job that it becomes. Pure."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from fanout.deadletters.verdict import Known, Verdict
from shared import job, job_message
from shared.errors import MalformedJob
from shared.job import CheckJob, Job, RefreshJob, RestartJob

_RENUMBERED = 500
"""Attempts of one cause take 15 minutes at most, 7 on average: so many are further back than any duplicate window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """A message of the dead-letter queue, as the broker shows it. `body` is None where it is not made of bytes."""

    sequence: int
    body: bytes | None = field(repr=False)
    reason: str
    description: str
    deliveries: int
    enqueued: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLetter:
    """A dead letter that was read. `job` is None for what is none."""

    id: str
    verdict: Verdict
    note: str = ""
    dead: Dead
    job: Job | None = None


def read(dead: Dead, known: Known) -> JobLetter:
    """Say what a dead letter holds. Raises nothing, whatever it is."""
    name = str(dead.sequence)
    if dead.body is None:
        return JobLetter(id=name, verdict=Verdict.MALFORMED, note="its body is not made of bytes", dead=dead)
    try:
        found = job_message.parse(dead.body)
    except MalformedJob as error:
        return JobLetter(id=name, verdict=Verdict.MALFORMED, note=str(error), dead=dead)
    about = found.cause.object
    # A worker ends a job of what it does not know, and it would be lost.
    of_object = isinstance(found, RefreshJob) and not found.cluster
    if not of_object and found.cluster not in known.clusters:
        return JobLetter(
            id=name, verdict=Verdict.FOREIGN, note=f"{found.cluster} is not in CLUSTERS", dead=dead, job=found
        )
    if about.vault not in known.vaults:
        return JobLetter(
            id=name, verdict=Verdict.FOREIGN, note=f"{about.vault} is not in KEY_VAULTS", dead=dead, job=found
        )
    return JobLetter(id=name, verdict=Verdict.OURS, dead=dead, job=found)


def renewed(dead: Job, now: datetime) -> Job:
    """Return the job to be done now, with all its time before it.

    It keeps its count of attempts: the ids of later attempts are made from it, and had it begun again at 0, the queue's
    duplicate detection would take its next attempt for one of two days ago and drop it.
    """
    attempt = dead.attempt if dead.attempt < _RENUMBERED else 0
    if isinstance(dead, RefreshJob):
        return replace(dead, began=now, due=now, attempt=attempt, gave_up="")
    return replace(dead, began=now, due=now, attempt=attempt)


def identify(fresh: Job, sequence: int) -> str:
    """Return the message id of a replay: its own for each dead letter, and the same each time.

    So the queue drops none because the dead job had the same id, and drops the second of two replays of a dead letter.
    """
    return hashlib.sha256(json.dumps(["replay", job.identify(fresh), sequence]).encode()).hexdigest()


def kind(found: Job) -> str:
    """Return a job's kind in one word."""
    return {CheckJob: "check", RestartJob: "restart", RefreshJob: "refresh"}[type(found)]


def targets(found: Job) -> Sequence[str]:
    """Return what a job is about in its cluster, as namespace/name; nothing is all of it."""
    match found:
        case CheckJob():
            return [f"{one.namespace}/{one.secret or _resource(one)}" for one in found.watched]
        case RestartJob():
            return [f"{one.namespace}/{one.secret}" for one in found.wishes]
        case RefreshJob():
            return [f"{namespace}/{secret}" for namespace, secret in found.targets]


def _resource(one: job.Watched) -> str:
    return one.delegate.resource.name if one.delegate else "(mounts)"
