"""What a delayed look at a target tells: whether it stayed as it was written, and whether all pods show it. Pure.

A driver of 1.6 or later rewrites a Secret from what each node has mounted, at each requeue of five minutes. So a write
sticks once every pod status of the class shows the version: from then on no node has older bytes (csi-semantics 4.5).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.job import Watched
from shared.observed import Driver, PodStatus
from shared.outcome import Mounts

HOLDING = timedelta(seconds=330)
"""A Secret that kept its bytes for longer than a requeue of the driver is not put back by it any more."""


class Verdict(StrEnum):
    """What a look tells."""

    CONVERGED = "converged"
    PENDING = "pending"
    MOVED = "moved"
    """Somebody wrote the Secret since: its bytes have to be compared."""


@dataclass(frozen=True, slots=True)
class Shown:
    """How many pods show every expected version, and which do not."""

    showing: int
    behind: frozenset[str] = frozenset()

    @property
    def all(self) -> bool:
        """Whether no pod shows anything else."""
        return not self.behind


def count(mounts: Mounts | None, statuses: Sequence[PodStatus], running: Collection[str] | None = None) -> Shown:
    """Count the pod statuses of the classes. With a history the newest version is the one at index 0.

    `running` are the pods that run, where that is known: the driver keeps the statuses of finished ones, and never
    renews them.
    """
    if mounts is None:
        return Shown(0)
    mounted = [one for one in statuses if one.class_name in mounts.expected]
    behind = frozenset(one.pod for one in mounted if not _shows(one, mounts.expected[one.class_name]))
    if running is not None:
        behind &= {*running, ""}  # a status that names no pod speaks for one that runs
    return Shown(sum(one.pod not in behind and _shows(one, mounts.expected[one.class_name]) for one in mounted), behind)


def _shows(status: PodStatus, expected: Mapping[str, str]) -> bool:
    return all(
        version in {status.versions.get(name), status.versions.get(f"{name}/0")} for name, version in expected.items()
    )


def judge(watched: Watched, shown: Shown, resource_version: str | None, now: datetime) -> Verdict:
    """Judge a target that the CSI driver writes too. `resource_version` is the Secret's now; None: there is none."""
    if watched.secret and resource_version != watched.resource_version:
        return Verdict.MOVED
    if shown.all:
        return Verdict.CONVERGED
    held = watched.owner is Driver.UNKNOWN and now - watched.since >= HOLDING
    return Verdict.CONVERGED if held and watched.secret else Verdict.PENDING
