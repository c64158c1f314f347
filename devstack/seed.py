"""What the demonstration cluster holds: the namespace, class, pods and Secret of the post that started this project.

"Utilizing Key Vault in Azure Kubernetes Service" (Janne Mattila, 2024) watches `secret1` arrive in a mounted file up
to two minutes after its rotation, and in the synced Secret a minute later. The names are his. Pure: manifests only.
"""

import base64
from typing import Any

NAMESPACE = "secrets-app"
CLASS = "azure-keyvault-wi"
SECRET = "app-secret"  # noqa: S105 - the name of a Secret
KEY = "mysecret1"
OBJECT = "secret1"
PODS = ("busybox-secrets-store-inline-wi-0", "busybox-secrets-store-inline-wi-1")
DRIVER = "secrets-store.csi.k8s.io"

Manifest = dict[str, Any]


def manifests(*, vault: str, version: str, value: str) -> list[Manifest]:
    """Return the cluster as the CSI driver left it after it mounted `secret1` of `vault` at `version`."""
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        csi_driver(),
        provider_class(vault=vault),
        *[pod(name) for name in PODS],
        *[pod_status(name, version=version) for name in PODS],
        synced_secret(value),
    ]


def csi_driver() -> Manifest:
    """Return the CSIDriver as the Azure chart 1.8.2 installs it: driver 1.5.6 (csi-semantics 0)."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSIDriver",
        "metadata": {"name": DRIVER, "labels": {"app.kubernetes.io/version": "1.5.6"}},
        "spec": {"podInfoOnMount": True, "attachRequired": False, "volumeLifecycleModes": ["Ephemeral"]},
    }


def provider_class(*, vault: str) -> Manifest:
    """Return the post's SecretProviderClass."""
    return {
        "apiVersion": "secrets-store.csi.x-k8s.io/v1",
        "kind": "SecretProviderClass",
        "metadata": {"name": CLASS, "namespace": NAMESPACE},
        "spec": {
            "provider": "azure",
            "parameters": {
                "usePodIdentity": "false",
                "clientID": "00000000-0000-0000-0000-000000000001",
                "keyvaultName": vault,
                "tenantId": "00000000-0000-0000-0000-000000000002",
                "objects": (
                    f'array:\n  - |\n    objectName: {OBJECT}\n    objectType: secret\n    objectVersion: ""\n'
                ),
            },
            "secretObjects": [
                {"secretName": SECRET, "type": "Opaque", "data": [{"key": KEY, "objectName": OBJECT}]},
            ],
        },
    }


def pod(name: str) -> Manifest:
    """Return the post's second pod: the class as a CSI volume, the synced Secret as a Secret volume."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"azure.workload.identity/use": "true"}},
        "spec": {
            "serviceAccountName": "keyvault-reader",
            "nodeName": "aks-nodepool1-0",
            "containers": [
                {
                    "name": "busybox",
                    "image": "registry.k8s.io/e2e-test-images/busybox:1.29-4",
                    "command": ["/bin/sleep", "10000"],
                    "volumeMounts": [
                        {"name": "secrets-store", "mountPath": "/mnt/secrets-store", "readOnly": True},
                        {"name": "secret-volume", "mountPath": "/mnt/secrets-volume", "readOnly": True},
                    ],
                }
            ],
            "volumes": [
                {
                    "name": "secrets-store",
                    "csi": {"driver": DRIVER, "readOnly": True, "volumeAttributes": {"secretProviderClass": CLASS}},
                },
                {"name": "secret-volume", "secret": {"secretName": SECRET}},
            ],
        },
        "status": {"phase": "Running"},
    }


def pod_status(pod_name: str, *, version: str) -> Manifest:
    """Return what the driver records of a mount (csi-semantics 4.1)."""
    return {
        "apiVersion": "secrets-store.csi.x-k8s.io/v1",
        "kind": "SecretProviderClassPodStatus",
        "metadata": {
            "name": f"{pod_name}-{NAMESPACE}-{CLASS}",
            "namespace": NAMESPACE,
            "labels": {"internal.secrets-store.csi.k8s.io/node-name": "aks-nodepool1-0"},
        },
        "status": {
            "podName": pod_name,
            "secretProviderClassName": CLASS,
            "mounted": True,
            "targetPath": f"/var/lib/kubelet/pods/{pod_name}/volumes/kubernetes.io~csi/secrets-store/mount",
            "objects": [{"id": f"secret/{OBJECT}", "version": version}],
        },
    }


def synced_secret(value: str) -> Manifest:
    """Return the Secret as the driver creates it (csi-semantics 3.3)."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": NAMESPACE, "labels": {f"{DRIVER}/managed": "true"}},
        "type": "Opaque",
        "data": {KEY: base64.b64encode(value.encode()).decode("ascii")},
    }
