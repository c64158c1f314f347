"""How far a workload's newest template, or its newest restart, has come. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared import parts

_COMPLETE = "NewReplicaSetAvailable"
_TIMED_OUT = "ProgressDeadlineExceeded"
_NUMBER = re.compile(r"[0-9]{1,18}")
"""A Rollout's `observedGeneration`; ancient versions keep a hash there."""


class Kind(StrEnum):
    """The kinds that are restarted. One list of `/apis/GROUP_VERSION/PLURAL` holds those of all namespaces.

    Rollout is Argo's: a cluster without Argo Rollouts answers that list with 404.
    """

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"
    ROLLOUT = "Rollout"

    @property
    def group_version(self) -> str:
        """The API group and its version."""
        return "argoproj.io/v1alpha1" if self is Kind.ROLLOUT else "apps/v1"

    @property
    def plural(self) -> str:
        """The name in paths."""
        return f"{self.lower()}s"


KINDS = tuple(Kind)

_COUNTS = {
    Kind.DEPLOYMENT: ("updatedReplicas", "availableReplicas"),
    Kind.STATEFUL_SET: ("updatedReplicas", "readyReplicas"),
    Kind.DAEMON_SET: ("updatedNumberScheduled", "numberAvailable"),
}
"""Where a status counts the pods of the newest template, and those that are well."""


class Progress(StrEnum):
    """How far the newest template, or the newest restart, has come."""

    DONE = "done"
    ROLLING = "rolling"
    STUCK = "stuck"
    """Rolling for `kubectl rollout status`, but nothing is left that waiting would replace: every pod is of the newest
    template and some are not available, or the progress deadline has passed."""


def is_idle(kind: Kind, generation: int, spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """Tell whether a workload is meant to have no pods."""
    if kind is Kind.DAEMON_SET:
        seen = 0 < parts.count(status, "observedGeneration") >= generation
        return seen and parts.count(status, "desiredNumberScheduled") == 0
    return _replicas(spec) == 0


def progress(kind: Kind, generation: int, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Progress:
    """Decide as kubernetes/kubectl:pkg/polymorphichelpers/rollout_status.go does, and go on where kubectl gives up.

    What tells STUCK from the end of a rollout is whether it was complete once: a Deployment keeps the reason
    NewReplicaSetAvailable until the next template (kubernetes/kubernetes:pkg/controller/deployment/progress.go), a
    StatefulSet's revisions become equal when all pods are ready (statefulset/stateful_set_utils.go). A DaemonSet keeps
    no such mark: the last pod of an update looks like a lost node.
    """
    if kind is Kind.ROLLOUT:
        return _rollout_progress(generation, spec, status)
    observed, reasons = parts.count(status, "observedGeneration"), _reasons(status)
    if generation > observed:
        return Progress.ROLLING
    if _TIMED_OUT in reasons:
        return Progress.STUCK
    updated, up = (parts.count(status, key) for key in _COUNTS[kind])
    pods = parts.count(status, "desiredNumberScheduled") if kind is Kind.DAEMON_SET else _replicas(spec)
    older = kind is Kind.DEPLOYMENT and parts.count(status, "replicas") > updated
    if older or updated < pods - partition(spec):
        return Progress.ROLLING
    if up >= (updated if kind is Kind.DEPLOYMENT else pods):
        return Progress.DONE
    was_complete = _COMPLETE in reasons or kind is not Kind.DEPLOYMENT
    same_revision = status.get("currentRevision") == status.get("updateRevision")
    return Progress.STUCK if was_complete and same_revision else Progress.ROLLING


def _rollout_progress(generation: int, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Progress:
    """Decide as argoproj/argo-rollouts:utils/rollout/rolloututil.go:GetRolloutPhase does, for Argo Rollouts 1.0 and on.

    A restart is through when `restartedAt` equals `restartAt`. Never STUCK: Argo evicts no pod while too few are
    available (rollout/restart.go), so that another restart would mend nothing.
    """
    observed = parts.text(status, "observedGeneration")
    unseen = bool(_NUMBER.fullmatch(observed)) and int(observed) < generation
    unpausing = status.get("controllerPause") is True and not parts.listing(status, "pauseConditions")
    restarting = _moment(spec.get("restartAt")) not in (None, _moment(status.get("restartedAt")))
    going_on = status.get("phase") == "Progressing" or _TIMED_OUT in _reasons(status)
    return Progress.ROLLING if unseen or unpausing or restarting or going_on else Progress.DONE


def _moment(text: object) -> datetime | None:
    """Read a time as the API writes it, to the second: that is all that `status.restartedAt` keeps."""
    try:
        return datetime.fromisoformat(parts.text(text)).replace(microsecond=0)
    except ValueError:
        return None


def _reasons(status: Mapping[str, Any]) -> Sequence[Any]:
    return [parts.at(condition, "reason") for condition in parts.listing(status, "conditions")]


def _replicas(spec: Mapping[str, Any]) -> int:
    return parts.count(spec.get("replicas"), unset=1)


def partition(spec: Mapping[str, Any]) -> int:
    """Return how many pods a rolling update leaves on the older template."""
    return parts.count(spec, "updateStrategy", "rollingUpdate", "partition")
