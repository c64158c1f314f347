"""What the clusters hold for a figure: manifests, and the paths of what is looked at. Pure."""

import base64
import json
from typing import Any

from devstack import seed, stack

Manifest = dict[str, Any]

BINDINGS = (
    "/apis/secrets-store.csi.x-k8s.io/v1/secretproviderclasses?limit=1",
    "/api/v1/secrets?labelSelector=keyvault-fanout.dev%2Fowned%3Dtrue&limit=1",
    "/apis/external-secrets.io/v1/externalsecrets?limit=1",
    "/apis/secret-sync.x-k8s.io/v1alpha1/secretsyncs?limit=1",
)
"""A list of one object of each kind of declarations: what the app asks, warm. It says whether anything has changed."""

POD_STATUSES = "/apis/secrets-store.csi.x-k8s.io/v1/namespaces/{namespace}/secretproviderclasspodstatuses?limit=200"

KEY = "value"


def the_post(version: str) -> list[Manifest]:
    """Return the class, the pods and the Secret of `devstack.seed`, as the driver left them at a version."""
    return seed.manifests(vault=stack.VAULT, version=version, value="before")


def owned(name: str, *, namespace: str, about: str) -> Manifest:
    """Return a Secret that the app alone fills with a secret of the vault."""
    entry = {"vault": stack.VAULT, "object": f"secret/{about}", "key": KEY}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "namespace": namespace,
            "name": name,
            "labels": {"keyvault-fanout.dev/owned": "true"},
            "annotations": {"keyvault-fanout.dev/objects": json.dumps([entry])},
        },
        "type": "Opaque",
        "data": {KEY: base64.b64encode(b"before").decode("ascii")},
    }


def namespace(name: str) -> Manifest:
    """Return a namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def class_of(about: str, *, namespace: str) -> Manifest:
    """Return a class that syncs one secret of the vault into a Secret; both have the secret's name."""
    manifest = seed.provider_class(vault=stack.VAULT)
    manifest["metadata"] = {"name": about, "namespace": namespace}
    spec = manifest["spec"]
    spec["parameters"]["objects"] = spec["parameters"]["objects"].replace(seed.OBJECT, about)
    spec["secretObjects"] = [{"secretName": about, "type": "Opaque", "data": [{"key": KEY, "objectName": about}]}]
    return manifest


def synced(about: str, *, namespace: str) -> Manifest:
    """Return the Secret of such a class."""
    manifest = seed.synced_secret("before")
    manifest["metadata"] |= {"name": about, "namespace": namespace}
    manifest["data"] = {KEY: base64.b64encode(b"before").decode("ascii")}
    return manifest


def collection_of(manifest: Manifest) -> str:
    """Return the path that an object of the kinds in use here is posted to."""
    group, kind = manifest["apiVersion"], manifest["kind"]
    plural = f"{kind.lower()}{'es' if kind.lower().endswith('s') else 's'}"
    namespace = manifest["metadata"].get("namespace", "")
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"/{'apis' if '/' in group else 'api'}/{group}{where}/{plural}"
