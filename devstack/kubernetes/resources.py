"""Which resources are served: one table. A further resource is a further line in it.

Group, versions and plural of the foreign kinds: secrets-store.csi.x-k8s.io and csidrivers from csi-semantics;
external-secrets.io from peers; secret-sync.x-k8s.io from kubernetes-sigs/secrets-store-sync-controller
(config/crd/bases/secret-sync.x-k8s.io_secretsyncs.yaml).
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A kind of object and how the API serves it."""

    group: str
    """"" for the core group."""
    versions: tuple[str, ...]
    """Served versions. The first is the preferred one, and the one that stored objects carry."""
    plural: str
    kind: str
    namespaced: bool = True
    custom: bool = False
    """Defined by a CustomResourceDefinition. Such objects must name their kind, are listed with it, take no strategic
    merge patch and are not replaced without a resourceVersion."""
    short_names: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    """Field selectors beyond metadata.name and metadata.namespace."""
    counts_generations: bool = False
    """Whether metadata.generation counts the changes outside metadata and status."""

    @property
    def qualified(self) -> str:
        """The name in the server's messages and the key of its collection: `secrets`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """The kind in the server's messages: `Secret`, `Deployment.apps`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    def api_version(self, version: str | None = None) -> str:
        """Return the `apiVersion` of an object in the given (or the stored) version."""
        version = version or self.versions[0]
        return f"{self.group}/{version}" if self.group else version


def _core(plural: str, kind: str, *short_names: str, namespaced: bool = True, fields: tuple[str, ...] = ()) -> Resource:
    return Resource(
        group="",
        versions=("v1",),
        plural=plural,
        kind=kind,
        namespaced=namespaced,
        short_names=short_names,
        fields=fields,
    )


def _apps(plural: str, kind: str, *short_names: str) -> Resource:
    return Resource(
        group="apps", versions=("v1",), plural=plural, kind=kind, short_names=short_names, counts_generations=True
    )


def _custom(group: str, versions: str, plural: str, kind: str, *short_names: str, namespaced: bool = True) -> Resource:
    return Resource(
        group=group,
        versions=tuple(versions.split()),
        plural=plural,
        kind=kind,
        namespaced=namespaced,
        custom=True,
        short_names=short_names,
        counts_generations=True,
    )


_POD_FIELDS = ("spec.nodeName", "status.phase")
_EVENT_FIELDS = ("involvedObject.kind", "involvedObject.name", "involvedObject.namespace", "reason", "type")

RESOURCES: tuple[Resource, ...] = (
    _core("namespaces", "Namespace", "ns", namespaced=False, fields=("status.phase",)),
    _core("secrets", "Secret", fields=("type",)),
    _core("pods", "Pod", "po", fields=_POD_FIELDS),
    _core("events", "Event", "ev", fields=_EVENT_FIELDS),
    _apps("deployments", "Deployment", "deploy"),
    _apps("statefulsets", "StatefulSet", "sts"),
    _apps("daemonsets", "DaemonSet", "ds"),
    _apps("replicasets", "ReplicaSet", "rs"),
    Resource(group="storage.k8s.io", versions=("v1",), plural="csidrivers", kind="CSIDriver", namespaced=False),
    Resource(group="coordination.k8s.io", versions=("v1",), plural="leases", kind="Lease"),
    _custom("secrets-store.csi.x-k8s.io", "v1", "secretproviderclasses", "SecretProviderClass"),
    _custom("secrets-store.csi.x-k8s.io", "v1", "secretproviderclasspodstatuses", "SecretProviderClassPodStatus"),
    _custom("external-secrets.io", "v1 v1beta1", "externalsecrets", "ExternalSecret", "es"),
    _custom("external-secrets.io", "v1 v1beta1", "secretstores", "SecretStore", "ss"),
    _custom("external-secrets.io", "v1 v1beta1", "clustersecretstores", "ClusterSecretStore", "css", namespaced=False),
    _custom(
        "external-secrets.io", "v1 v1beta1", "clusterexternalsecrets", "ClusterExternalSecret", "ces", namespaced=False
    ),
    _custom("secret-sync.x-k8s.io", "v1alpha1", "secretsyncs", "SecretSync"),
    _custom("argoproj.io", "v1alpha1", "rollouts", "Rollout", "ro"),
)

NAMESPACES = RESOURCES[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a request points: a resource in one of its versions, and as far as given a namespace and a name."""

    resource: Resource
    version: str
    namespace: str = ""
    name: str = ""

    @property
    def api_version(self) -> str:
        """The `apiVersion` that objects have when they are read or written here."""
        return self.resource.api_version(self.version)


def groups() -> Iterator[str]:
    """Yield every served group once, in the table's order."""
    yield from dict.fromkeys(resource.group for resource in RESOURCES)


def of_path(group: str, version: str, plural: str) -> Resource | None:
    """Return the resource served under that group, version and plural."""
    for resource in RESOURCES:
        if resource.group == group and resource.plural == plural and version in resource.versions:
            return resource
    return None


def of_plural(plural: str) -> Resource:
    """Return the resource with that plural, which is unique in the table. Raises KeyError."""
    for resource in RESOURCES:
        if resource.plural == plural:
            return resource
    raise KeyError(plural)


def of_manifest(api_version: str, kind: str) -> Resource:
    """Return the resource that a manifest's apiVersion and kind name. Raises KeyError."""
    for resource in RESOURCES:
        if resource.kind == kind and api_version in map(resource.api_version, resource.versions):
            return resource
    raise KeyError(f"{api_version} {kind}")
