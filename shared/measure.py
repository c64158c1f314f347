"""What an operator is alerted by: OpenTelemetry metrics. Without an SDK in the process every call here does nothing.

Labels are names of vaults and clusters, and words that this program chooses from: as many as there are, and no more.
Objects, namespaces and Secrets are named in the log and in spans; of objects also one metric of its own, where the
setting METRICS_OBJECT_NAMES asks for it. What each metric is, is said in `metric`.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.metrics import Counter as Count

from shared import chain, metric
from shared.event import VaultEvent
from shared.job import CheckJob, Job, RefreshJob, RestartJob
from shared.metric import Kind, Metric
from shared.model import VaultObject
from shared.observed import ListedObject, Writer
from shared.outcome import Action, Convergence, TargetOutcome
from shared.sweep import Swept

Labels = Mapping[str, str]

_meter = metrics.get_meter("keyvault-fanout")

_JOBS: dict[type, str] = {CheckJob: "check", RestartJob: "restart", RefreshJob: "refresh"}
_NONE = "none"
_DAY = 86_400.0


def _count(one: Metric) -> Count:
    return _meter.create_counter(one.name, unit=one.unit, description=one.meaning)


def _spread(one: Metric) -> metrics.Histogram:
    return _meter.create_histogram(
        one.name, unit=one.unit, description=one.meaning, explicit_bucket_boundaries_advisory=metric.BUCKETS
    )


class _Gauge:
    """A gauge that is exported a few times for each time that it was set: one export may fail, and none is enough.

    The SDK's own repeats its last value for as long as the process lives, on every instance that ever swept.
    """

    def __init__(self, one: Metric) -> None:
        self._set: dict[tuple[tuple[str, str], ...], tuple[float, int]] = {}
        self._lock = threading.Lock()  # a thread of the SDK's exports
        _meter.create_observable_gauge(one.name, [self._observed], unit=one.unit, description=one.meaning)

    def set(self, value: float, labels: Labels | None = None) -> None:
        with self._lock:
            self._set[tuple((labels or {}).items())] = (value, metric.REPEATS)

    def _observed(self, _options: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            now = self._set
            self._set = {labels: (value, left - 1) for labels, (value, left) in now.items() if left > 1}
        return [Observation(value, dict(labels)) for labels, (value, _) in now.items()]


_counts = {one: _count(one) for one in metric.ALL if one.kind is Kind.COUNTER}
_spreads = {one: _spread(one) for one in metric.ALL if one.kind is Kind.HISTOGRAM}
_gauges = {one: _Gauge(one) for one in metric.ALL if one.kind is Kind.GAUGE}


def unread(result: str) -> None:
    """Count an event that led to nothing, because it is none, asks for nothing or is about nobody's vault."""
    _counts[metric.EVENTS].add(1, {"vault": _NONE, "kind": _NONE, "result": result})


def event(happened: VaultEvent, *, result: str, seconds: float) -> None:
    """Count an event that was handled, and note how long that took."""
    kind = str(happened.kind)
    _counts[metric.EVENTS].add(1, {"vault": happened.object.vault, "kind": kind, "result": result})
    _spreads[metric.EVENT_DURATION].record(seconds, {"kind": kind, "result": result})


def targets(cause: VaultEvent, cluster: str, outcomes: Sequence[TargetOutcome]) -> None:
    """Count how the targets of one cluster ended; of what was written note how long that took since the event."""
    ended = Counter((str(one.action), _owner(one.owner), str(one.reason or _NONE)) for one in outcomes)
    for (action, owner, reason), number in ended.items():
        labels = {"cluster": cluster, "action": action, "owner": owner, "reason": reason}
        _counts[metric.TARGETS].add(number, labels)
    for one in outcomes:
        if one.action is Action.WRITTEN:
            refreshed(cause, one)


def refreshed(cause: VaultEvent, outcome: TargetOutcome) -> None:
    """Note how long it took until a Secret had new bytes; of another owner's, until that was seen."""
    if outcome.changed:
        _since(metric.REFRESH_DELAY, cause, outcome.at, cluster=outcome.target.cluster, owner=outcome.owner)


def converged(cause: VaultEvent, proof: Convergence) -> None:
    """Note how long it took until everything that shows a target showed the version."""
    _since(metric.CONVERGENCE_DELAY, cause, proof.at, cluster=proof.target.cluster, owner=proof.owner)


def reverted(outcome: TargetOutcome) -> None:
    """Count a Secret that somebody put back to older bytes."""
    labels = {"cluster": outcome.target.cluster, "owner": _owner(outcome.owner)}
    _counts[metric.REVERTS].add(1, labels)


def gave_up(outcome: TargetOutcome) -> None:
    """Count a target that nobody tries any more."""
    labels = {"cluster": outcome.target.cluster or _NONE, "reason": str(outcome.reason or _NONE)}
    _counts[metric.GIVEN_UP].add(1, labels)


def scheduled(jobs: Iterable[Job]) -> None:
    """Count jobs that were put on the queue."""
    for kind, number in Counter(_JOBS[type(one)] for one in jobs).items():
        _counts[metric.JOBS_SCHEDULED].add(number, {"kind": kind})


def malformed_job() -> None:
    """Count a message that is no job."""
    _counts[metric.JOBS_FINISHED].add(1, {"kind": _NONE, "result": "refused"})


def job(done: Job, *, result: str, seconds: float, late: float) -> None:
    """Count a job that was done, and note how long it took and how late it began."""
    labels = {"kind": _JOBS[type(done)], "result": result}
    _counts[metric.JOBS_FINISHED].add(1, labels)
    _spreads[metric.JOB_DURATION].record(seconds, labels)
    _spreads[metric.JOB_LAG].record(max(0.0, late), {"kind": labels["kind"]})


def swept(found: Swept, *, seconds: float) -> None:
    """Note how a sweep ended and what it found; nothing found counts too, so that it is seen."""
    _spreads[metric.SWEEP_DURATION].record(seconds, {"result": "failed" if found.errors else "done"})
    for word, number in (("suspect", found.suspects), ("failure", len(found.errors))):
        _counts[metric.SWEEP_FINDINGS].add(number, {"finding": word})


def missed(changes: Iterable[VaultObject], vaults: Iterable[str]) -> None:
    """Count the changes of each vault that a sweep found and no event told of; zero counts too, so that it is seen."""
    numbers = Counter(one.vault for one in changes)
    for vault in vaults:
        _counts[metric.MISSED].add(numbers[vault], {"vault": vault})


def silence(seconds: float) -> None:
    """Say how long ago the newest event came."""
    _gauges[metric.SILENCE].set(seconds)


def expiry(listed: Iterable[ListedObject], vaults: Iterable[str], now: datetime, *, named: bool) -> None:
    """Say of each vault how many objects are past their expiry, and when the next one is; `named`: of each object.

    Objects that are disabled serve nobody, and do not count.
    """
    days = {
        one.object: (one.expires - now).total_seconds() / _DAY
        for one in listed
        if one.enabled and one.expires is not None
    }
    for vault in vaults:
        here = [number for about, number in days.items() if about.vault == vault]
        _gauges[metric.EXPIRED].set(sum(number <= 0 for number in here), {"vault": vault})
        coming = [number for number in here if number > 0]
        if coming:
            _gauges[metric.EXPIRY].set(min(coming), {"vault": vault})
    for about, number in days.items() if named else ():
        _gauges[metric.OBJECT_EXPIRY].set(number, {"vault": about.vault, "type": str(about.type), "object": about.name})


def _since(one: Metric, cause: VaultEvent, at: datetime, *, cluster: str, owner: Writer | None) -> None:
    if cause.time is not None:
        origin = "sweep" if chain.is_sweep(cause.id) else "event"
        seconds = max(0.0, (at - cause.time).total_seconds())
        _spreads[one].record(seconds, {"cluster": cluster, "owner": _owner(owner), "origin": origin})


def _owner(owner: Writer | None) -> str:
    return str(owner) if owner else _NONE
