"""What was done to a target, or why nothing was. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.delegate import Delegate
from shared.errors import FanoutError
from shared.model import Target, VaultObject
from shared.nudge import Wake
from shared.observed import KubernetesSecret, Writer
from shared.reason import Reason


class Action(StrEnum):
    """The ways a target can end."""

    WRITTEN = "written"
    CURRENT = "current"
    NUDGED = "nudged"
    HELD = "held"
    LEFT = "left"
    FAILED = "failed"
    QUEUED = "queued"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectVersion:
    """A vault object at one version."""

    object: VaultObject
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The version of an object that its vault served when it was asked, and when that was made, if it says so."""

    version: str
    created: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounts:
    """The CSI volumes that show the object: for each class the version that each id in a pod status should have.

    `remounts` tells whether a nudge makes the driver mount anew: only a rotating one of 1.6 or later does so.
    """

    expected: Mapping[str, Mapping[str, str]]
    remounts: bool = False

    @property
    def classes(self) -> frozenset[str]:
        """The classes that are mounted."""
        return frozenset(self.expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOutcome:
    """How one target ended.

    `holds` are the object versions that the Secret holds now (written, current), `keys` the data keys they feed.
    `resource_version` is the Secret's, `uid` that of one which this app owns. `changed` tells whether its bytes
    changed because of the event, so that environment variables made from it are stale, `repaired` that it said of
    itself already that it holds these versions (an owned one does), but held other bytes. `wrote` is when this app
    changed its bytes, if nobody did since. `error` is what to raise for a target that failed for a passing reason.
    `detail` is a sentence for a person. `wake` names the pods that wait for what was done, `mounts` the volumes
    that show it, `delegates` the resources whose owner was asked, `complaint` the Secret whose declaration somebody
    has to mend, `until` when a held version may be used. `served` is what the vault serves now, where it was asked:
    a late event is about an older one.
    """

    target: Target
    action: Action
    at: datetime
    owner: Writer | None = None
    holds: tuple[ObjectVersion, ...] = ()
    keys: tuple[str, ...] = ()
    resource_version: str = ""
    uid: str = ""
    changed: bool = False
    repaired: bool = False
    wrote: datetime | None = None
    reason: Reason | None = None
    detail: str = ""
    error: FanoutError | None = None
    wake: Wake | None = None
    mounts: Mounts | None = None
    delegates: tuple[Delegate, ...] = ()
    complaint: KubernetesSecret | None = None
    until: datetime | None = None
    served: Served | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """The proof that a target's pods hold a version: how many show it, of which classes. No pods: only the Secret."""

    target: Target
    owner: Writer
    classes: frozenset[str]
    pods: int
    resource_version: str
    at: datetime


TELLING = frozenset(
    {
        Reason.NO_GRANT,
        Reason.SECRET_NOT_MANAGED,
        Reason.SECRET_IMMUTABLE,
        Reason.SECRET_OTHER_TYPE,
        Reason.DRIVER_WOULD_FAIL,
        Reason.DRIVER_WOULD_REVERT,
        Reason.CONTESTED,
        Reason.OBJECT_NOT_FOUND,
        Reason.OBJECT_DISABLED,
        Reason.VAULT_REFUSED,
        Reason.CLUSTER_REFUSED,
        Reason.BAD_DECLARATION,
        Reason.BAD_HOLD,
        Reason.OWNER_IGNORES,
        Reason.OWNER_FAILING,
        Reason.NOT_CONVERGED,
        Reason.KEEPS_REVERTING,
        Reason.RETRIES_EXHAUSTED,
    }
)
"""The reasons for which a Secret that exists keeps bytes that are not the newest, until somebody acts.

A missing Secret is none of them: the driver creates it with the newest bytes when a pod mounts the class.
"""
