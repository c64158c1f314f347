"""One Kubernetes cluster as a `ports.Cluster`: what is asked of its API, and what the answers mean.

Classes are parsed once for each resourceVersion, however many events ask for them. Nothing else is cached but the
driver's generation, for five minutes.
"""

import asyncio
import base64
import binascii
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from shared import driver, nudge
from shared.csi import classes
from shared.edges.kube_api import Json, KubeApi, path
from shared.errors import ConfigurationError, ConflictError, DriverWouldFail, PermanentError, TransientError
from shared.model import SecretValue
from shared.nudge import Pod
from shared.observed import ClassView, Driver, KubernetesSecret, PodStatus, RefusedClass
from shared.reason import Reason

_CSI = "secrets-store.csi.x-k8s.io/v1"
_MANAGED = "secrets-store.csi.k8s.io/managed"
_DRIVER_AGE = 300.0
_WAKING = 4
_LONGEST_OBJECTS = 64 * 1024
_TOO_LONG = DriverWouldFail(f"its objects are longer than {_LONGEST_OBJECTS} characters, which this app does not read")
"""Our own limit, some hundreds of objects: whoever may write a class must not be able to occupy the app."""


class KubernetesCluster:
    """A cluster behind one API server."""

    def __init__(self, name: str, api: KubeApi, *, timeout: float, provider: classes.Provider | None = None) -> None:
        self._name = name
        self._timeout = timeout
        self._api = api
        self._provider = provider or classes.Provider()
        self._parsed: dict[tuple[str, str], tuple[str, ClassView]] = {}
        self._driver: tuple[float, Driver] | None = None
        # Pods of one namespace behind a slow webhook must not take the places of other events' reads and writes.
        self._waking = asyncio.Semaphore(_WAKING)

    @property
    def name(self) -> str:
        """The cluster's name in the settings."""
        return self._name

    @property
    def timeout(self) -> float:
        """Seconds that looking may take here, and again that writing may take."""
        return self._timeout

    async def classes(self) -> Sequence[ClassView]:
        """List the SecretProviderClasses of provider azure in all namespaces."""
        seen: dict[tuple[str, str], ClassView] = {}
        async for page in self._api.pages(path(_CSI, "secretproviderclasses")):
            for manifest in page:
                meta, spec = _mapping(manifest, "metadata"), _mapping(manifest, "spec")
                if spec.get("provider") != "azure":
                    continue
                key = str(meta.get("namespace", "")), str(meta.get("name", ""))
                # uid and resourceVersion together: a class deleted and made again may repeat neither
                state = f"{meta.get('uid')}/{meta.get('resourceVersion')}"
                known = self._parsed.get(key)
                if known is None or known[0] != state:
                    # Kept at once: a look that runs out of time must not do this work again.
                    known = self._parsed[key] = (state, self._parse(manifest))
                    await asyncio.sleep(0)  # so that thousands of new classes hold nobody else up
                seen[key] = known[1]
        for key in self._parsed.keys() - seen.keys():
            del self._parsed[key]
        return list(seen.values())

    async def driver(self) -> Driver:
        """Tell the driver's generation. An identity that may not read CSIDrivers gets `Driver.UNKNOWN`."""
        now = time.monotonic()
        if self._driver is None or now - self._driver[0] > _DRIVER_AGE:
            try:
                manifest = await self._api.get(path("storage.k8s.io/v1", "csidrivers", name=driver.NAME))
                found = driver.generation(manifest)
            except ConfigurationError as error:
                if error.reason is not Reason.CLUSTER_FORBIDDEN:
                    raise
                found = Driver.UNKNOWN
            self._driver = (now, found)
        return self._driver[1]

    async def pod_statuses(self, namespace: str) -> Sequence[PodStatus]:
        """List what the driver mounted in a namespace."""
        statuses: list[PodStatus] = []
        async for page in self._api.pages(path(_CSI, "secretproviderclasspodstatuses", namespace=namespace)):
            for manifest in page:
                status = _mapping(manifest, "status")
                versions = {
                    str(entry.get("id")): str(entry.get("version")) for entry in _entries(status.get("objects"))
                }
                name = str(status.get("secretProviderClassName", ""))
                statuses.append(PodStatus(class_name=name, versions=versions))
        return statuses

    async def secret(self, namespace: str, name: str) -> KubernetesSecret | None:
        """Read a Secret, or None where there is none."""
        manifest = await self._api.get(path("v1", "secrets", namespace=namespace, name=name))
        if manifest is None:
            return None
        meta = _mapping(manifest, "metadata")
        try:
            data = {key: _decode(value) for key, value in _mapping(manifest, "data").items()}
        except (TypeError, ValueError, binascii.Error):
            raise PermanentError(
                f"{self._name}/{namespace}/{name}: its data is not base64", reason=Reason.CLUSTER_REFUSED
            ) from None
        return KubernetesSecret(
            namespace=namespace,
            name=name,
            resource_version=self._version(manifest, namespace, name),
            type=str(manifest.get("type", "")),
            managed=_mapping(meta, "labels").get(_MANAGED) == "true",
            immutable=manifest.get("immutable") is True,
            data=data,
        )

    async def write(self, secret: KubernetesSecret, data: Mapping[str, SecretValue]) -> str:
        """Merge `data` into the Secret that was read; return its new resourceVersion."""
        body: Json = {
            "metadata": {"resourceVersion": secret.resource_version},
            "data": {key: base64.b64encode(value.reveal()).decode("ascii") for key, value in data.items()},
        }
        patched = await self._api.merge_patch(path("v1", "secrets", namespace=secret.namespace, name=secret.name), body)
        return self._version(patched, secret.namespace, secret.name)

    async def pods(self, namespace: str) -> Sequence[Pod]:
        """List the running pods of a namespace with what they mount."""
        selector = {"fieldSelector": "status.phase=Running"}
        return [
            pod
            async for page in self._api.pages(path("v1", "pods", namespace=namespace), selector)
            for manifest in page
            if (pod := nudge.read_pod(manifest)) is not None
        ]

    async def wake(self, namespace: str, pod: str, state: str) -> None:
        """Annotate a pod. One that is gone is no failure."""
        body: Json = {"metadata": {"annotations": {nudge.ANNOTATION: state}}}
        async with self._waking:
            with contextlib.suppress(ConflictError):
                await self._api.merge_patch(path("v1", "pods", namespace=namespace, name=pod), body, attempts=1)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    def _version(self, manifest: Json, namespace: str, name: str) -> str:
        version = _mapping(manifest, "metadata").get("resourceVersion")
        if not isinstance(version, str) or not version:
            # The API server takes an empty one for none, and a write would not be guarded.
            raise TransientError(
                f"{self._name}/{namespace}/{name}: the answer is no Secret", reason=Reason.CLUSTER_UNREACHABLE
            )
        return version

    def _parse(self, manifest: Json) -> ClassView:
        try:
            if len(str(_mapping(_mapping(manifest, "spec"), "parameters").get("objects", ""))) > _LONGEST_OBJECTS:
                raise _TOO_LONG
            return classes.parse(manifest, self._provider)
        except DriverWouldFail as error:
            return _refused(manifest, error)


def _refused(manifest: Json, error: DriverWouldFail) -> RefusedClass:
    """Keep of a refused class what tells whom it concerns; any of it may have the wrong type."""
    meta, spec = _mapping(manifest, "metadata"), _mapping(manifest, "spec")
    parameters = _mapping(spec, "parameters")
    names = [entry.get("secretName") for entry in _entries(spec.get("secretObjects"))]
    return RefusedClass(
        namespace=str(meta.get("namespace", "")),
        name=str(meta.get("name", "")),
        vault=str(parameters.get("keyvaultName", "")).strip().lower(),
        text=str(parameters.get("objects", "")).lower(),
        secrets=tuple(name.strip() for name in names if isinstance(name, str) and name.strip()),
        error=error,
    )


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _entries(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _decode(value: object) -> SecretValue:
    if not isinstance(value, str):
        raise TypeError
    return SecretValue(base64.b64decode(value, validate=True))
