"""What is to be done later: durable messages on the job queue. Pure.

A job carries names, versions and times, never a value. It is a reason to look, as an event is: doing it twice, late or
in another order changes nothing. Its id is a hash of what it is about, so that a queue with duplicate detection drops
the copy that a redelivered event makes. How a job is written down: `job_message`.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from shared.delegate import Delegate
from shared.event import VaultEvent
from shared.observed import Writer
from shared.outcome import Mounts
from shared.restart import Wish

MOST_ENTRIES = 100
"""Targets in one job, so that it fits into a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One target whose owner may put old bytes back, or was asked to write it: what to compare later.

    `resource_version` is the Secret's after the last write or before the request (empty: there was none), `since` when
    that was, `rewrites` how often it was written again. `mounts` are the volumes that should show the object,
    `delegate` is the resource whose owner was asked.
    """

    namespace: str
    secret: str
    owner: Writer
    resource_version: str
    since: datetime
    rewrites: int = 0
    mounts: Mounts | None = None
    delegate: Delegate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckJob:
    """Look whether the targets of one cluster hold what they should, and whether all pods show it."""

    cause: VaultEvent
    cluster: str
    began: datetime
    due: datetime
    attempt: int = 0
    watched: tuple[Watched, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartJob:
    """Restart the workloads of one cluster that opted in and still run on what changed Secrets held before.

    `told`: an earlier round said already which of them it leaves alone.
    """

    cause: VaultEvent
    cluster: str
    began: datetime
    due: datetime
    attempt: int = 0
    wishes: tuple[Wish, ...]
    told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshJob:
    """Refresh targets of one cluster: what failed for a passing reason, what was held, a share of a large fan-out.

    Without `targets` it is about all of the cluster; without a cluster it is about the object's own notice.
    `pinned` includes what stays at a version. `held` is for what may not be used before it is due. `gave_up` says why
    it is not done any more: such a job is on its way to the queue's dead letters.
    """

    cause: VaultEvent
    cluster: str
    began: datetime
    due: datetime
    attempt: int = 0
    targets: tuple[tuple[str, str], ...] = ()
    pinned: bool = False
    held: bool = False
    gave_up: str = ""


Job = CheckJob | RestartJob | RefreshJob


def identify(job: Job) -> str:
    """Return the message id: the same job made twice has the same one, its next attempt another."""
    about, cause = job.cause.object, job.cause
    entries: list[tuple[str, ...]]
    match job:
        case CheckJob():
            entries = [_about(one) for one in job.watched]
        case RestartJob():
            entries = [(one.namespace, one.secret, one.resource_version) for one in job.wishes]
        case RefreshJob():
            # Of two events about one version each is retried: what they tell of the object differs.
            entries = [*job.targets, (cause.id, cause.kind, str(about.type), job.gave_up)]
            entries += [(str(job.due.timestamp()),)] if job.held else []
    kind = type(job).__name__
    parts = (kind, job.cluster, about.vault, about.name, cause.version, job.attempt, sorted(entries))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _about(one: Watched) -> tuple[str, ...]:
    """Tell watched targets apart: mounts without a Secret by their classes, requests about one Secret by resource."""
    classes = sorted(one.mounts.classes) if one.mounts else []
    resource = str(one.delegate.resource) if one.delegate else ""
    return (one.namespace, one.secret, one.resource_version, resource, *classes)
