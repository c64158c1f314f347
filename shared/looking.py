"""One delayed look at the targets of a check: where and when, and what is found. No calls are made here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared import check, followup, measure, notice, record, record_jobs
from shared.check import Shown, Verdict
from shared.errors import FanoutError
from shared.event import VaultEvent
from shared.job import CheckJob, Job, Watched
from shared.model import Target
from shared.neighbours import Limits, ListedVault
from shared.notice import ChangeNotice
from shared.nudge import Wake
from shared.observed import PodStatus
from shared.outcome import Action, Convergence, ObjectVersion, TargetOutcome
from shared.ports import Cluster
from shared.reason import Reason

Statuses = Mapping[str, Sequence[PodStatus] | FanoutError]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """Where a look happens, at what time, and until when on the loop's clock."""

    job: CheckJob
    cluster: Cluster
    listed: ListedVault
    limits: Limits
    now: datetime
    ends: float

    def target(self, one: Watched) -> Target:
        """Return the target that is watched."""
        return Target(cluster=self.cluster.name, namespace=one.namespace, secret=one.secret)


@dataclass(slots=True)
class Findings:
    """What a look found: what to tell, what to look at again, whom to wake, which restarts follow.

    `cause` is the event, with the version that the vault serves by now.
    """

    looking: Looking
    cause: VaultEvent
    statuses: Statuses = field(default_factory=dict)
    running: Mapping[str, frozenset[str]] = field(default_factory=dict)
    notices: list[ChangeNotice] = field(default_factory=list)
    again: list[Watched] = field(default_factory=list)
    wakes: list[Wake] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)

    def judge(self, one: Watched, resource_version: str | None) -> Verdict:
        """Judge a target that the driver writes too, and note what follows; a moved one is left to the caller."""
        statuses = self.statuses.get(one.namespace, ())
        if isinstance(statuses, FanoutError):
            self.unseen(one, statuses)
            return Verdict.PENDING
        shown = check.count(one.mounts, statuses, self.running.get(one.namespace))
        verdict = check.judge(one, shown, resource_version, self.looking.now)
        if verdict is Verdict.PENDING:
            self.again.append(one)
            self._nudge_again(one, shown)
        elif verdict is Verdict.CONVERGED:
            proof = Convergence(
                target=self.looking.target(one),
                owner=one.owner,
                classes=one.mounts.classes if one.mounts else frozenset(),
                pods=shown.showing,
                resource_version=one.resource_version,
                at=self.looking.now,
            )
            record_jobs.converged(self.cause, proof)
            measure.converged(self.cause, proof)
            self.notices.append(notice.about_convergence(self.cause, proof))
        return verdict

    def _nudge_again(self, one: Watched, shown: Shown) -> None:
        """Wake the pods that are behind: the driver takes no notice within a poll interval after a change."""
        if one.mounts is not None and one.mounts.remounts:
            state = f"{one.resource_version}.{self.looking.job.attempt + 1}"
            self.wakes.append(
                Wake(
                    namespace=one.namespace,
                    secret=one.secret,
                    classes=one.mounts.classes,
                    state=state,
                    pods=shown.behind,
                )
            )

    def unseen(self, one: Watched, error: FanoutError) -> None:
        """Look again at what could not be seen, and say why."""
        record_jobs.unseen(self.cause, self.looking.target(one), error)
        self.again.append(one)

    def held(self, one: Watched, outcome: TargetOutcome) -> None:
        """Go on with a Secret that somebody wrote and that holds the newest bytes all the same.

        It is told of where the app itself changed its bytes since: a look before this one died after it wrote. A driver
        of 1.6.0 writes the same bytes at every requeue (csi-semantics 4.5), which changes nothing and is not told.
        """
        self._serve(outcome.holds)
        repaired = outcome.wrote is not None and outcome.wrote > one.since.replace(microsecond=0)
        self.notices += notice.about_target(self.cause, outcome, repaired=repaired)
        known = replace(one, resource_version=outcome.resource_version, mounts=outcome.mounts)
        if repaired:
            known = replace(known, since=self.looking.now)
        self.judge(known, known.resource_version)

    def reverted(self, one: Watched, outcome: TargetOutcome) -> None:
        """Go on with a Secret that was put back and is written again by now."""
        self._serve(outcome.holds)
        record_jobs.reverted(self.cause, outcome, rewrites=one.rewrites + 1)
        measure.reverted(outcome)
        self.notices += notice.about_target(self.cause, outcome, repaired=True)
        if outcome.wake is not None:
            self.wakes.append(outcome.wake)
        self.again.append(
            replace(
                one,
                rewrites=one.rewrites + 1,
                resource_version=outcome.resource_version,
                since=outcome.at,
                mounts=outcome.mounts,
            )
        )

    def synced(self, one: Watched, resource_version: str, *, told: bool) -> None:
        """End an owner's target: it has looked since it was asked, so its pods are woken, and its Secret is told of.

        Not so where another version is served by now (`told` is false): which of them the owner fetched nobody knows,
        and the check of the newer one tells.
        """
        changed = resource_version != one.resource_version
        outcome = TargetOutcome(
            target=self.looking.target(one),
            action=Action.NUDGED,
            at=self.looking.now,
            owner=one.owner,
            holds=(ObjectVersion(object=self.cause.object, version=self.cause.version),),
            resource_version=resource_version,
            changed=changed,
        )
        if told:
            record.target(self.cause, outcome)
            measure.refreshed(self.cause, outcome)
            self.notices += notice.about_target(self.cause, outcome)
        if changed:
            pace, now = self.looking.limits.pace, self.looking.now
            self.wakes.append(Wake(namespace=one.namespace, secret=one.secret, state=resource_version))
            self.jobs += followup.jobs(self.cause, self.looking.cluster.name, [outcome], pace, now)

    def end(self, one: Watched, reason: Reason, detail: str) -> None:
        """Give a target up."""
        outcome = TargetOutcome(
            target=self.looking.target(one),
            action=Action.LEFT,
            at=self.looking.now,
            owner=one.owner,
            reason=reason,
            detail=detail,
        )
        self.left(outcome)

    def left(self, outcome: TargetOutcome) -> None:
        """End a target that cannot be refreshed any more."""
        record_jobs.gave_up(self.cause, outcome)
        measure.gave_up(outcome)
        self.notices += notice.about_target(self.cause, outcome)

    def _serve(self, holds: Sequence[ObjectVersion]) -> None:
        """Speak of the version that the vault serves now: the event's may be older."""
        for held in holds:
            if held.object == self.cause.object:
                self.cause = replace(self.cause, version=held.version)
