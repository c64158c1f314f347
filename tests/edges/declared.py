"""Manifests of what a cluster may declare beside classes: everything defaults, one thing differs."""

import base64
from typing import Any

from devstack import seed
from shared import owned
from shared.external_secrets.declaration import GROUP
from shared.secret_sync import GROUP_VERSION

Manifest = dict[str, Any]

MARKED = "hunter2-planted"
"""A value that must not be found where values do not belong."""
MARKS = (MARKED, base64.b64encode(MARKED.encode()).decode("ascii").rstrip("="))

OBJECTS = "- vault: kv-demo\n  object: secret/secret1\n  key: password\n"


def owned_secret(name: str = "filled", objects: str = OBJECTS, **metadata: Any) -> Manifest:
    """Return a Secret that carries our label and holds the marked value."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": seed.NAMESPACE,
            "labels": {owned.LABEL: "true"},
            "annotations": {owned.OBJECTS: objects},
            **metadata,
        },
        "type": "Opaque",
        "data": {"password": base64.b64encode(MARKED.encode()).decode("ascii")},
    }


def external_secret(name: str = "external", *, parent: str = "", **status: Any) -> Manifest:
    """Return an ExternalSecret that takes `secret1` from the store `vault`."""
    owner = {"apiVersion": f"{GROUP}/v1", "kind": "ClusterExternalSecret", "name": parent, "uid": "1"}
    references = {"ownerReferences": [owner | {"controller": True}]} if parent else {}
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": seed.NAMESPACE, "annotations": {"team": "shop"}, **references},
        "spec": {
            "secretStoreRef": {"name": "vault", "kind": "ClusterSecretStore"},
            "data": [{"secretKey": "password", "remoteRef": {"key": seed.OBJECT}}],
        },
        "status": status,
    }


def cluster_external_secret(name: str = "everywhere") -> Manifest:
    """Return a ClusterExternalSecret."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ClusterExternalSecret",
        "metadata": {"name": name, "annotations": {"team": "platform"}},
        "spec": {"externalSecretSpec": {}},
    }


def store(kind: str = "ClusterSecretStore", name: str = "vault", *, host: str = "kv-demo.vault.azure.net") -> Manifest:
    """Return a store of the provider azurekv."""
    where = {"namespace": seed.NAMESPACE} if kind == "SecretStore" else {}
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": {"name": name, **where},
        "spec": {"provider": {"azurekv": {"vaultUrl": f"https://{host}"}}},
    }


def secret_sync(name: str = "synced", **status: Any) -> Manifest:
    """Return a SecretSync over the post's class."""
    return {
        "apiVersion": GROUP_VERSION,
        "kind": "SecretSync",
        "metadata": {"name": name, "namespace": seed.NAMESPACE},
        "spec": {
            "secretProviderClassName": seed.CLASS,
            "serviceAccountName": "keyvault-reader",
            "secretObject": {"type": "Opaque", "data": [{"sourcePath": seed.OBJECT, "targetKey": "password"}]},
        },
        "status": status,
    }
