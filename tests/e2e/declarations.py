"""What a cluster can declare beside the seed's class, each in the namespace of the seed and about its vault object."""

import json
from typing import Any

from devstack import seed, stack
from tests.e2e.scene import Scene

Manifest = dict[str, Any]

GRANT = {"keyvault-fanout-allow": f"{stack.CLUSTER}/{seed.NAMESPACE}"}
"""The tags by which the vault's owner lets the namespace have the object."""

OWNED = "owned"
BROKEN = "broken"
EXTERNAL = "external"
SYNCED = "synced"
READER = "reader"

KINDS = {
    "deployments": ("apps/v1", "Deployment"),
    "statefulsets": ("apps/v1", "StatefulSet"),
    "daemonsets": ("apps/v1", "DaemonSet"),
    "rollouts": ("argoproj.io/v1alpha1", "Rollout"),
}
"""By resource, the kinds of workloads that can be restarted."""


def owned_secret(name: str = OWNED, **extra: str) -> Manifest:
    """Return a Secret that the app alone fills; `extra` are further fields of its entry."""
    entry = {"vault": stack.VAULT, "object": f"secret/{seed.OBJECT}", "key": seed.KEY, **extra}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            **_metadata(name),
            "labels": {"keyvault-fanout.dev/owned": "true"},
            "annotations": {"keyvault-fanout.dev/objects": json.dumps([entry])},
        },
        "type": "Opaque",
    }


def broken_secret() -> Manifest:
    """Return an owned Secret whose annotation has a field that is none."""
    return owned_secret(BROKEN, wrong="x")


def store(scene: Scene, kind: str = "SecretStore") -> Manifest:
    """Return a store of External Secrets that reads the stack's vault."""
    metadata = _metadata("kv") if kind == "SecretStore" else {"name": "kv"}
    provider = {"azurekv": {"vaultUrl": scene.stack.vault.url, "authType": "WorkloadIdentity"}}
    return {**_external(kind), "metadata": metadata, "spec": {"provider": provider}}


def external_secret(*, kind: str = "SecretStore", parent: Manifest | None = None) -> Manifest:
    """Return an ExternalSecret, as a ClusterExternalSecret would make it where there is a `parent`."""
    owners = []
    if parent is not None:
        meta = parent["metadata"]
        owners = [{**_external("ClusterExternalSecret"), "name": meta["name"], "uid": meta["uid"], "controller": True}]
    return {
        **_external("ExternalSecret"),
        "metadata": {**_metadata(EXTERNAL), "ownerReferences": owners},
        "spec": {
            "secretStoreRef": {"kind": kind, "name": "kv"},
            "data": [{"secretKey": seed.KEY, "remoteRef": {"key": seed.OBJECT}}],
        },
    }


def cluster_external_secret() -> Manifest:
    """Return a ClusterExternalSecret."""
    return {**_external("ClusterExternalSecret"), "metadata": {"name": EXTERNAL}, "spec": {}}


def secret_sync() -> Manifest:
    """Return a SecretSync over the seed's class."""
    return {
        "apiVersion": "secret-sync.x-k8s.io/v1alpha1",
        "kind": "SecretSync",
        "metadata": _metadata(SYNCED),
        "spec": {
            "secretProviderClassName": seed.CLASS,
            "serviceAccountName": "keyvault-reader",
            "secretObject": {"type": "Opaque", "data": [{"sourcePath": seed.OBJECT, "targetKey": seed.KEY}]},
        },
    }


def files_only() -> Manifest:
    """Return the seed's class without `secretObjects`."""
    class_ = seed.provider_class(vault=stack.VAULT)
    del class_["spec"]["secretObjects"]
    return class_


def workload(resource: str = "deployments") -> Manifest:
    """Return a workload that opted in to restarts for the seed's Secret, and is well."""
    api_version, kind = KINDS[resource]
    counts = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}
    nodes = {"desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberAvailable": 1}
    statuses: dict[str, Manifest] = {"rollouts": {"phase": "Healthy"}, "daemonsets": nodes}
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {**_metadata(READER), "annotations": {"keyvault-fanout.dev/restart": seed.SECRET}},
        "spec": {
            "selector": {"matchLabels": {"app": READER}},
            "template": {
                "metadata": {"labels": {"app": READER}},
                "spec": {"containers": [{"name": "app", "image": "registry.example/app:1"}]},
            },
        },
        "status": {"observedGeneration": "1" if resource == "rollouts" else 1, **statuses.get(resource, counts)},
    }


def lease_namespace() -> Manifest:
    """Return the Namespace that restart.yaml makes."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "keyvault-fanout"}}


def free_lease() -> Manifest:
    """Return the Lease for restarts, as the last holder gave it back."""
    metadata = {"name": "restarts", "namespace": "keyvault-fanout"}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {"holderIdentity": ""},
    }


def _metadata(name: str) -> Manifest:
    return {"name": name, "namespace": seed.NAMESPACE}


def _external(kind: str) -> Manifest:
    return {"apiVersion": "external-secrets.io/v1", "kind": kind}
