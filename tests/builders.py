"""Values and small worlds as the tests want them: everything defaults, one thing differs.

The default world: the vault `kv-shop` holds `db-password`; in the cluster `aks-one` the class `shop/web` syncs it into
the key `password` of the Secret `shop/web-secret`, and a pod mounted it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from shared import job_message
from shared.csi import classes
from shared.csi.classes import SecretProviderClass
from shared.errors import DriverWouldFail
from shared.event import EventKind, VaultEvent
from shared.job import Job
from shared.model import ObjectType, SecretValue, VaultObject
from shared.neighbours import Limits, ListedVault, Neighbours
from shared.notice import NoticeType
from shared.nudge import Pod
from shared.observed import KubernetesSecret, PodStatus, RefusedClass
from shared.pipeline import Pipeline
from shared.sweep import Swept
from shared.sweeping import Sweeper
from shared.working import Worker

from .fakes import NOW, FakeBus, FakeCluster, FakeQueue, FakeVault, FakeWatch, Life, Script

VAULT = "kv-shop"
HOST = "kv-shop.vault.azure.net"
URL = f"https://{HOST}"
NAME = "db-password"
ABOUT = VaultObject(vault=VAULT, type=ObjectType.SECRET, name=NAME)
PLACE = "shop/web-secret"
TOPIC = "/subscriptions/0000/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/kv-shop"

EVENTS = Path(__file__).parent / "events"
"""Payloads as Event Grid posts them: an array in its own schema, an object in CloudEvents (azure-platform 1.2)."""

_SEGMENTS = {"Secret": "secrets", "Key": "keys", "Certificate": "certificates"}


def build_data(name: str = NAME, version: str = "1", *, family: str = "Secret", **fields: Any) -> dict[str, Any]:
    """Build an event's `data`; a field given as `...` is left out."""
    data = {
        "Id": f"{URL}/{_SEGMENTS[family]}/{name}/{version}",
        "VaultName": VAULT,
        "ObjectType": family,
        "ObjectName": name,
        "Version": version,
        "NBF": None,
        "EXP": None,
        **fields,
    }
    return {key: value for key, value in data.items() if value is not ...}


def build_envelope(type_: str = "SecretNewVersionCreated", *, cloud: bool = True, **fields: Any) -> dict[str, Any]:
    """Build an event in CloudEvents or, with `cloud` off, in Event Grid's schema; `...` leaves a field out."""
    own = (
        {"specversion": "1.0", "source": TOPIC, "type": f"Microsoft.KeyVault.{type_}"}
        if cloud
        else {"topic": TOPIC, "eventType": f"Microsoft.KeyVault.{type_}", "dataVersion": "1", "metadataVersion": "1"}
    )
    time = {"time" if cloud else "eventTime": "2026-11-20T01:08:33.1036736Z"}
    envelope = {"id": "event-1", **own, "subject": NAME, **time, "data": build_data(), **fields}
    return {key: value for key, value in envelope.items() if value is not ...}


def build_payload(version: str, *, name: str = NAME, type_: str = "SecretNewVersionCreated", cloud: bool = True) -> str:
    """Build what Event Grid posts about one version of an object."""
    family = next(family for family in _SEGMENTS if type_.startswith(family))
    data = build_data(name, version, family=family)
    envelope = build_envelope(type_, cloud=cloud, id=f"event-of-{version}", data=data)
    return json.dumps(envelope if cloud else [envelope])


def build_event(**fields: Any) -> VaultEvent:
    """Build an event as `event.parse` returns it."""
    defaults: dict[str, Any] = {
        "id": "event-1",
        "kind": EventKind.NEW_VERSION,
        "object": ABOUT,
        "version": "v1",
        "host": HOST,
        "time": NOW,
    }
    return VaultEvent(**{**defaults, **fields})


def build_objects(*entries: Mapping[str, str | int]) -> str:
    """Build the text of `objects`: YAML texts in a YAML list, as every published example writes it."""
    text = "array:\n"
    for entry in entries:
        fields = {"objectType": "secret", **entry}
        text += "  - |\n" + "".join(f"    {key}: {json.dumps(value)}\n" for key, value in fields.items())
    return text


def build_secret_object(name: str = "web-secret", type_: str = "Opaque", **keys: str) -> dict[str, Any]:
    """Build one entry of `secretObjects`: data key = mounted file."""
    data = [{"key": key, "objectName": file} for key, file in (keys or {"password": NAME}).items()]
    return {"secretName": name, "type": type_, "data": data}


def build_manifest(
    *,
    objects: Sequence[Mapping[str, str | int]] = ({"objectName": NAME},),
    secrets: Sequence[Mapping[str, Any]] | None = None,
    namespace: str = "shop",
    name: str = "web",
    **parameters: str,
) -> dict[str, Any]:
    """Build a SecretProviderClass as the Kubernetes API gives it."""
    return {
        "metadata": {"namespace": namespace, "name": name, "uid": "1", "resourceVersion": "1"},
        "spec": {
            "provider": "azure",
            "parameters": {"keyvaultName": VAULT, "tenantId": "t", "objects": build_objects(*objects), **parameters},
            "secretObjects": [build_secret_object()] if secrets is None else list(secrets),
        },
    }


def build_class(**fields: Any) -> SecretProviderClass:
    """Build a class that the driver accepts."""
    return classes.parse(build_manifest(**fields), classes.Provider())


def build_refused_class(text: str = f"objectname: {NAME}", **fields: Any) -> RefusedClass:
    """Build a class that the driver refuses as a whole."""
    defaults: dict[str, Any] = {
        "namespace": "shop",
        "name": "broken",
        "vault": VAULT,
        "text": text,
        "secrets": ("web-secret",),
        "error": DriverWouldFail("SecretProviderClass shop/broken: tenantID is not set"),
    }
    return RefusedClass(**{**defaults, **fields})


def build_secret(place: str = PLACE, data: Mapping[str, str] | None = None, **fields: Any) -> KubernetesSecret:
    """Build a Secret as the driver made it, at `namespace/name`."""
    namespace, _, name = place.partition("/")
    defaults: dict[str, Any] = {"resource_version": "7", "type": "Opaque", "managed": True, "immutable": False}
    held = {"password": "before"} if data is None else data
    values = {key: SecretValue(value.encode()) for key, value in held.items()}
    return KubernetesSecret(namespace=namespace, name=name, data=values, **{**defaults, **fields})


def build_mount(version: str, *, name: str = NAME, class_name: str = "web") -> PodStatus:
    """Build what the driver notes about a pod that mounted one secret."""
    return PodStatus(class_name=class_name, versions={f"secret/{name}": version}, pod=f"{class_name}-0")


@dataclass(slots=True)
class World:
    """The neighbours in memory, and as many processes of the app as a test wants."""

    life: Life = field(default_factory=Life)
    clusters: list[FakeCluster] = field(default_factory=list)
    limits: Limits = field(default_factory=lambda: Limits(deadline=5.0, telling=1.0))
    vault: FakeVault = field(init=False)
    bus: FakeBus = field(init=False)
    queue: FakeQueue = field(init=False)
    watch: FakeWatch = field(init=False)
    time: datetime = NOW

    def __post_init__(self) -> None:
        self.vault, self.bus, self.queue = FakeVault(self.life), FakeBus(self.life), FakeQueue(self.life)
        self.watch = FakeWatch(self.bus, self.life)

    @property
    def cluster(self) -> FakeCluster:
        """The first cluster."""
        return self.clusters[0]

    def build_pipeline(self) -> Pipeline:
        """Start a process: it knows nothing that is not in the neighbours."""
        return Pipeline(self._neighbours(), self.limits, now=lambda: self.time)

    def _neighbours(self) -> Neighbours:
        listed = ListedVault(vault=self.vault, url=URL, host=HOST)
        return Neighbours(
            vaults={VAULT: listed}, clusters=self.clusters, bus=self.bus, queue=self.queue, watch=self.watch
        )

    async def sweep(self) -> Swept:
        """Let a fresh process sweep."""
        return await Sweeper(self._neighbours(), self.limits, now=lambda: self.time).run()

    async def work(self) -> Job:
        """Let the time pass until the next job is due, and let a fresh process do it."""
        due = self.queue.take()
        self.time = max(self.time, due.due)
        self._agree_on_the_time()
        await self.build_worker().handle(job_message.compose(due))
        return due

    def build_worker(self) -> Worker:
        """Start a process that does jobs."""
        return Worker(self._neighbours(), self.limits, now=lambda: self.time)

    async def work_all(self, most: int = 50) -> list[Job]:
        """Do jobs until none is waiting."""
        done: list[Job] = []
        while self.queue.waiting:
            assert len(done) < most, "jobs without end"
            done.append(await self.work())
        return done

    async def deliver(self, payload: str | bytes) -> None:
        """Deliver to a fresh process, as Event Grid's redelivery may."""
        self._agree_on_the_time()
        await self.build_pipeline().handle(payload)

    def rotate(self, value: str, name: str = NAME, *, tags: Mapping[str, str] | None = None) -> str:
        """Put a new version into the vault and return the event about it."""
        return build_payload(self.vault.put(name, value, tags=tags), name=name)

    def newest(self, name: str = NAME) -> str:
        """Return the id of the newest version in the vault."""
        return self.vault.versions[name][-1].material.version

    def heal(self) -> None:
        """Let every neighbour do nothing but its work again."""
        for script in self._scripts():
            script.clear()

    def told(self, type_: NoticeType = NoticeType.TARGET_REFRESHED) -> list[tuple[str, str]]:
        """Return subject and version of every notice of a type that subscribers got."""
        return [(notice.subject, notice.properties["version"]) for notice in self.bus.told(type_)]

    def calls(self) -> list[str]:
        """Return every call to any neighbour."""
        return [call for script in self._scripts() for call in script.calls]

    def _agree_on_the_time(self) -> None:
        for cluster in self.clusters:
            cluster.time = self.time

    def _scripts(self) -> list[Script]:
        return [
            self.vault.script,
            self.bus.script,
            self.queue.script,
            self.watch.script,
            *[cluster.script for cluster in self.clusters],
        ]


def build_world(*places: str, clusters: Sequence[str] = ("aks-one",), limits: Limits | None = None) -> World:
    """Build the default world, or one with several Secrets and clusters.

    Each `namespace/secret` gets a class of its own, a mount of the version "before", and the Secret with it.
    """
    world = World(limits=limits or Limits(deadline=5.0, telling=1.0))
    before = world.vault.put(NAME, "before")
    for name in clusters:
        cluster = FakeCluster(world.life, name=name)
        world.clusters.append(cluster)
        for place in places or (PLACE,):
            bind(cluster, place, before)
    return world


def bind(cluster: FakeCluster, place: str, mounted: str, *, class_name: str = "") -> None:
    """Add a class for one Secret, a pod that mounted it, and the Secret as the driver made it."""
    namespace, _, secret = place.partition("/")
    name = class_name or secret.removesuffix("-secret")
    cluster.views.append(build_class(namespace=namespace, name=name, secrets=[build_secret_object(secret)]))
    cluster.mounts.setdefault(namespace, []).append(build_mount(mounted, class_name=name))
    pod = Pod(name=f"{name}-0", secrets=frozenset(), classes=frozenset(), woken_for="")
    cluster.running.setdefault(namespace, []).append(pod)
    cluster.put(build_secret(place))
