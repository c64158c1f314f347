"""Every metric, with its unit, its labels and its meaning. Pure values.

The table in docs/telemetry.md, the workbook and the alerts use exactly these; tests compare.
"""

from dataclasses import dataclass
from enum import StrEnum

BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
"""Seconds. A refresh is a matter of one or two, a kubelet's own look of 60 to 90, a check of 15 to 900."""

REPEATS = 3
"""Exports, a minute apart, that carry what a sweep said by a gauge."""


class Kind(StrEnum):
    """What can be done with the numbers."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric. `unit` is written as UCUM has it, `labels` are the names of its attributes."""

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    meaning: str


def _counter(name: str, unit: str, labels: tuple[str, ...], meaning: str) -> Metric:
    return Metric(name=f"keyvault_fanout.{name}", kind=Kind.COUNTER, unit=f"{{{unit}}}", labels=labels, meaning=meaning)


def _seconds(name: str, labels: tuple[str, ...], meaning: str) -> Metric:
    return Metric(name=f"keyvault_fanout.{name}", kind=Kind.HISTOGRAM, unit="s", labels=labels, meaning=meaning)


def _gauge(name: str, unit: str, labels: tuple[str, ...], meaning: str) -> Metric:
    return Metric(name=f"keyvault_fanout.{name}", kind=Kind.GAUGE, unit=unit, labels=labels, meaning=meaning)


EVENTS = _counter("events", "event", ("vault", "kind", "result"), "Deliveries of events, by how each ended.")
EVENT_DURATION = _seconds("event.duration", ("kind", "result"), "How long one delivery of an event took.")
TARGETS = _counter(
    "targets", "target", ("cluster", "action", "owner", "reason"), "Targets that were dealt with, by how each ended."
)
REFRESH_DELAY = _seconds(
    "refresh.delay", ("cluster", "owner", "origin"), "From the event to the Secret with the new bytes."
)
CONVERGENCE_DELAY = _seconds(
    "convergence.delay", ("cluster", "owner", "origin"), "From the event to the proof that every pod shows the version."
)
REVERTS = _counter("targets.reverted", "target", ("cluster", "owner"), "Secrets found with older bytes put back.")
GIVEN_UP = _counter("targets.given_up", "target", ("cluster", "reason"), "Targets that nothing is tried for any more.")
JOBS_SCHEDULED = _counter("jobs.scheduled", "job", ("kind",), "Jobs handed to the queue, which drops what it knows.")
JOBS_FINISHED = _counter("jobs.finished", "job", ("kind", "result"), "Deliveries of jobs, by how each ended.")
JOB_DURATION = _seconds("job.duration", ("kind", "result"), "How long one delivery of a job took.")
JOB_LAG = _seconds("job.lag", ("kind",), "How long after it was due a job began.")
SWEEP_DURATION = _seconds("sweep.duration", ("result",), "How long a sweep took.")
SWEEP_FINDINGS = _counter("sweep.findings", "finding", ("finding",), "What sweeps found: suspect targets, failures.")
MISSED = _counter("changes.missed", "change", ("vault",), "Changes that arrived without an event.")
SILENCE = _gauge("events.silence", "s", (), "How long ago the newest event led to a notice.")
EXPIRY = _gauge("expiry", "d", ("vault",), "Days until the next object of the vault expires.")
EXPIRED = _gauge("expired", "{object}", ("vault",), "Enabled objects of the vault that are past their expiry.")
OBJECT_EXPIRY = _gauge(
    "object.expiry", "d", ("vault", "type", "object"), "Days until the object expires, negative once it has."
)

ALL = (
    EVENTS,
    EVENT_DURATION,
    TARGETS,
    REFRESH_DELAY,
    CONVERGENCE_DELAY,
    REVERTS,
    GIVEN_UP,
    JOBS_SCHEDULED,
    JOBS_FINISHED,
    JOB_DURATION,
    JOB_LAG,
    SWEEP_DURATION,
    SWEEP_FINDINGS,
    MISSED,
    SILENCE,
    EXPIRY,
    EXPIRED,
    OBJECT_EXPIRY,
)
