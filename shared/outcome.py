"""What was done to a target, or why nothing was. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.errors import FanoutError
from shared.model import Target, VaultObject
from shared.nudge import Wake
from shared.reason import Reason


class Action(StrEnum):
    """The four ways a target can end."""

    WRITTEN = "written"
    CURRENT = "current"
    LEFT = "left"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectVersion:
    """A vault object at one version."""

    object: VaultObject
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOutcome:
    """How one target ended.

    `holds` are the object versions that the Secret holds now (written, current), `keys` the data keys they feed.
    `resource_version` is the Secret's. `error` is what to raise for a target that failed for a passing reason. `detail`
    is a sentence for a person. `wake` names the pods that wait for what was done.
    """

    target: Target
    action: Action
    at: datetime
    owner: str = ""
    holds: tuple[ObjectVersion, ...] = ()
    keys: tuple[str, ...] = ()
    resource_version: str = ""
    reason: Reason | None = None
    detail: str = ""
    error: FanoutError | None = None
    wake: Wake | None = None


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
    }
)
"""The reasons for which a Secret that exists keeps bytes that are not the newest, until somebody acts.

A missing Secret is none of them: the driver creates it with the newest bytes when a pod mounts the class.
"""
