"""The three neighbours, as the flow sees them. The edges and the tests' fakes both satisfy these.

Every method raises only `shared.errors.FanoutError`s (and `TimeoutError` where the caller set a limit).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.model import SecretValue, VaultRead
from shared.notice import ChangeNotice
from shared.nudge import Pod
from shared.observed import Claim, ClassView, Driver, KubernetesSecret, PodStatus, VaultAnswer


class Vault(Protocol):
    """One vault."""

    async def read(self, read: VaultRead) -> VaultAnswer:
        """Read what a class asks for, anew: no cache may answer."""
        ...

    async def confirms(self, claim: Claim) -> bool:
        """Tell whether one of the claimed versions is a version of that object in this vault."""
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

    async def classes(self) -> Sequence[ClassView]:
        """List the SecretProviderClasses of provider azure in all namespaces."""
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

    async def write(self, secret: KubernetesSecret, data: Mapping[str, SecretValue]) -> str:
        """Put `data` into the Secret that was read and return its new resourceVersion.

        Other keys, labels, annotations and the type stay. Raises `ConflictError` when the Secret is not the one that
        was read any more.
        """
        ...

    async def pods(self, namespace: str) -> Sequence[Pod]:
        """List the running pods of a namespace with what they mount."""
        ...

    async def wake(self, namespace: str, pod: str, state: str) -> None:
        """Annotate a pod, so that its kubelet looks at its volumes now. A pod that is gone is no failure."""
        ...


class Bus(Protocol):
    """The topic."""

    async def publish(self, notices: Sequence[ChangeNotice]) -> None:
        """Send every notice, or raise. After a failure some may have been sent: message ids make that harmless."""
        ...
