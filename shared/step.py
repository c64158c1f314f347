"""The steps that a plan is made of: one for each target, each with who else writes it and why. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.delegate import Delegate
from shared.errors import FanoutError
from shared.model import SecretValue, Target
from shared.observed import KubernetesSecret, Writer
from shared.outcome import Mounts, ObjectVersion, Served
from shared.reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Put `data` and `annotations` into the Secret that was seen.

    `mounts` are the pods' volumes that show the object too. `data` is empty where only an annotation differs.
    """

    target: Target
    owner: Writer
    secret: KubernetesSecret
    data: Mapping[str, SecretValue]
    annotations: Mapping[str, str]
    keys: tuple[str, ...]
    holds: tuple[ObjectVersion, ...]
    mounts: Mounts

    def __str__(self) -> str:
        return f"{self.target}: write {_versions(self.holds)} (owner: {self.owner})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """The Secret holds these versions already."""

    target: Target
    owner: Writer
    secret: KubernetesSecret
    keys: tuple[str, ...]
    holds: tuple[ObjectVersion, ...]
    mounts: Mounts

    def __str__(self) -> str:
        return f"{self.target}: leave, it holds {_versions(self.holds)} (owner: {self.owner})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nudge:
    """Ask whoever fills the Secret to look, for the state `served`: the version that the vault serves now.

    `held` is the Secret's resourceVersion before, empty where there is none.
    """

    target: Target
    owner: Writer
    delegates: tuple[Delegate, ...]
    held: str
    served: Served

    def __str__(self) -> str:
        resources = ", ".join(str(delegate.resource) for delegate in self.delegates)
        return f"{self.target}: nudge {resources} (owner: {self.owner})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Wait: the vault's newest version may not be used before `until`."""

    target: Target
    owner: Writer
    until: datetime

    def __str__(self) -> str:
        return f"{self.target}: hold until {self.until.isoformat()} (owner: {self.owner})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Nothing is written, and no retry would change that.

    `complaint` asks for a Kubernetes Event on the Secret: who declared it has to mend it. `mounts` are volumes that
    show the object all the same, at the version `served`.
    """

    target: Target
    owner: Writer
    reason: Reason
    detail: str
    mounts: Mounts | None = None
    served: Served | None = None
    complaint: KubernetesSecret | None = None

    def __str__(self) -> str:
        return f"{self.target}: leave, {self.reason}: {self.detail} (owner: {self.owner})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Postpone:
    """Nothing can be done now, because a neighbour failed."""

    target: Target
    owner: Writer
    error: FanoutError

    def __str__(self) -> str:
        return f"{self.target}: later, {self.error.reason}: {self.error} (owner: {self.owner})"


Step = Write | Keep | Nudge | Hold | Leave | Postpone


def _versions(holds: tuple[ObjectVersion, ...]) -> str:
    return ", ".join(f"{held.object} {held.version}" for held in holds)
