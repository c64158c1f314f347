"""Which jobs follow from what was done: delayed checks, restarts, retries, what was held, what was too much. Pure.

Jobs are composed from outcomes, so a redelivered event composes the same ones, and their ids let the queue drop them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from shared import chain, job_message
from shared.delegate import Delegate
from shared.errors import FanoutError, TransientError
from shared.event import VaultEvent
from shared.job import MOST_ENTRIES, CheckJob, Job, RefreshJob, RestartJob, Watched
from shared.model import ObjectType
from shared.observed import Driver
from shared.outcome import Action, TargetOutcome
from shared.pace import Pace
from shared.restart import Wish
from shared.settling import TOLERANCE

_LONGEST_WAIT = 300.0
"""Seconds between two looks at most."""
_LONGEST_RETRY = 900.0
"""Seconds between two attempts at most."""
_LONGEST_WISH = 3600.0
"""Seconds that a neighbour may ask for."""
_LONGEST_PART = 128 * 1024
"""Bytes of one job's entries, so that it fits into a message of the Standard tier with all its other fields."""

T = TypeVar("T")


def jobs(cause: VaultEvent, cluster: str, outcomes: Sequence[TargetOutcome], pace: Pace, now: datetime) -> list[Job]:
    """Compose what has to be looked at later in one cluster.

    It is about the version that was served, which for a late event is newer than the event's: nobody may be told of an
    older version after a newer one.
    """
    by_version: dict[str, list[TargetOutcome]] = {}
    for outcome in outcomes:
        by_version.setdefault(_version(cause, outcome), []).append(outcome)
    made: list[Job] = []
    for version, ones in by_version.items():
        about = replace(cause, version=version)
        watched = [one for outcome in ones for one in _watched(cause, outcome)]
        made += [
            CheckJob(cause=about, cluster=cluster, began=now, due=now + timedelta(seconds=pace.first), watched=part)
            for part in _parts(watched, job_message.size_of_watched)
        ]
        if pace.restarting:
            made += restarts(about, cluster, [wish for one in ones if (wish := _wish(one))], pace, now)
    return made


def _version(cause: VaultEvent, outcome: TargetOutcome) -> str:
    """Return which version of the cause's object an outcome is about."""
    if outcome.served is not None:
        return outcome.served.version
    about = cause.object
    held = [one for one in outcome.holds if one.object == about]
    if about.type is ObjectType.CERT:  # its secret and key have the same versions
        held += [one for one in outcome.holds if (one.object.vault, one.object.name) == (about.vault, about.name)]
    return held[0].version if held else cause.version


def shares(cause: VaultEvent, cluster: str, targets: Sequence[tuple[str, str]], began: datetime) -> list[RefreshJob]:
    """Compose the refreshes that a sweep asks for, what stays at a version included."""
    whole = RefreshJob(cause=cause, cluster=cluster, began=began, due=began, pinned=True)
    return [replace(whole, targets=part) for part in _parts(targets, job_message.size_of_target)]


def at(job_: RefreshJob, due: datetime) -> RefreshJob:
    """Return a job for another time."""
    return replace(job_, due=due)


def held(origin: RefreshJob, cluster: str, outcomes: Sequence[TargetOutcome]) -> list[RefreshJob]:
    """Compose the refreshes of what its owner holds back, each for the time when it may be used."""
    by_time: dict[datetime, list[tuple[str, str]]] = {}
    for outcome in outcomes:
        if outcome.until is not None:
            by_time.setdefault(outcome.until, []).append((outcome.target.namespace, outcome.target.secret))
    following = replace(origin, cause=_chained(origin.cause), cluster=cluster, attempt=origin.attempt + 1)
    return [
        replace(following, began=due, due=due, held=True, targets=part)
        for due, targets in by_time.items()
        for part in _whole_or_parts(targets)
    ]


def queued(origin: RefreshJob, cluster: str, outcomes: Sequence[TargetOutcome], now: datetime) -> list[RefreshJob]:
    """Compose the refreshes of what was too much for one invocation, due now: the host's scale-out shares them."""
    targets = [(one.target.namespace, one.target.secret) for one in outcomes if one.action is Action.QUEUED]
    return [
        replace(origin, cluster=cluster, due=now, held=False, attempt=origin.attempt + 1, targets=part)
        for part in _parts(targets, job_message.size_of_target)
    ]


def restarts(cause: VaultEvent, cluster: str, wishes: Iterable[Wish], pace: Pace, now: datetime) -> list[Job]:
    """Compose the restarts that follow from changed Secrets."""
    due = now + timedelta(seconds=pace.window)
    return [
        RestartJob(cause=cause, cluster=cluster, began=now, due=due, wishes=part)
        for part in _parts(wishes, job_message.size_of_wish)
    ]


def next_checks(
    done: CheckJob, cause: VaultEvent, watched: Sequence[Watched], pace: Pace, now: datetime
) -> list[CheckJob]:
    """Compose the next look at what is left of a check, none where it is too old."""
    wait = min(pace.first * 2.0 ** min(done.attempt + 1, 20), _LONGEST_WAIT)
    due = now + timedelta(seconds=wait)
    if due - done.began > timedelta(seconds=pace.limit):  # a sum might be no time: `began` is what a message says
        return []
    following = replace(done, cause=cause, attempt=done.attempt + 1, due=due)
    return [replace(following, watched=part) for part in _parts(watched, job_message.size_of_watched)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What has to be done again in a cluster (the object's own notice: in none), and why.

    Without `targets` it is all of the cluster.
    """

    cluster: str
    targets: tuple[tuple[str, str], ...] = ()
    error: FanoutError


def retries(
    origin: RefreshJob, undone: Sequence[Undone], pace: Pace, now: datetime, *, chance: float
) -> list[RefreshJob]:
    """Compose the next attempts, or where the cause is too old the jobs that carry it to the dead letters.

    `origin` is the attempt that ended so; `chance`, from 0 to 1, spreads the attempts (full jitter). A neighbour's own
    wish for patience is granted, up to an hour.
    """
    by_cluster: dict[str, list[Undone]] = {}
    for one in undone:
        by_cluster.setdefault(one.cluster, []).append(one)
    made: list[RefreshJob] = []
    for cluster, ones in by_cluster.items():
        wishes = [one.error.retry_after or 0.0 for one in ones if isinstance(one.error, TransientError)]
        longest = min(pace.retry * 2.0 ** min(origin.attempt, 20), _LONGEST_RETRY)
        due = now + timedelta(
            seconds=max(longest * chance, pace.retry / 5, min(max(wishes, default=0.0), _LONGEST_WISH))
        )
        over = due - origin.began > timedelta(seconds=pace.patience)
        whole = any(not one.targets for one in ones)
        targets = () if whole else tuple(dict.fromkeys(target for one in ones for target in one.targets))
        following = replace(
            origin,
            cause=_chained(origin.cause),
            held=False,
            cluster=cluster,
            attempt=origin.attempt + 1,
            due=now if over else due,
            gave_up=str(ones[0].error.reason) if over else "",
        )
        made += [replace(following, targets=part) for part in _whole_or_parts(targets)]
    return made


def spared(given_up: RefreshJob, now: datetime) -> RefreshJob:
    """Return another attempt in place of one that was given up, because nobody could be told of that."""
    return replace(given_up, gave_up="", due=now + timedelta(seconds=_LONGEST_WAIT))


def repeated(done: CheckJob | RestartJob, pace: Pace, now: datetime, *, chance: float) -> Sequence[Job]:
    """Return a job whose effects could not all be told, to be done once more; none where it is too old.

    Nothing is done twice by that: a look finds what it did the last time.
    """
    if now - done.began > timedelta(seconds=pace.patience):
        return ()
    wait = min(pace.retry * 2.0 ** min(done.attempt, 20), _LONGEST_WAIT)
    due = now + timedelta(seconds=max(wait * chance, pace.retry / 5))
    return (replace(done, attempt=done.attempt + 1, due=due),)


def _chained(cause: VaultEvent) -> VaultEvent:
    """Let what sweeps of one day bring up again and again make one chain of jobs: their ids are the same then."""
    return replace(cause, id=chain.chain_id(cause.id))


def _whole_or_parts(targets: Sequence[tuple[str, str]]) -> Iterable[tuple[tuple[str, str], ...]]:
    """Return targets in parts that fit into a message; none, which is all of the cluster, where one has no name."""
    return [()] if not targets or any(not name for _, name in targets) else _parts(targets, job_message.size_of_target)


def _watched(cause: VaultEvent, outcome: TargetOutcome) -> Iterator[Watched]:
    """Yield what of an outcome its owner may undo, or still has to do."""
    owner, target = outcome.owner, outcome.target
    if owner is None:
        return
    common: dict[str, Any] = {
        "namespace": target.namespace,
        "secret": target.secret,
        "owner": owner,
        "resource_version": outcome.resource_version,
        "since": outcome.at,
    }
    for delegate in outcome.delegates:
        yield Watched(**{**common, "since": _asked(cause, outcome, delegate)}, delegate=delegate)
    done = outcome.action in {Action.WRITTEN, Action.CURRENT}
    if done and owner in {Driver.V1_6_ROTATING, Driver.UNKNOWN}:
        yield Watched(**common, mounts=outcome.mounts)
    elif not done and outcome.mounts is not None and outcome.mounts.remounts:
        yield Watched(**{**common, "secret": ""}, mounts=outcome.mounts)


def _asked(cause: VaultEvent, outcome: TargetOutcome, delegate: Delegate) -> datetime:
    """Return since when a look of an owner counts.

    One without a mark was asked by an earlier delivery, or had never looked: any look since the version was made
    is one.
    """
    made = outcome.served.created if outcome.served and outcome.served.created else cause.time
    if delegate.mark or made is None:
        return outcome.at
    return min(outcome.at, made - TOLERANCE)


def _wish(outcome: TargetOutcome) -> Wish | None:
    if not outcome.changed:
        return None
    return Wish(
        namespace=outcome.target.namespace,
        secret=outcome.target.secret,
        resource_version=outcome.resource_version,
        versions={str(held.object): held.version for held in outcome.holds},
    )


def _parts(items: Iterable[T], size: Callable[[T], int]) -> Iterator[tuple[T, ...]]:
    """Yield the items in parts that fit into a message."""
    part: list[T] = []
    length = 0
    for item in items:
        length += size(item)
        if part and (length > _LONGEST_PART or len(part) == MOST_ENTRIES):
            yield tuple(part)
            part, length = [], size(item)
        part.append(item)
    if part:
        yield tuple(part)
