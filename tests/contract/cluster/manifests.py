"""What tests declare: the devstack's and the edges' manifests, moved to a test's own namespace."""

import base64
from collections.abc import Mapping
from typing import Any

from devstack import seed
from tests.edges import declared

Manifest = dict[str, Any]

MARK = declared.MARKED
"""A value that must not be found where values do not belong."""


def placed(manifest: Mapping[str, Any], namespace: str, name: str = "") -> Manifest:
    """Return the manifest in another namespace, under another name if one is given."""
    metadata = {**manifest["metadata"], "namespace": namespace}
    return {**manifest, "metadata": metadata | ({"name": name} if name else {})}


def provider_class(namespace: str, name: str = seed.CLASS, **spec: Any) -> Manifest:
    """Return the post's class, with other fields in its spec."""
    manifest = placed(seed.provider_class(vault="KV-Demo"), namespace, name)
    return {**manifest, "spec": {**manifest["spec"], **spec}}


def pod_status(namespace: str, pod: str = "pod-1", version: str = "v1") -> Manifest:
    """Return what the driver notes of a mount of the post's class."""
    return placed(seed.pod_status(pod, version=version), namespace)


def pod(namespace: str, name: str = "one", phase: str = "Running") -> Manifest:
    """Return a pod that mounts the post's class and its Secret."""
    return placed(seed.pod(name), namespace) | {"status": {"phase": phase}}


def secret(namespace: str, name: str = seed.SECRET, value: str = "old", **fields: Any) -> Manifest:
    """Return the driver's Secret, with other fields."""
    return placed(seed.synced_secret(value), namespace, name) | fields


def full_secret(namespace: str, **fields: Any) -> Manifest:
    """Return a Secret with everything on it that a write has to leave alone."""
    manifest = secret(namespace)
    manifest["metadata"] |= {
        "annotations": {"team": "shop"},
        "labels": {f"{seed.DRIVER}/managed": "true", "app": "shop"},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "shop-1", "uid": "u-1"}],
    }
    manifest["data"]["other"] = encoded(bytes(range(256)))
    return manifest | fields


def encoded(value: bytes) -> str:
    """Return base64."""
    return base64.b64encode(value).decode("ascii")
