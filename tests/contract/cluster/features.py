"""What each shipped manifest is for, as a small scene in a cluster: what is followed, and what is declared there.

The vault, the topic and the queue are in memory (tests/fakes); the cluster's edge and the whole flow are the app's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from devstack import seed
from shared import secret_sync
from shared.cluster_setting import BindingKind
from shared.edges.cluster import KubernetesCluster
from shared.neighbours import Limits, Neighbours
from shared.pace import Pace
from tests.builders import NAME, URL, VAULT, World, build_manifest
from tests.contract.cluster.manifests import Manifest, encoded, pod
from tests.e2e import declarations
from tests.edges import declared

SECRET = "web-secret"
OWNED, BROKEN = "owned", "broken"
OWNED_OBJECTS = f"- vault: {VAULT}\n  object: secret/{NAME}\n  key: password\n"


@dataclass
class ServedWorld(World):
    """The world in memory, but for its cluster."""

    served: Sequence[KubernetesCluster] = field(default_factory=list)

    def _neighbours(self) -> Neighbours:
        return replace(super()._neighbours(), clusters=self.served)


def build_world(cluster: KubernetesCluster, *, nudging: bool) -> ServedWorld:
    """Build a world whose vault holds one version of the default object. Its time is the real one, to begin with."""
    limits = Limits(deadline=20, telling=5, nudging=nudging, pace=Pace(budget=10))
    world = ServedWorld(limits=limits, served=[cluster], time=datetime.now(UTC))
    world.vault.put(NAME, "before")
    return world


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """What one manifest is for: the manifests that are applied, what is followed, what is declared in a namespace."""

    files: tuple[str, ...]
    bindings: frozenset[BindingKind] = frozenset({BindingKind.CSI})
    declare: Callable[[str], list[Manifest]]


def synced(namespace: str) -> list[Manifest]:
    """Return a class, the Secret that the driver of 1.5 made of it, and the pod status that proves it."""
    return [seed.csi_driver(), *_class(namespace), _secret(namespace)]


def unlabelled(namespace: str) -> list[Manifest]:
    """Return the same under the static manifests of 1.6 with rotation off, which carry no label."""
    driver = seed.csi_driver()
    del driver["metadata"]["labels"]
    container = {
        "name": "secrets-store",
        "image": "registry.k8s.io/csi-secrets-store/driver:v1.6.0",
        "args": ["--endpoint=$(CSI_ENDPOINT)", "--nodeid=$(KUBE_NODE_NAME)"],
    }
    labels = {"app": "csi-secrets-store"}
    daemonset = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "csi-secrets-store", "namespace": "kube-system"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    return [driver, daemonset, *_class(namespace), _secret(namespace)]


def mounted(namespace: str) -> list[Manifest]:
    """Return the same with a pod that mounts the Secret."""
    manifest = pod(namespace, "web-0")
    manifest["spec"] = manifest["spec"] | {"volumes": [{"name": "secret-volume", "secret": {"secretName": SECRET}}]}
    manifest["spec"]["containers"] = [{"name": "web", "image": "registry.example/web:1"}]
    return [*synced(namespace), manifest]


def owned(namespace: str) -> list[Manifest]:
    """Return a Secret that the app fills, and one whose annotation has a field that is none."""
    texts = {OWNED: OWNED_OBJECTS, BROKEN: f"{OWNED_OBJECTS}  wrong: x\n"}
    return [_at(declared.owned_secret(name, text), namespace) | {"data": {}} for name, text in texts.items()]


def external(namespace: str) -> list[Manifest]:
    """Return an ExternalSecret that a ClusterExternalSecret made, its store, and its Secret."""
    parent = declared.cluster_external_secret(namespace)
    child = _at(declared.external_secret(SECRET, parent=namespace), namespace)
    child["spec"] = {
        "secretStoreRef": {"name": "kv", "kind": "SecretStore"},
        "data": [{"secretKey": "password", "remoteRef": {"key": NAME}}],
    }
    store = _at(declared.store("SecretStore", "kv"), namespace)
    store["spec"] = {"provider": {"azurekv": {"vaultUrl": URL}}}
    return [parent, store, child, _secret(namespace)]


def sync(namespace: str) -> list[Manifest]:
    """Return a SecretSync over a class that syncs no Secret by itself, and its Secret."""
    data = [{"sourcePath": NAME, "targetKey": "password"}]
    manifest = {
        "apiVersion": secret_sync.GROUP_VERSION,
        "kind": "SecretSync",
        "metadata": {"name": SECRET, "namespace": namespace},
        "spec": {
            "secretProviderClassName": "web",
            "serviceAccountName": "reader",
            "secretObject": {"type": "Opaque", "data": data},
        },
    }
    return [*_class(namespace, secrets=[]), manifest, _secret(namespace)]


def workloads(namespace: str) -> list[Manifest]:
    """Return a workload of each kind that opted in, and the Secret that it reads."""
    found = [_at(declarations.workload(resource), namespace) for resource in declarations.KINDS]
    for manifest in found:
        manifest["metadata"]["annotations"] = {"keyvault-fanout.dev/restart": SECRET}
    return [*found, _secret(namespace)]


FEATURES: Mapping[str, Feature] = {
    "rbac": Feature(files=("rbac",), declare=synced),
    "driver": Feature(files=("rbac", "driver"), declare=unlabelled),
    "nudge": Feature(files=("rbac", "nudge"), declare=mounted),
    "owned-secrets": Feature(files=("owned-secrets",), bindings=frozenset({BindingKind.OWNED}), declare=owned),
    "external-secrets": Feature(
        files=("external-secrets",), bindings=frozenset({BindingKind.EXTERNAL_SECRETS}), declare=external
    ),
    "secret-sync": Feature(
        files=("secret-sync",), bindings=frozenset({BindingKind.CSI, BindingKind.SECRET_SYNC}), declare=sync
    ),
    "restart": Feature(files=("restart",), declare=workloads),
}
"""By manifest. Restarts are set off by their job, so that nothing else needs a right."""


def _at(manifest: Manifest, namespace: str) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}


def _class(namespace: str, **fields: Any) -> list[Manifest]:
    group = "secrets-store.csi.x-k8s.io/v1"
    status = {
        "podName": "web-0",
        "secretProviderClassName": "web",
        "mounted": True,
        "objects": [{"id": f"secret/{NAME}", "version": first_version()}],
    }
    return [
        {
            "apiVersion": group,
            "kind": "SecretProviderClass",
            "metadata": {"name": "web", "namespace": namespace},
            "spec": build_manifest(**fields)["spec"],
        },
        {
            "apiVersion": group,
            "kind": "SecretProviderClassPodStatus",
            "metadata": {"name": "web-0", "namespace": namespace},
            "status": status,
        },
    ]


def _secret(namespace: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": namespace, "labels": {f"{seed.DRIVER}/managed": "true"}},
        "type": "Opaque",
        "data": {"password": encoded(b"before")},
    }


def first_version() -> str:
    """Return the id that the vault in memory gives to the first version of the default object."""
    return f"{NAME.encode().hex()[:8]}{1:024x}"
