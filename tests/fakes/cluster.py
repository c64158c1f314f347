"""A cluster in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shared.delegate import Delegate, Progress
from shared.errors import ConflictError
from shared.external_secrets.declaration import ExternalSecret
from shared.external_secrets.stores import Store
from shared.model import SecretValue, VaultObject
from shared.nudge import Pod
from shared.observed import (
    ClassView,
    Driver,
    KubernetesSecret,
    PodStatus,
    SecretState,
)
from shared.owned import VERSIONS, Declaration, RefusedDeclaration
from shared.reason import Reason
from shared.secret_sync import SecretSync
from shared.workload import Workload
from tests.fakes.script import NOW, Life, Script


@dataclass(slots=True)
class FakeCluster:
    """Classes, mounts and Secrets; every state that a Secret had is kept in `history`, newest last."""

    life: Life = field(default_factory=Life)
    name: str = "aks-one"
    timeout: float = 5.0
    generation: Driver = Driver.V1_5
    views: list[ClassView] = field(default_factory=list)
    mounts: dict[str, list[PodStatus]] = field(default_factory=dict)
    secrets: dict[str, KubernetesSecret] = field(default_factory=dict)
    history: dict[str, list[KubernetesSecret]] = field(default_factory=dict)
    writes: int = 0
    time: datetime = NOW
    declared: list[Declaration | RefusedDeclaration] = field(default_factory=list)
    external_secrets: list[ExternalSecret] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    secret_syncs: list[SecretSync] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    standing: dict[str, Progress] = field(default_factory=dict)
    complaints: dict[str, str] = field(default_factory=dict)
    opted_in: list[Workload] = field(default_factory=list)
    restarts: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    restarter: str = ""
    running: dict[str, list[Pod]] = field(default_factory=dict)
    woken: dict[str, list[str]] = field(default_factory=dict)
    script: Script = field(init=False)

    def __post_init__(self) -> None:
        self.script = Script(self.life)

    def put(self, secret: KubernetesSecret) -> KubernetesSecret:
        """Store a Secret as somebody else does, under a new resourceVersion."""
        place = f"{secret.namespace}/{secret.name}"
        states = sum(map(len, self.history.values()))
        stored = replace(secret, resource_version=str(1000 + states))
        self.secrets[place] = stored
        self.history.setdefault(place, []).append(stored)
        return stored

    def values(self, place: str) -> dict[str, str]:
        """Return the data of the Secret at `namespace/name`."""
        return {key: value.reveal().decode() for key, value in self.secrets[place].data.items()}

    def past(self, place: str, key: str) -> list[str]:
        """Return what a data key held over time."""
        return [state.data[key].reveal().decode() for state in self.history[place]]

    async def classes(self, _about: VaultObject | None = None) -> Sequence[ClassView]:
        """List what was put into `views`."""
        async with self.script.call("classes", ""):
            return list(self.views)

    async def driver(self) -> Driver:
        """Tell `generation`."""
        async with self.script.call("driver", ""):
            return self.generation

    async def pod_statuses(self, namespace: str) -> Sequence[PodStatus]:
        """List what was put into `mounts`."""
        async with self.script.call("pod_statuses", namespace):
            return list(self.mounts.get(namespace, ()))

    async def secret(self, namespace: str, name: str) -> KubernetesSecret | None:
        """Read a Secret as it is now."""
        async with self.script.call("secret", f"{namespace}/{name}"):
            return self.secrets.get(f"{namespace}/{name}")

    async def pods(self, namespace: str) -> Sequence[Pod]:
        """List what was put into `running`."""
        async with self.script.call("pods", namespace):
            return list(self.running.get(namespace, ()))

    async def wake(self, namespace: str, pod: str, state: str) -> None:
        """Note the state in `woken`, and on the pod."""
        async with self.script.call("wake", f"{namespace}/{pod}"):
            self.woken.setdefault(f"{namespace}/{pod}", []).append(state)
            self.running[namespace] = [
                replace(one, woken_for=state) if one.name == pod else one for one in self.running[namespace]
            ]

    async def owned(self, _about: VaultObject | None = None) -> Sequence[Declaration | RefusedDeclaration]:
        """List what was put into `declared`."""
        async with self.script.call("owned", ""):
            return list(self.declared)

    async def external(self, _about: VaultObject | None = None) -> tuple[Sequence[ExternalSecret], Sequence[Store]]:
        """List what was put into `external_secrets` and `stores`."""
        async with self.script.call("external", ""):
            return list(self.external_secrets), list(self.stores)

    async def syncs(self, _about: VaultObject | None = None) -> Sequence[SecretSync]:
        """List what was put into `secret_syncs`."""
        async with self.script.call("syncs", ""):
            return list(self.secret_syncs)

    async def secret_version(self, namespace: str, name: str) -> str | None:
        """Read a Secret's resourceVersion as it is now."""
        async with self.script.call("secret_version", f"{namespace}/{name}"):
            found = self.secrets.get(f"{namespace}/{name}")
            return found.resource_version if found else None

    async def secret_state(self, namespace: str, name: str) -> SecretState | None:
        """Read what a Secret's metadata tells."""
        place = f"{namespace}/{name}"
        async with self.script.call("secret_state", place):
            found = self.secrets.get(place)
            if found is None:
                return None
            return SecretState(
                resource_version=found.resource_version,
                changed=found.changed,
                by_us=found.by_us,
                versions=found.versions,
            )

    async def complain(self, secret: KubernetesSecret, message: str) -> None:
        """Note the first complaint about each state of a Secret."""
        place = f"{secret.namespace}/{secret.name}"
        async with self.script.call("complain", place):
            self.complaints.setdefault(f"{place}@{secret.resource_version}", message)

    async def ask(self, delegate: Delegate, state: str) -> None:
        """Note who was asked for what."""
        async with self.script.call("ask", str(delegate.resource)):
            self.asked.append((str(delegate.resource), state))

    async def progress(self, delegate: Delegate, since: datetime) -> Progress | None:
        """Tell what was put into `standing`."""
        async with self.script.call("progress", str(delegate.resource)):
            del since
            return self.standing.get(str(delegate.resource))

    async def workloads(self) -> Sequence[Workload]:
        """List what was put into `opted_in`."""
        async with self.script.call("workloads", ""):
            return list(self.opted_in)

    async def restart(self, workload: Workload, patch: Mapping[str, Any]) -> None:
        """Note the restart, and on the workload what it was for."""
        async with self.script.call("restart", str(workload)):
            if workload not in self.opted_in:
                raise ConflictError(f"{workload}: 409 Conflict", reason=Reason.SECRET_CONFLICT)
            self.restarts.append((str(workload), patch))

    async def hold_restarts(self, holder: str) -> bool:
        """Take the right if nobody has it."""
        async with self.script.call("hold_restarts", ""):
            self.restarter = self.restarter or holder
            return self.restarter == holder

    async def release_restarts(self, holder: str) -> None:
        """Give the right back."""
        async with self.script.call("release_restarts", ""):
            self.restarter = "" if self.restarter == holder else self.restarter

    async def write(
        self, secret: KubernetesSecret, data: Mapping[str, SecretValue], annotations: Mapping[str, str]
    ) -> str:
        """Merge into the Secret if it is still the one that was read."""
        place = f"{secret.namespace}/{secret.name}"
        async with self.script.call("write", place):
            current = self.secrets.get(place)
            if current is None or current.resource_version != secret.resource_version:
                raise ConflictError(f"{place}: 409 Conflict", reason=Reason.SECRET_CONFLICT)
            versions = annotations.get(VERSIONS, current.versions)
            written = replace(current, data={**current.data, **data}, versions=versions)
            stored = self.put(replace(written, changed=self.time, by_us=True))
            self.writes += 1
        return stored.resource_version
