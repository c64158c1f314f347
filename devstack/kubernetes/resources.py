"""Which resources are served: one table. A further resource is a further line in it.

Group, versions and plural of the foreign kinds: secrets-store.csi.x-k8s.io and csidrivers from csi-semantics;
external-secrets.io from peers; secret-sync.x-k8s.io from kubernetes-sigs/secrets-store-sync-controller
(config/crd/bases/secret-sync.x-k8s.io_secretsyncs.yaml).
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object and how the API serves it."""

    group: str
    """"" for the core group."""
    plural: str
    kind: str
    namespaced: bool = field(default=True, kw_only=True)
    versions: tuple[str, ...] = field(default=("v1",), kw_only=True)
    """Served versions. The first is the preferred one, and the one that stored objects carry."""
    custom: bool = field(default=False, kw_only=True)
    """Defined by a CustomResourceDefinition. Such objects must name their kind, and are listed with it."""
    fields: tuple[str, ...] = field(default=(), kw_only=True)
    """Field selectors beyond metadata.name and metadata.namespace."""

    @property
    def qualified(self) -> str:
        """The name in the server's messages and the key of its collection: `secrets`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def counts_generations(self) -> bool:
        """Whether metadata.generation counts the changes outside metadata and status."""
        return self.custom or self.group == "apps"

    @property
    def unconditional(self) -> bool:
        """Whether a replacement may do without a resourceVersion (AllowUnconditionalUpdate of the kind's strategy)."""
        return not self.custom and self.group in ("", "apps")

    def api_version(self, version: str = "") -> str:
        """Return the `apiVersion` of an object in the given (or the stored) version."""
        version = version or self.versions[0]
        return f"{self.group}/{version}" if self.group else version


_CSI = "secrets-store.csi.x-k8s.io"
_EXTERNAL = "external-secrets.io"
_BOTH = ("v1", "v1beta1")
_EVENT_FIELDS = ("involvedObject.kind", "involvedObject.name", "involvedObject.namespace", "reason", "type")

NAMESPACES = Resource("", "namespaces", "Namespace", namespaced=False)
SECRETS = Resource("", "secrets", "Secret", fields=("type",))

RESOURCES: tuple[Resource, ...] = (
    NAMESPACES,
    SECRETS,
    Resource("", "pods", "Pod", fields=("spec.nodeName", "status.phase")),
    Resource("", "events", "Event", fields=_EVENT_FIELDS),
    Resource("apps", "deployments", "Deployment"),
    Resource("apps", "statefulsets", "StatefulSet"),
    Resource("apps", "daemonsets", "DaemonSet"),
    Resource("apps", "replicasets", "ReplicaSet"),
    Resource("storage.k8s.io", "csidrivers", "CSIDriver", namespaced=False),
    Resource("coordination.k8s.io", "leases", "Lease"),
    Resource(_CSI, "secretproviderclasses", "SecretProviderClass", custom=True),
    Resource(_CSI, "secretproviderclasspodstatuses", "SecretProviderClassPodStatus", custom=True),
    Resource(_EXTERNAL, "externalsecrets", "ExternalSecret", versions=_BOTH, custom=True),
    Resource(_EXTERNAL, "secretstores", "SecretStore", versions=_BOTH, custom=True),
    Resource(_EXTERNAL, "clustersecretstores", "ClusterSecretStore", versions=_BOTH, custom=True, namespaced=False),
    Resource(
        _EXTERNAL, "clusterexternalsecrets", "ClusterExternalSecret", versions=_BOTH, custom=True, namespaced=False
    ),
    Resource("secret-sync.x-k8s.io", "secretsyncs", "SecretSync", versions=("v1alpha1",), custom=True),
    Resource("argoproj.io", "rollouts", "Rollout", versions=("v1alpha1",), custom=True),
)


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
