"""A Secret of the Kubernetes API as a `KubernetesSecret`, and what is written about one. No request is made here."""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared import owned, parts
from shared.csi.classes import MANAGED_LABEL
from shared.edges.kube_api import Json
from shared.errors import PermanentError, TransientError
from shared.model import SecretValue
from shared.observed import KubernetesSecret, Owner, SecretState
from shared.reason import Reason

MANAGER = "keyvault-fanout"
"""Our name among a Secret's writers: the API server takes the user agent up to its slash (`kube_access`)."""

_EXTERNAL = "reconcile.external-secrets.io/"
"""The prefix of the labels and annotations that External Secrets puts on the Secrets that it writes."""

_OWNERS = {"ExternalSecret": Owner.EXTERNAL_SECRETS, "SecretSync": Owner.SYNC_CONTROLLER}
_LONGEST_NAME = 200
_LONGEST_MESSAGE = 1000


def read(manifest: Json, namespace: str, name: str, *, cluster: str) -> KubernetesSecret:
    """Read a Secret. Raises `PermanentError` for data that is not base64, `TransientError` for what is no Secret."""
    meta = parts.mapping(manifest, "metadata")
    try:
        data = {key: _decode(value) for key, value in parts.mapping(manifest, "data").items()}
    except (TypeError, ValueError, binascii.Error):
        raise PermanentError(
            f"{cluster}/{namespace}/{name}: its data is not base64", reason=Reason.CLUSTER_REFUSED
        ) from None
    labels = parts.mapping(meta, "labels")
    changed, by = _last_change(meta.get("managedFields"))
    return KubernetesSecret(
        namespace=namespace,
        name=name,
        resource_version=version(manifest, namespace, name, cluster=cluster),
        type=str(manifest.get("type", "")),
        managed=labels.get(MANAGED_LABEL) == "true",
        immutable=manifest.get("immutable") is True,
        data=data,
        owned=labels.get(owned.LABEL) == "true",
        owner=_owner(meta),
        versions=parts.text(meta, "annotations", owned.VERSIONS),
        uid=parts.text(meta, "uid"),
        changed=changed,
        by_us=by == MANAGER,
    )


def state(manifest: Json, namespace: str, name: str, *, cluster: str) -> SecretState:
    """Read what a Secret's metadata tells of its data."""
    meta = parts.mapping(manifest, "metadata")
    changed, by = _last_change(meta.get("managedFields"))
    return SecretState(
        resource_version=version(manifest, namespace, name, cluster=cluster),
        changed=changed,
        by_us=by == MANAGER,
        versions=parts.text(meta, "annotations", owned.VERSIONS),
    )


def version(manifest: Json, namespace: str, name: str, *, cluster: str) -> str:
    """Return its resourceVersion. Raises `TransientError` where there is none: a write would not be guarded."""
    found = parts.mapping(manifest, "metadata").get("resourceVersion")
    if not isinstance(found, str) or not found:
        raise TransientError(
            f"{cluster}/{namespace}/{name}: the answer is no Secret", reason=Reason.CLUSTER_UNREACHABLE
        )
    return found


def patch(secret: KubernetesSecret, data: Mapping[str, SecretValue], annotations: Mapping[str, str]) -> Json:
    """Compose the merge patch that puts data and annotations into the Secret that was read, and into no other state."""
    metadata: Json = {"resourceVersion": secret.resource_version}
    if annotations:
        metadata["annotations"] = dict(annotations)
    body: Json = {"metadata": metadata}
    if data:
        body["data"] = {key: base64.b64encode(value.reveal()).decode("ascii") for key, value in data.items()}
    return body


def complaint(secret: KubernetesSecret, message: str, at: datetime) -> Json:
    """Compose the Event that says what is wrong with a Secret. Its name is the same for the same state of it."""
    state = hashlib.sha256(f"{secret.uid}/{secret.resource_version}".encode()).hexdigest()[:16]
    instant = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{secret.name[:_LONGEST_NAME].rstrip('-.')}.{state}", "namespace": secret.namespace},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Secret",
            "namespace": secret.namespace,
            "name": secret.name,
            "uid": secret.uid,
            "resourceVersion": secret.resource_version,
        },
        "type": "Warning",
        "reason": "BadDeclaration",
        "message": message[:_LONGEST_MESSAGE],
        "source": {"component": "keyvault-fanout"},
        "reportingComponent": "keyvault-fanout",
        "firstTimestamp": instant,
        "lastTimestamp": instant,
        "count": 1,
    }


def _owner(meta: Mapping[str, Any]) -> Owner:
    for reference in parts.entries(meta, "ownerReferences"):
        owner = _OWNERS.get(parts.text(reference, "kind"))
        if owner is not None:
            return owner
    marks: Sequence[str] = [*parts.mapping(meta, "labels"), *parts.mapping(meta, "annotations")]
    return Owner.EXTERNAL_SECRETS if any(mark.startswith(_EXTERNAL) for mark in marks) else Owner.NOBODY


def _last_change(managers: object) -> tuple[datetime | None, str]:
    """Return when somebody last changed the data, and who: a writer's time moves with every change that it makes.

    Times are whole seconds. Of several writers in the last one anybody else counts before us.
    """
    changes = [
        (moment, parts.text(entry, "manager"))
        for entry in parts.entries(managers)
        if _may_hold_values(entry)
        if (moment := parts.time(entry, "time")) is not None
    ]
    return max(changes, key=lambda change: (change[0], change[1] != MANAGER), default=(None, ""))


def _may_hold_values(entry: Mapping[str, Any]) -> bool:
    """Tell whether a writer may have written what a key of the data holds now.

    Whoever made the map `data` goes on owning it, empty, after others have overwritten all that was in it.
    """
    keys = parts.mapping(entry, "fieldsV1", "f:data")
    return "fieldsV1" not in entry or any(key.startswith("f:") for key in keys)


def _decode(value: object) -> SecretValue:
    if not isinstance(value, str):
        raise TypeError
    return SecretValue(base64.b64decode(value, validate=True))
