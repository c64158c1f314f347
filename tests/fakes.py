"""The three neighbours in memory: they keep state, and do at a chosen call what a test asks for.

What is asked for (fail, stall, pause, run something) is a cue in a neighbour's `script`, before the effect of a call
or after it. Between the cues of a call its effect happens at once: no other task runs in the middle of it.

Not in the room: wires, SDKs, and which status code means what. That is tested at the edges.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from shared import job as jobs
from shared import job_message
from shared.csi import render
from shared.delegate import Delegate, Progress
from shared.errors import ConflictError, PermanentError
from shared.external_secrets.declaration import ExternalSecret
from shared.external_secrets.stores import Store
from shared.job import Job
from shared.model import ObjectType, SecretMaterial, SecretValue, VaultObject, VaultRead
from shared.notice import ChangeNotice, NoticeType
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
from shared.owned import VERSIONS, Declaration, RefusedDeclaration
from shared.ports import Heard
from shared.reason import Reason
from shared.secret_sync import SecretSync
from shared.workload import Workload
from tests.notices import verdict

Action = Callable[[], Awaitable[None]]

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


class ProcessDied(BaseException):
    """The process that made the call is gone."""


class Life:
    """The life of the process that calls: `moments` before and after each effect, the last of them at `ends_at`.

    A dead process calls nobody, so from then on every call of every neighbour fails.
    """

    def __init__(self, *, ends_at: int | None = None) -> None:
        self.ends_at = ends_at
        self.moments: list[str] = []

    def spend(self, moment: str) -> None:
        """Live through a moment, or die at it."""
        if self.ends_at is not None and len(self.moments) >= self.ends_at:
            raise ProcessDied(moment)
        self.moments.append(moment)


class Pause:
    """A call held up: the test waits until it is `reached`, does what it wants, and lets it go on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._over = asyncio.Event()

    def end(self) -> None:
        """Let the call go on."""
        self._over.set()

    async def hold(self) -> None:
        """Wait for the end."""
        self.reached.set()
        await self._over.wait()


@dataclass(slots=True, kw_only=True)
class _Cue:
    call: str
    about: str
    after: bool
    do: Action
    times: int | None


class Script:
    """What a neighbour does at its calls besides its work.

    A call is named as its method; `about` is the object's name, `namespace/secret`, the namespace or the notice's
    type, and an empty one means any. `times` None means always.
    """

    def __init__(self, life: Life) -> None:
        self.calls: list[str] = []
        self._life = life
        self._cues: list[_Cue] = []

    def at(self, call: str, do: Action, *, about: str = "", after: bool = False, times: int | None = 1) -> None:
        """Run something at a call."""
        self._cues.append(_Cue(call=call, about=about, after=after, do=do, times=times))

    def fail(
        self, call: str, error: Exception, *, about: str = "", after: bool = False, times: int | None = None
    ) -> None:
        """Raise at a call; `after` its effect, the answer is lost."""

        async def do() -> None:
            raise error

        self.at(call, do, about=about, after=after, times=times)

    def stall(self, call: str, *, about: str = "") -> None:
        """Never answer."""

        async def do() -> None:
            await asyncio.Event().wait()

        self.at(call, do, about=about, times=None)

    def pause(self, call: str, *, about: str = "", after: bool = False) -> Pause:
        """Hold the next such call up."""
        pause = Pause()
        self.at(call, pause.hold, about=about, after=after)
        return pause

    def clear(self) -> None:
        """Do nothing besides the work from now on."""
        self._cues.clear()

    @asynccontextmanager
    async def call(self, name: str, about: str) -> AsyncIterator[None]:
        """Surround the effect of a call."""
        self.calls.append(name)
        self._life.spend(f"before {name} {about}")
        await self._play(name, about, after=False)
        yield
        self._life.spend(f"after {name} {about}")
        await self._play(name, about, after=True)

    async def _play(self, name: str, about: str, *, after: bool) -> None:
        for cue in list(self._cues):
            if cue.call == name and cue.about in {"", about} and cue.after is after and cue.times != 0:
                cue.times = None if cue.times is None else cue.times - 1
                await cue.do()


@dataclass(slots=True, kw_only=True)
class _Stored:
    material: SecretMaterial
    tags: Mapping[str, str]
    enabled: bool = True
    created: datetime | None = None
    not_before: datetime | None = None
    expires: datetime | None = None


@dataclass(slots=True)
class FakeVault:
    """Secrets with their versions, oldest first. As in Key Vault the newest counts, also when it is disabled."""

    life: Life = field(default_factory=Life)
    name: str = "kv-shop"
    script: Script = field(init=False)
    versions: dict[str, list[_Stored]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.script = Script(self.life)

    def put(
        self,
        name: str,
        value: str,
        *,
        tags: Mapping[str, str] | None = None,
        content_type: str | None = None,
        key_id: str | None = None,
        created: datetime | None = None,
        not_before: datetime | None = None,
        expires: datetime | None = None,
    ) -> str:
        """Add a version and return its id."""
        version = f"{name.encode().hex()[:8]:0<8}{len(self.versions.get(name, ())) + 1:024x}"
        material = SecretMaterial(
            version=version, value=SecretValue(value.encode()), content_type=content_type, key_id=key_id
        )
        self.versions.setdefault(name, []).append(
            _Stored(material=material, tags=tags or {}, created=created, not_before=not_before, expires=expires)
        )
        return version

    def enable(self, name: str, *, enabled: bool) -> None:
        """Enable or disable the newest version."""
        self.versions[name][-1].enabled = enabled

    async def read(self, read: VaultRead) -> VaultAnswer:
        """Answer as a vault does."""
        async with self.script.call("read", read.name):
            return self._read(read)

    async def confirms(self, claim: Claim) -> bool:
        """Look through every version, disabled ones too."""
        async with self.script.call("confirms", claim.name):
            known = {stored.material.version for stored in self._find(claim.type, claim.name)}
        return not known.isdisjoint(claim.versions)

    async def inventory(self) -> Sequence[ListedObject]:
        """List every secret with the time of its newest version."""
        async with self.script.call("inventory", ""):
            return [
                ListedObject(
                    object=VaultObject(
                        vault=self.name,
                        type=ObjectType.CERT if stored[-1].material.key_id else ObjectType.SECRET,
                        name=name,
                    ),
                    created=stored[-1].created,
                    enabled=stored[-1].enabled,
                    not_before=stored[-1].not_before,
                    expires=stored[-1].expires,
                )
                for name, stored in self.versions.items()
                if name not in self.deleted
            ]

    async def newest(self, about: VaultObject) -> str:
        """Tell the newest enabled version."""
        async with self.script.call("newest", about.name):
            enabled = [one.material.version for one in self._find(ObjectType.SECRET, about.name) if one.enabled]
            return enabled[-1] if enabled else ""

    def _find(self, type_: ObjectType, name: str) -> Sequence[_Stored]:
        if type_ is not ObjectType.SECRET or name in self.deleted or name not in self.versions:
            raise PermanentError(f"{type_}/{name}: 404 SecretNotFound", reason=Reason.OBJECT_NOT_FOUND)
        return self.versions[name]

    def _read(self, read: VaultRead) -> VaultAnswer:
        stored = self._find(read.type, read.name)
        by_version = {one.material.version: one for one in stored}
        if read.many:
            infos = [
                render.VersionInfo(version=one.material.version, created=age, enabled=one.enabled)
                for age, one in enumerate(stored)
            ]
            selected = [by_version[version] for version in render.select_history(infos, read)]
        else:
            wanted = read.version or stored[-1].material.version
            if wanted not in by_version:
                raise PermanentError(f"{read.name}: 404 SecretNotFound", reason=Reason.OBJECT_NOT_FOUND)
            selected = [by_version[wanted]]
        if any(not one.enabled for one in selected):
            raise PermanentError(f"{read.name}: 403 SecretDisabled", reason=Reason.OBJECT_DISABLED)
        newest = selected[0] if selected else None
        return VaultAnswer(
            materials=tuple(one.material for one in selected),
            tags=newest.tags if newest else {},
            created=newest.created if newest else None,
            not_before=newest.not_before if newest else None,
        )


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


@dataclass(slots=True)
class FakeBus:
    """A topic with duplicate detection: `kept` by message id, and what was `dropped` because its id was known.

    It takes nothing that breaks the contract.
    """

    life: Life = field(default_factory=Life)
    kept: dict[str, ChangeNotice] = field(default_factory=dict)
    dropped: list[ChangeNotice] = field(default_factory=list)
    script: Script = field(init=False)

    def __post_init__(self) -> None:
        self.script = Script(self.life)

    def told(self, type_: NoticeType) -> list[ChangeNotice]:
        """Return what subscribers got of one type, in order."""
        return [notice for notice in self.kept.values() if notice.type is type_]

    async def publish(self, notices: Sequence[ChangeNotice]) -> None:
        """Take one notice after the other, so that a failure leaves those before it sent."""
        for notice in notices:
            verdict.check(notice)
            async with self.script.call("publish", notice.type):
                if notice.id in self.kept:
                    self.dropped.append(notice)
                else:
                    self.kept[notice.id] = notice


@dataclass(slots=True)
class FakeQueue:
    """A job queue with duplicate detection: what waits in it by message id, in the order of `due`, and all ids ever."""

    life: Life = field(default_factory=Life)
    waiting: dict[str, Job] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    bodies: list[bytes] = field(default_factory=list)
    script: Script = field(init=False)

    def __post_init__(self) -> None:
        self.script = Script(self.life)

    async def schedule(self, scheduled: Sequence[Job]) -> None:
        """Take one job after the other, as it comes out of a message."""
        for one in scheduled:
            async with self.script.call("schedule", type(one).__name__):
                identifier, body = jobs.identify(one), job_message.compose(one)
                self.bodies.append(body)
                if identifier not in self.known:
                    self.known.add(identifier)
                    self.waiting[identifier] = job_message.parse(body)

    def take(self) -> Job:
        """Take the job that is due first."""
        identifier = min(self.waiting, key=lambda key: self.waiting[key].due)
        return self.waiting.pop(identifier)


@dataclass(slots=True)
class FakeWatch:
    """A subscription that keeps the notices about objects which the bus took, with the time of each."""

    bus: FakeBus
    life: Life = field(default_factory=Life)
    times: dict[str, datetime] = field(default_factory=dict)
    script: Script = field(init=False)

    def __post_init__(self) -> None:
        self.script = Script(self.life)

    async def heard(self) -> Heard:
        """Look through what was told."""
        async with self.script.call("heard", ""):
            told = [one for one in self.bus.kept.values() if one.type is NoticeType.OBJECT_NEW_VERSION]
            versions = {
                (
                    VaultObject(
                        vault=one.properties["vault"],
                        type=ObjectType(one.properties["objectType"]),
                        name=one.properties["object"],
                    ),
                    one.properties["version"],
                ): one.properties["origin"] == "event"
                for one in told
            }
            by_event = [self.times.get(one.id, NOW) for one in told if one.properties["origin"] == "event"]
            return Heard(versions=versions, newest=max(by_event, default=None))
