"""What an operator reads of jobs: checks and their proof, restarts, and how each job ended. See `record`."""

import logging
from collections.abc import Sequence

from shared.delegate import Progress
from shared.errors import ConfigurationError, FanoutError
from shared.event import VaultEvent
from shared.job import Job
from shared.model import Target
from shared.outcome import Convergence, TargetOutcome
from shared.reason import Reason, remedy
from shared.record import MOST_NAMED, plain

_log = logging.getLogger(__name__)

_ADVICE = "Apply deploy/kubernetes/restart.yaml, or set RESTART_WORKLOADS to off."


def converged(cause: VaultEvent, proof: Convergence) -> None:
    """Say that everything that shows a target shows the version, and how long that took since the event."""
    _log.info(
        "event %r: %s%s: converged on version %s, %d pods show it%s",
        cause.id,
        proof.target,
        "".join(f"[{name}]" for name in sorted(proof.classes)) if not proof.target.secret else "",
        cause.version,
        proof.pods,
        f", {(proof.at - cause.time).total_seconds():.1f} s after the event" if cause.time else "",
    )


def reverted(cause: VaultEvent, outcome: TargetOutcome, *, rewrites: int) -> None:
    """Say that somebody put old bytes back, and that they were written again."""
    _log.warning("event %r: %s: reverted, written again (time %d)", cause.id, outcome.target, rewrites)


def pending(cause: VaultEvent, target: Target, said: Progress) -> None:
    """Say what an owner says of a request that is still open."""
    _log.info("event %r: %s: its owner is %s: %s", cause.id, target, said.standing, plain(said.detail))


def unseen(cause: VaultEvent, target: Target, error: FanoutError) -> None:
    """Say why a target could not be looked at."""
    _log.warning("event %r: %s: not seen: %s. %s", cause.id, target, plain(str(error)), remedy(error.reason))


def gone(cause: VaultEvent, target: Target) -> None:
    """Say that a target is declared no more."""
    _log.info("event %r: %s: nothing declares it any more", cause.id, target)


def superseded(cause: VaultEvent, newest: str) -> None:
    """Say that a check ends because the vault serves another version by now."""
    _log.info("event %r: %s: checks of version %s end, it is %s now", cause.id, cause.object, cause.version, newest)


def gave_up(cause: VaultEvent, outcome: TargetOutcome) -> None:
    """Say that a target is given up, why, and what somebody can do."""
    reason = outcome.reason or Reason.UNEXPECTED
    seconds = f" {(outcome.at - cause.time).total_seconds():.0f} s after the event" if cause.time else ""
    _log.error(
        "event %r: %s: gave up%s, %s: %s. %s",
        cause.id,
        outcome.target,
        seconds,
        reason,
        plain(outcome.detail),
        remedy(reason),
    )


def restarted(cause: VaultEvent, cluster: str, workload: str) -> None:
    """Say that a workload is restarted."""
    _log.info("event %r: %s: %s restarted", cause.id, cluster, workload)


def restart_refused(cause: VaultEvent, cluster: str, workload: str, reason: Reason) -> None:
    """Say why a workload that waits for a restart gets none."""
    _log.warning("event %r: %s: %s not restarted, %s. %s", cause.id, cluster, workload, reason, remedy(reason))


def not_restarted(cause: VaultEvent, cluster: str, error: FanoutError) -> None:
    """Say that nothing can be restarted in a cluster, and what somebody can do."""
    _log.error(
        "event %r: %s: no restarts: %s. %s",
        cause.id,
        cluster,
        plain(str(error)),
        _ADVICE,
    )


def restart_failed(cause: VaultEvent, cluster: str, workload: str, error: FanoutError, *, again: bool) -> None:
    """Say that one workload could not be restarted, and whether it is tried again."""
    loud = isinstance(error, ConfigurationError)
    _log.log(
        logging.ERROR if loud or not again else logging.WARNING,
        "event %r: %s: %s not restarted%s: %s%s",
        cause.id,
        cluster,
        workload,
        ", tried again" if again else "",
        plain(str(error)),
        f". {_ADVICE}" if loud else "",
    )


def postponed(cause: VaultEvent, cluster: str, error: Exception) -> None:
    """Say that restarts are tried again later."""
    _log.warning("event %r: %s: restarts postponed: %s", cause.id, cluster, plain(str(error) or type(error).__name__))


def overdue(cause: VaultEvent, cluster: str, reason: Reason) -> None:
    """Say that workloads waited too long for a restart."""
    _log.error("event %r: %s: workloads are not restarted, %s. %s", cause.id, cluster, reason, remedy(reason))


def malformed(error: FanoutError) -> None:
    """Say that a message is no job."""
    _log.error("job refused: %s", error)


def unlisted_job(job: Job) -> None:
    """Say that a job is about a cluster or vault that the settings do not list any more."""
    _log.error("job of event %r ended: %s or %s is not listed any more", job.cause.id, job.cluster, job.cause.object)


def job_fault(job: Job, described: str) -> None:
    """Say where this program itself failed."""
    _log.error("job of event %r: a fault of this program: %s", job.cause.id, described)


def untold_job(job: Job, errors: Sequence[FanoutError], again: Job) -> None:
    """Say that what a job found could not be told, and when it is done once more."""
    _log.warning(
        "event %r: %s of %s: not told, again at %s: %s",
        job.cause.id,
        type(job).__name__,
        job.cluster,
        f"{again.due:%H:%M:%S}",
        plain("; ".join(map(str, errors[:MOST_NAMED]))),
    )


def worked(job: Job, errors: Sequence[FanoutError], *, seconds: float) -> None:
    """Say how a job ended."""
    again = f"; comes again for {len(errors)}: {plain('; '.join(map(str, errors[:MOST_NAMED])))}" if errors else ""
    _log.log(
        logging.WARNING if errors else logging.INFO,
        "event %r: %s of %s, attempt %d, ended after %.0f ms%s",
        job.cause.id,
        type(job).__name__,
        job.cluster,
        job.attempt,
        seconds * 1000,
        again,
    )
