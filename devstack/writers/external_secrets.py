"""The External Secrets Operator, for stores of the provider azurekv and `data[].remoteRef` with key and version.

When it refreshes, and what it compares, is from external-secrets/external-secrets,
pkg/controllers/externalsecret/externalsecret_controller.go (shouldRefresh, isSecretValid) and peers 4. It repairs a
Secret that somebody else changed as soon as it hears of it, whatever the policy: the annotation with the hash of the
data no longer fits. Left out: dataFrom, templates, properties, generators, sync windows, creation policies other than
Owner, deletion policies, ClusterExternalSecrets, authentication (the vault sees the controller's user), the back-off.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from devstack.writers import clock
from devstack.writers.classes import encode
from devstack.writers.cluster import Document, path_of, secret_path
from devstack.writers.conditions import with_condition
from devstack.writers.controller import Controller
from devstack.writers.informer import key_of
from devstack.writers.refusals import RefusedError

API_VERSION = "external-secrets.io/v1"
MANAGED = "reconcile.external-secrets.io/managed"
DATA_HASH = "reconcile.external-secrets.io/data-hash"

_STORES = {"SecretStore": "secretstores", "ClusterSecretStore": "clustersecretstores"}
_DEFAULT_INTERVAL = "1h0m0s"
_NO_DATA, _NO_UPDATE, _SYNCED = "could not get secret data from provider", "could not update secret", "secret synced"


class ExternalSecrets(Controller):
    """One installation of the operator."""

    agent = "external-secrets/v2.9.0"
    api_version = API_VERSION
    plural = "externalsecrets"

    async def begin(self) -> None:
        """Follow the managed Secrets, by their metadata alone, and look at everything once."""
        self._refreshed: dict[str, datetime] = {}
        secrets = path_of("v1", "secrets", self._namespace)
        await super().begin()
        managed = self.follow(secrets, self._see_secret, selector=f"{MANAGED}=true", only_metadata=True)
        await managed.synced.wait()

    async def reconcile(self, document: Document) -> float | None:
        """Refresh if it is due or the Secret is not as it was left; answer when it is due again."""
        namespace = document["metadata"]["namespace"]
        target = secret_path(namespace, target_of(document))
        current = await self.cluster.get(target)
        if not self._is_due(document) and _is_valid(current):
            return self._due_in(document)
        try:
            data = {
                entry["secretKey"]: encode(await self._read(namespace, document, entry)) for entry in _data(document)
            }
        except RefusedError:
            await self._mark(document, ready=False, message=_NO_DATA)
            raise
        try:
            await self._write(document, current, data)
        except RefusedError:
            await self._mark(document, ready=False, message=_NO_UPDATE)
            raise
        now = clock.now()
        synced = {"refreshTime": clock.stamp(now), "syncedResourceVersion": synced_version(document)}
        await self._mark(document, ready=True, message=_SYNCED, **synced, binding={"name": target_of(document)})
        self._refreshed[document["metadata"]["uid"]] = now
        return interval_of(document) or None

    async def _read(self, namespace: str, document: Document, entry: Document) -> bytes:
        """Read what one entry of `data` names, from the vault that its store names."""
        reference = document["spec"]["secretStoreRef"]
        kind = reference.get("kind") or "SecretStore"
        store = await self.cluster.get(
            path_of(API_VERSION, _STORES[kind], namespace if kind == "SecretStore" else "", reference["name"])
        )
        provider = store["spec"].get("provider", {}).get("azurekv") if store else None
        if not provider or not self._is_vault(str(provider.get("vaultUrl"))):
            raise RefusedError(f"store {reference['name']} is not there, or of no vault that is known here")
        remote = entry["remoteRef"]
        kind, _, name = remote["key"].rpartition("/")
        if kind not in ("", "secret"):
            raise RefusedError(f"{remote['key']}: only plain secrets are fetched here")
        value, _ = await self.vault.read(name, remote.get("version") or "")
        return value

    async def _write(self, document: Document, current: Document | None, data: Document) -> None:
        """Create the Secret, or put it back in the version that was read with our keys over what is there."""
        metadata = document["metadata"]
        secret = current or {"apiVersion": "v1", "kind": "Secret", "metadata": {}, "type": "Opaque"}
        data = secret.get("data", {}) | data
        labels = secret["metadata"].get("labels", {}) | {MANAGED: "true"}
        annotations = secret["metadata"].get("annotations", {}) | {DATA_HASH: _hash(data)}
        owner = {"apiVersion": API_VERSION, "kind": "ExternalSecret", "name": metadata["name"], "uid": metadata["uid"]}
        others = [each for each in secret["metadata"].get("ownerReferences", []) if each["uid"] != metadata["uid"]]
        wanted = secret | {
            "metadata": secret["metadata"]
            | {"name": target_of(document), "labels": labels, "annotations": annotations}
            | {"ownerReferences": [*others, owner | {"controller": True, "blockOwnerDeletion": True}]},
            "data": data,
        }
        manager = f"externalsecrets.external-secrets.io/{metadata['name']}"
        if current is None:
            await self.cluster.create(secret_path(metadata["namespace"]), wanted, manager=manager)
        elif wanted != current:
            path = secret_path(metadata["namespace"], target_of(document))
            await self.cluster.replace(path, wanted, manager=manager)

    async def _mark(self, document: Document, *, ready: bool, message: str, **fields: object) -> None:
        reason = "SecretSynced" if ready else "SecretSyncedError"
        conditions = with_condition(
            document.get("status", {}).get("conditions", []),
            kind="Ready",
            status=str(ready),
            reason=reason,
            message=message,
            at=clock.now(),
        )
        path = self.path(*key_of(document))
        await self.cluster.patch(path, {"status": {**fields, "conditions": conditions}})

    def _is_due(self, document: Document) -> bool:
        """Answer as shouldRefresh does, by the policy."""
        status, spec = document.get("status", {}), document["spec"]
        synced, policy = status.get("syncedResourceVersion", ""), spec.get("refreshPolicy") or "Periodic"
        if policy != "Periodic" and not (synced and status.get("refreshTime")):
            return True
        if policy == "CreatedOnce" or (policy == "Periodic" and synced and not interval_of(document)):
            return False
        return synced != synced_version(document) or (policy == "Periodic" and self._due_in(document) == 0)

    def _due_in(self, document: Document) -> float | None:
        """Return the seconds until the interval is over, None where there is none.

        A status shows whole seconds; what this process wrote itself it knows better, for intervals that are shorter.
        """
        shown, interval = document.get("status", {}).get("refreshTime", ""), interval_of(document)
        if not interval or (document["spec"].get("refreshPolicy") or "Periodic") != "Periodic":
            return None
        known = self._refreshed.get(document["metadata"]["uid"])
        last = known if known and clock.stamp(known) == shown else clock.read_stamp(shown) if shown else None
        return max(0.0, (last + timedelta(seconds=interval) - clock.now()).total_seconds()) if last else 0.0

    def _see_secret(self, before: Document | None, after: Document | None) -> None:
        """Wake whoever fills a Secret that was made or changed, or is gone."""
        secret = key_of(after or before or {})
        for (namespace, name), document in self.objects.known.items():
            if (namespace, target_of(document)) == secret:
                self.wake(namespace, name)

    def _is_vault(self, url: str) -> bool:
        """Answer whether a store's URL means this vault: by its address here, or by its name in any cloud."""
        host = url.partition("://")[2].partition("/")[0]
        return url.rstrip("/") == self.vault.url or host.partition(".")[0].lower() == self.vault.name.lower()


def synced_version(document: Document) -> str:
    """Return what a sync of this state notes: the generation, and a hash of labels and annotations."""
    metadata = document["metadata"]
    shown = [metadata.get("annotations"), metadata.get("labels")]
    return f"{metadata['generation']}-{_hash(shown)}"


def interval_of(document: Document) -> float:
    """Return the refresh interval in seconds; 0 is never."""
    return clock.read_duration(document["spec"].get("refreshInterval") or _DEFAULT_INTERVAL)


def target_of(document: Document) -> str:
    """Return the name of the Secret."""
    return str(document["spec"].get("target", {}).get("name") or document["metadata"]["name"])


def _data(document: Document) -> Sequence[Document]:
    data: Sequence[Document] = document["spec"].get("data") or ()
    return data


def _is_valid(secret: Document | None) -> bool:
    """Answer as isSecretValid does: there, managed, and its data as it was left."""
    metadata = secret["metadata"] if secret else {}
    if metadata.get("labels", {}).get(MANAGED) != "true":
        return False
    return bool(metadata.get("annotations", {}).get(DATA_HASH) == _hash((secret or {}).get("data", {})))


def _hash(value: object) -> str:
    return hashlib.sha3_224(json.dumps(value, sort_keys=True).encode()).hexdigest()
