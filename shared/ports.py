"""The neighbours, as the flow sees them. The edges and the tests' fakes both satisfy these.

Every method raises only `shared.errors.FanoutError`s (and `TimeoutError` where the caller set a limit).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from shared.delegate import Delegate, Progress
from shared.external_secrets.declaration import ExternalSecret
from shared.external_secrets.stores import Store
from shared.job import Job
from shared.model import SecretValue, VaultObject, VaultRead
from shared.notice import ChangeNotice
from shared.nudge import Pod
from shared.observed import (
    Claim,
    ClassView,
    Driver,
    KubernetesSecret,
    ListedObject,
    PodStatus,
    SecretState,
    VaultAnswer,
)
from shared.owned import Declaration, RefusedDeclaration
from shared.secret_sync import SecretSync
from shared.workload import Workload


class Vault(Protocol):
    """One vault."""

    async def read(self, read: VaultRead) -> VaultAnswer:
        """Read what a class asks for, anew: no cache may answer."""
        ...

    async def confirms(self, claim: Claim) -> bool:
        """Tell whether one of the claimed versions is a version of that object in this vault."""
        ...

    async def inventory(self) -> Sequence[ListedObject]:
        """List every secret and certificate of the vault, without values. Their newest versions are not named."""
        ...

    async def newest(self, about: VaultObject) -> str:
        """Tell the newest version of an object without reading it; empty where it has none that is enabled."""
        ...


class Cluster(Protocol):
    """One Kubernetes cluster."""

    @property
    def name(self) -> str:
        """The cluster's name in the settings."""
        ...

    @property
    def timeout(self) -> float:
        """Seconds that looking may take here, and again that writing may take."""
        ...

    async def classes(self, about: VaultObject | None = None) -> Sequence[ClassView]:
        """List the SecretProviderClasses of provider azure in all namespaces.

        Of this and the other declarations: with `about` those that may concern the object, as they are now; without,
        all of them, listed anew.
        """
        ...

    async def owned(self, about: VaultObject | None = None) -> Sequence[Declaration | RefusedDeclaration]:
        """List the Secrets that carry our label, by their metadata only."""
        ...

    async def external(self, about: VaultObject | None = None) -> tuple[Sequence[ExternalSecret], Sequence[Store]]:
        """List the ExternalSecrets, and their stores where there are any."""
        ...

    async def syncs(self, about: VaultObject | None = None) -> Sequence[SecretSync]:
        """List the SecretSyncs."""
        ...

    async def driver(self) -> Driver:
        """Tell which generation of the CSI driver writes Secrets here."""
        ...

    async def pod_statuses(self, namespace: str) -> Sequence[PodStatus]:
        """List what the driver mounted in a namespace."""
        ...

    async def secret(self, namespace: str, name: str) -> KubernetesSecret | None:
        """Read a Secret, or None where there is none."""
        ...

    async def secret_version(self, namespace: str, name: str) -> str | None:
        """Read a Secret's resourceVersion without its data, or None where there is none."""
        ...

    async def secret_state(self, namespace: str, name: str) -> SecretState | None:
        """Read what tells when a Secret's data changed and by whom, without its data; None where there is none."""
        ...

    async def write(
        self, secret: KubernetesSecret, data: Mapping[str, SecretValue], annotations: Mapping[str, str]
    ) -> str:
        """Put `data` and `annotations` into the Secret that was read and return its new resourceVersion.

        Other keys, labels, annotations and the type stay. Raises `ConflictError` when the Secret is not the one that
        was read any more.
        """
        ...

    async def complain(self, secret: KubernetesSecret, message: str) -> None:
        """Attach a Kubernetes Event to a Secret: its declaration is bad. Said once for each state of the Secret."""
        ...

    async def ask(self, delegate: Delegate, state: str) -> None:
        """Ask an owner to look now. The same state twice asks once; a resource that is gone is no failure."""
        ...

    async def progress(self, delegate: Delegate, since: datetime) -> Progress | None:
        """Tell what became of a request, or None where the resource is gone."""
        ...

    async def pods(self, namespace: str) -> Sequence[Pod]:
        """List the running pods of a namespace with what they mount."""
        ...

    async def wake(self, namespace: str, pod: str, state: str) -> None:
        """Annotate a pod, so that its kubelet looks at its volumes now. A pod that is gone is no failure."""
        ...

    async def workloads(self) -> Sequence[Workload]:
        """List the workloads of all namespaces that opted in to restarts."""
        ...

    async def restart(self, workload: Workload, patch: Mapping[str, Any]) -> None:
        """Patch a workload. Raises `ConflictError` when it is not the one that was read any more."""
        ...

    async def hold_restarts(self, holder: str) -> bool:
        """Take the right to restart workloads here, for a minute; False where somebody else has it."""
        ...

    async def release_restarts(self, holder: str) -> None:
        """Give the right back."""
        ...


class Bus(Protocol):
    """The topic."""

    async def publish(self, notices: Sequence[ChangeNotice]) -> None:
        """Send every notice, or raise. After a failure some may have been sent: message ids make that harmless."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What was told lately: each object's version, and whether an event led to it; and when the newest event did."""

    versions: Mapping[tuple[VaultObject, str], bool]
    newest: datetime | None


class Watch(Protocol):
    """A subscription of the topic that keeps what was told of objects, for the app's own ears."""

    async def heard(self) -> Heard:
        """Look through it; nothing is taken out."""
        ...


class Queue(Protocol):
    """The job queue."""

    async def schedule(self, jobs: Sequence[Job]) -> None:
        """Put every job on the queue, each for its own time, or raise: some may have been sent then."""
        ...
