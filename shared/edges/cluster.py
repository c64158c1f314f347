"""One Kubernetes cluster as a `ports.Cluster`: what is asked of its API, and what the answers mean.

Declarations are kept by watches (`kube_mirror`) and parsed once for each resourceVersion. Nothing else is cached but
the driver's generation and the absence of a kind, for five minutes.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared import index, nudge, owned, parts, secret_sync
from shared.cluster_setting import BindingKind
from shared.csi import classes
from shared.delegate import Delegate, Progress
from shared.driver import DriverFacts
from shared.edges import kube_delegate, kube_driver, kube_external, kube_lease, kube_pages, kube_secret
from shared.edges.kube_api import METADATA, METADATA_LIST, Json, KubeApi, path
from shared.edges.kube_listing import Listing
from shared.edges.kube_mirror import Mirror
from shared.edges.kube_workloads import Workloads
from shared.errors import DriverWouldFail
from shared.external_secrets.declaration import ExternalSecret
from shared.external_secrets.stores import Store
from shared.model import SecretValue, VaultObject
from shared.nudge import Pod
from shared.observed import ClassView, Driver, KubernetesSecret, PodStatus, RefusedClass, SecretState
from shared.owned import Declaration, RefusedDeclaration
from shared.secret_sync import SecretSync
from shared.workload import Workload

_log = logging.getLogger(__name__)

_CSI = "secrets-store.csi.x-k8s.io/v1"
_DRIVER_AGE = 300.0
_WAKING = 4
_LONGEST_OBJECTS = 64 * 1024
_TOO_LONG = DriverWouldFail(f"its objects are longer than {_LONGEST_OBJECTS} characters, which this app does not read")
"""Our own limit, some hundreds of objects: whoever may write a class must not be able to occupy the app."""


class KubernetesCluster:
    """A cluster behind one API server.

    `bindings` are the kinds of declarations that are followed. With None all are, and those beside classes only where
    the identity may list them. `driver` is what the settings say of the CSI driver.
    """

    def __init__(
        self,
        name: str,
        api: KubeApi,
        *,
        timeout: float,
        provider: classes.Provider | None = None,
        bindings: frozenset[BindingKind] | None = None,
        driver: Driver | None = None,
    ) -> None:
        self._name = name
        self._timeout = timeout
        self._api = api
        self._provider = provider or classes.Provider()
        self._bindings = bindings
        self._override = driver
        self._driver: tuple[float, DriverFacts] | None = None
        # Pods of one namespace behind a slow webhook must not take the places of other events' reads and writes.
        self._waking = asyncio.Semaphore(_WAKING)
        self._workloads = Workloads(api)
        self._classes = Mirror[ClassView](
            Listing(api, path(_CSI, "secretproviderclasses"), self._parse), index.class_names
        )
        self._owned = Mirror[Declaration | RefusedDeclaration](
            Listing(
                api,
                path("v1", "secrets"),
                lambda manifest: owned.parse(parts.mapping(manifest, "metadata")),
                query={"labelSelector": f"{owned.LABEL}=true"},
                accept=METADATA_LIST,
                accept_one=METADATA,
                optional=self._optional(BindingKind.OWNED),
                # Every write of ours comes back through the watch, and changes nothing of what is asked for.
                state=lambda manifest: parts.mapping(manifest, "metadata", "annotations").get(owned.OBJECTS),
            ),
            index.owned_names,
        )
        self._syncs = Mirror[SecretSync](
            Listing(
                api,
                path(secret_sync.GROUP_VERSION, secret_sync.PLURAL),
                secret_sync.parse,
                optional=self._optional(BindingKind.SECRET_SYNC),
            ),
            index.sync_names,
        )
        self._external = kube_external.Followed(api, optional=self._optional(BindingKind.EXTERNAL_SECRETS))

    @property
    def name(self) -> str:
        """The cluster's name in the settings."""
        return self._name

    @property
    def timeout(self) -> float:
        """Seconds that looking may take here, and again that writing may take."""
        return self._timeout

    async def classes(self, about: VaultObject | None = None) -> Sequence[ClassView]:
        """List the SecretProviderClasses of provider azure in all namespaces. SecretSyncs refer to them, too."""
        if not self._follows(BindingKind.CSI) and not self._follows(BindingKind.SECRET_SYNC):
            return ()
        return await self._classes.all() if about is None else await self._classes.fresh_about([about.name])

    async def owned(self, about: VaultObject | None = None) -> Sequence[Declaration | RefusedDeclaration]:
        """List the Secrets that carry our label, by their metadata only."""
        if not self._follows(BindingKind.OWNED):
            return ()
        return await self._owned.all() if about is None else await self._owned.fresh_about([about.name])

    async def external(self, about: VaultObject | None = None) -> tuple[Sequence[ExternalSecret], Sequence[Store]]:
        """List the ExternalSecrets in the newest version that is served, and their stores where there are any."""
        if not self._follows(BindingKind.EXTERNAL_SECRETS):
            return (), ()
        return await self._external.all() if about is None else await self._external.about(about)

    async def syncs(self, about: VaultObject | None = None) -> Sequence[SecretSync]:
        """List the SecretSyncs."""
        if not self._follows(BindingKind.SECRET_SYNC):
            return ()
        if about is None:
            return await self._syncs.all()
        fresh, _ = await asyncio.gather(self._syncs.fresh(), self._classes.fresh(), return_exceptions=True)
        if isinstance(fresh, BaseException):
            raise fresh
        # Where the classes could not be told, `classes` says so, and nothing is known of what reads them.
        return self._syncs.about(map(index.class_name, self._classes.about([about.name])))

    async def driver(self) -> Driver:
        """Tell the driver's generation, as far as the identity may read what tells it."""
        now = time.monotonic()
        if self._driver is None or now - self._driver[0] > _DRIVER_AGE:
            known = self._driver and self._driver[1]
            facts = await kube_driver.detect(self._api, self._override)
            if facts != known:
                _log.info("%s: %s %s, from %s", self._name, facts.generation, facts.version, facts.source)
            self._driver = (now, facts)
        return self._driver[1].generation

    async def pod_statuses(self, namespace: str) -> Sequence[PodStatus]:
        """List what the driver mounted in a namespace."""
        where = path(_CSI, "secretproviderclasspodstatuses", namespace=namespace)
        return [_mounted(parts.mapping(manifest, "status")) async for manifest in kube_pages.objects(self._api, where)]

    async def secret(self, namespace: str, name: str) -> KubernetesSecret | None:
        """Read a Secret, or None where there is none."""
        manifest = await self._api.get(path("v1", "secrets", namespace=namespace, name=name))
        return None if manifest is None else kube_secret.read(manifest, namespace, name, cluster=self._name)

    async def secret_version(self, namespace: str, name: str) -> str | None:
        """Read a Secret's resourceVersion; its data stays in the cluster."""
        manifest = await self._api.get(path("v1", "secrets", namespace=namespace, name=name), accept=METADATA)
        return None if manifest is None else kube_secret.version(manifest, namespace, name, cluster=self._name)

    async def secret_state(self, namespace: str, name: str) -> SecretState | None:
        """Read what tells when a Secret's data changed and by whom; the data stays in the cluster."""
        manifest = await self._api.get(path("v1", "secrets", namespace=namespace, name=name), accept=METADATA)
        return None if manifest is None else kube_secret.state(manifest, namespace, name, cluster=self._name)

    async def write(
        self, secret: KubernetesSecret, data: Mapping[str, SecretValue], annotations: Mapping[str, str]
    ) -> str:
        """Merge data and annotations into the Secret that was read; return its new resourceVersion."""
        where = path("v1", "secrets", namespace=secret.namespace, name=secret.name)
        patched = await self._api.merge_patch(where, kube_secret.patch(secret, data, annotations))
        return kube_secret.version(patched, secret.namespace, secret.name, cluster=self._name)

    async def complain(self, secret: KubernetesSecret, message: str) -> None:
        """Attach an Event to a Secret, once for each state of it."""
        where = path("v1", "events", namespace=secret.namespace)
        await self._api.create(where, kube_secret.complaint(secret, message, datetime.now(UTC)))

    async def ask(self, delegate: Delegate, state: str) -> None:
        """Change the field that makes an owner look. A resource that is gone is no failure."""
        await kube_delegate.ask(self._api, delegate, state)

    async def progress(self, delegate: Delegate, since: datetime) -> Progress | None:
        """Tell what an owner's status says, or None where its resource is gone."""
        return await kube_delegate.progress(self._api, delegate, since)

    async def pods(self, namespace: str) -> Sequence[Pod]:
        """List the running pods of a namespace with what they mount."""
        where, selector = path("v1", "pods", namespace=namespace), {"fieldSelector": "status.phase=Running"}
        return [
            pod
            async for manifest in kube_pages.objects(self._api, where, selector)
            if (pod := nudge.read_pod(manifest)) is not None
        ]

    async def wake(self, namespace: str, pod: str, state: str) -> None:
        """Annotate a pod. One that is gone is no failure."""
        body: Json = {"metadata": {"annotations": {nudge.ANNOTATION: state}}}
        async with self._waking:
            await self._api.touch(path("v1", "pods", namespace=namespace, name=pod), body, attempts=1)

    async def workloads(self) -> Sequence[Workload]:
        """List the workloads of all namespaces that opted in to restarts."""
        return await self._workloads.opted_in()

    async def restart(self, workload: Workload, patch: Mapping[str, Any]) -> None:
        """Patch a workload, guarded by its resourceVersion."""
        kind = workload.kind
        where = path(kind.group_version, kind.plural, namespace=workload.namespace, name=workload.name)
        await self._api.merge_patch(where, patch)

    async def hold_restarts(self, holder: str) -> bool:
        """Take the Lease for restarts; False where somebody else has it."""
        return await kube_lease.hold(self._api, holder)

    async def release_restarts(self, holder: str) -> None:
        """Give the Lease back."""
        await kube_lease.release(self._api, holder)

    async def close(self) -> None:
        """End the watches, and close the connections."""
        mirrors = (self._classes, self._owned, self._syncs, self._external)
        await asyncio.gather(*[one.close() for one in mirrors])
        await self._api.close()

    def _follows(self, kind: BindingKind) -> bool:
        return self._bindings is None or kind in self._bindings

    def _optional(self, kind: BindingKind) -> str:
        """Return what to say where a kind that nobody asked for may not be listed; nothing where somebody did."""
        if self._bindings is not None:
            return ""
        return f"apply deploy/kubernetes/{kind}.yaml to follow them, or list in BINDINGS what is followed"

    def _parse(self, manifest: Json) -> ClassView | None:
        if parts.mapping(manifest, "spec").get("provider") != "azure":
            return None
        try:
            if len(str(parts.mapping(manifest, "spec", "parameters").get("objects", ""))) > _LONGEST_OBJECTS:
                raise _TOO_LONG
            return classes.parse(manifest, self._provider)
        except DriverWouldFail as error:
            return _refused(manifest, error)


def _mounted(found: Mapping[str, Any]) -> PodStatus:
    versions = {str(entry.get("id")): str(entry.get("version")) for entry in parts.entries(found, "objects")}
    name, pod = str(found.get("secretProviderClassName", "")), str(found.get("podName", ""))
    return PodStatus(class_name=name, versions=versions, pod=pod)


def _refused(manifest: Json, error: DriverWouldFail) -> RefusedClass:
    """Keep of a refused class what tells whom it concerns; any of it may have the wrong type."""
    meta, spec = parts.mapping(manifest, "metadata"), parts.mapping(manifest, "spec")
    parameters = parts.mapping(spec, "parameters")
    names = [entry.get("secretName") for entry in parts.entries(spec, "secretObjects")]
    return RefusedClass(
        namespace=str(meta.get("namespace", "")),
        name=str(meta.get("name", "")),
        vault=str(parameters.get("keyvaultName", "")).strip().lower(),
        text=str(parameters.get("objects", "")).lower(),
        secrets=tuple(name.strip() for name in names if isinstance(name, str) and name.strip()),
        error=error,
    )
