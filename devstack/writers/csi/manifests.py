"""The objects by which the driver is known in a cluster, and the one that it writes per volume. Pure."""

from collections.abc import Mapping

from devstack.seed import DRIVER
from devstack.writers.classes import API_VERSION
from devstack.writers.cluster import Document
from devstack.writers.csi.pace import Generation

STATUS_KIND = "SecretProviderClassPodStatus"
STATUSES = "secretproviderclasspodstatuses"
MANAGED = f"{DRIVER}/managed"
NODE = "internal.secrets-store.csi.k8s.io/node-name"

_APP = "secrets-store-csi-driver"
_IMAGE = "mcr.microsoft.com/oss/v2/kubernetes-csi/secrets-store/driver"


def csi_driver(generation: Generation, *, rotation: bool, requires_republish: bool | None = None) -> Document:
    """Return the CSIDriver of the generation's Helm chart, as an API server shows it.

    The chart of 1.6 has the kubelet republish where rotation is on; its static manifest always does, which
    `requires_republish` says. 1.5 never asks for it, which the API server stores as false.
    """
    republish = generation.republishes and (rotation if requires_republish is None else requires_republish)
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSIDriver",
        "metadata": {"name": DRIVER, "labels": _labels(generation)},
        "spec": {
            "podInfoOnMount": True,
            "attachRequired": False,
            "volumeLifecycleModes": ["Ephemeral"],
            "requiresRepublish": republish,
        },
    }


def daemon_set(generation: Generation, *, rotation: bool, poll: float = 120.0) -> Document:
    """Return the driver's DaemonSet as the Helm chart installs it in kube-system; `poll` in seconds."""
    labels = {"app": _APP}
    args = [
        "--endpoint=$(CSI_ENDPOINT)",
        "--nodeid=$(KUBE_NODE_NAME)",
        "--provider-volume=/var/run/secrets-store-csi-providers",
        f"--enable-secret-rotation={str(rotation).lower()}",
        f"--rotation-poll-interval={poll:g}s",
    ]
    containers = [
        {
            "name": "node-driver-registrar",
            "image": "mcr.microsoft.com/oss/v2/kubernetes-csi/node-driver-registrar:v2.15.0",
        },
        {"name": "secrets-store", "image": f"{_IMAGE}:v{generation}", "args": args},
        {"name": "liveness-probe", "image": "mcr.microsoft.com/oss/v2/kubernetes-csi/livenessprobe:v2.17.0"},
    ]
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": _APP, "namespace": "kube-system", "labels": _labels(generation)},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
        "status": {"desiredNumberScheduled": 1, "numberReady": 1},
    }


def pod_status(pod: Document, class_: str, *, volume: str, versions: Mapping[str, str]) -> Document:
    """Return what the driver records of a mount (csi-semantics 4.1); `versions` by the objects' ids."""
    metadata, node = pod["metadata"], pod["spec"].get("nodeName", "")
    return {
        "apiVersion": API_VERSION,
        "kind": STATUS_KIND,
        "metadata": {
            "name": status_name(pod, class_),
            "namespace": metadata["namespace"],
            "labels": {NODE: node},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}],
        },
        "status": {
            "podName": metadata["name"],
            "secretProviderClassName": class_,
            "mounted": True,
            "targetPath": f"/var/lib/kubelet/pods/{metadata['uid']}/volumes/kubernetes.io~csi/{volume}/mount",
            "objects": [{"id": id_, "version": version} for id_, version in sorted(versions.items())],
        },
    }


def status_name(pod: Document, class_: str) -> str:
    """Return the name of a mount's status."""
    return f"{pod['metadata']['name']}-{pod['metadata']['namespace']}-{class_}"


def _labels(generation: Generation) -> dict[str, str]:
    return {
        "app": _APP,
        "app.kubernetes.io/name": _APP,
        "app.kubernetes.io/version": str(generation),
        "helm.sh/chart": f"{_APP}-{generation}",
    }
