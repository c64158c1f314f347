"""The Secrets Store Sync Controller: a SecretSync makes a Secret of the same name from a SecretProviderClass.

From kubernetes-sigs/secrets-store-sync-controller, pkg/controller (secretsync_controller.go, conditions.go). It looks
when a SecretSync is made, when its generation changes (`spec.forceSynchronization` is there for that) and at every
poll; it writes only when its hash of data, class and SecretSync differs, or after a failure. So it does not repair what
another wrote. It writes by server-side apply without force, which conflicts (409) when it brings a new value for a key
that another has written as well; that is worked out here from what it applied last, because the API has no apply.
A failed update after which nothing has changed is written again at every poll, and its condition stays False: as read.

Left out: TLS material, reserved labels, the service account's token, a deletion's consequences, the back-off.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping

from devstack.writers import classes, clock
from devstack.writers.access import Access
from devstack.writers.cluster import CONFLICT, Document, path_of, secret_path
from devstack.writers.conditions import with_condition
from devstack.writers.controller import RESYNC, RETRY, Controller
from devstack.writers.informer import key_of
from devstack.writers.refusals import RefusedError

API_VERSION = "secret-sync.x-k8s.io/v1alpha1"
MANAGER = "secrets-store-sync-controller"
LABEL = "secrets-store.sync.x-k8s.io"

POLL = 43_200.0
"""Seconds: twelve hours."""

_CREATED, _UPDATED = "SecretCreated", "SecretUpdated"
_NO_CLASS, _NO_PROVIDER = "SecretProviderClassMisconfigured", "ProviderError"
_NO_FILE, _NO_PATCH = "RemoteSecretStoreFetchFailed", "ControllerPatchError"
_FAILED = (_NO_CLASS, _NO_PROVIDER, _NO_FILE, _NO_PATCH)
_ROUNDS = 1000  # the real one's 100,000 only cost time here


class SecretSyncs(Controller):
    """One installation of the controller. `poll` in seconds."""

    agent = f"{MANAGER}/v0.1.0"
    api_version = API_VERSION
    plural = "secretsyncs"

    def __init__(
        self,
        access: Access,
        *,
        namespace: str = "",
        poll: float = POLL,
        resync: float = RESYNC,
        retry: float = RETRY,
    ) -> None:
        super().__init__(access, namespace=namespace, resync=resync, retry=retry)
        self._poll = poll
        self._applied: dict[str, Mapping[str, str]] = {}
        self._foreign: dict[str, set[str]] = {}

    def concerns(self, before: Document | None, after: Document) -> bool:
        """Answer whether the generation changed: a new status or annotation is no reason to look."""
        return before is None or before["metadata"]["generation"] != after["metadata"]["generation"]

    async def reconcile(self, document: Document) -> float | None:
        """Fetch, and write if the hash differs or the last attempt failed."""
        (namespace, name), status = key_of(document), document.get("status", {})
        kind = _UPDATED if status.get("syncHash") else _CREATED
        if len(status.get("conditions", [])) < 2:  # noqa: PLR2004 - one of each kind
            status = await self._begin_status(document)
        reason = _NO_CLASS
        try:
            class_ = await self._class(namespace, document["spec"]["secretProviderClassName"])
            reason = _NO_PROVIDER
            files = (await self.vault.fetch(class_)).files
            reason = _NO_FILE
            data = _data_of(document, files)
            state = _hash(document, class_, data)
            failed = any(condition["reason"] in _FAILED for condition in status["conditions"])
            if not failed and state == status.get("syncHash"):
                return self._poll
            reason = _NO_PATCH
            await self._apply(namespace, name, document, data)
        except RefusedError as error:
            await self._set(document, status, [(kind, "False", reason, str(error))])
            raise
        changed = []
        if kind == _CREATED:
            changed.append((_CREATED, "True", "CreateSuccessful", "Secret created successfully."))
        if kind == _CREATED or state != status.get("syncHash"):
            changed.append((_UPDATED, "True", "SecretUpToDate", "Secret contains last observed values."))
        synced = {"syncHash": state, "lastSuccessfulSyncTime": clock.stamp(clock.now())}
        await self._set(document, status | synced, changed)
        return self._poll

    async def _class(self, namespace: str, name: str) -> Document:
        class_ = await self.cluster.get(path_of(classes.API_VERSION, classes.PLURAL, namespace, name))
        if class_ is None:
            raise RefusedError(f"no SecretProviderClass {name}")
        return class_

    async def _begin_status(self, document: Document) -> Document:
        begun = [(_CREATED, "Unknown", "SyncStarting", ""), (_UPDATED, "Unknown", "NoUpdatesAttemptedYet", "")]
        return await self._set(document, document.get("status", {}), begun)

    async def _set(self, document: Document, status: Document, changed: list[tuple[str, str, str, str]]) -> Document:
        """Write the status with some conditions set, and return it."""
        conditions, now = status.get("conditions", []), clock.now()
        for kind, value, reason, message in changed:
            conditions = with_condition(conditions, kind=kind, status=value, reason=reason, message=message, at=now)
        status = status | {"conditions": conditions}
        await self.cluster.patch(self.path(*key_of(document)), {"status": status})
        return status

    async def _apply(self, namespace: str, name: str, document: Document, data: Mapping[str, str]) -> None:
        """Apply the Secret without force. Raises RefusedError 409 where another owns a key with another value."""
        metadata, object_ = document["metadata"], document["spec"]["secretObject"]
        owner = {"apiVersion": API_VERSION, "kind": "SecretSync", "name": name, "uid": metadata["uid"]}
        path = secret_path(namespace, name)
        current, before = await self.cluster.get(path), self._applied.get(metadata["uid"], {})
        if current is not None:
            self._require_ownership(metadata["uid"], current, data)
        wanted: Document = {
            "metadata": {
                "labels": {**(object_.get("labels") or {}), LABEL: ""},
                "annotations": dict(object_.get("annotations") or {}),
                "ownerReferences": [owner],
            },
            "data": dict(data),
        }
        if current is None:
            wanted["metadata"]["name"] = name
            secret = wanted | {"apiVersion": "v1", "kind": "Secret", "type": object_.get("type") or "Opaque"}
            await self.cluster.create(secret_path(namespace), secret, manager=MANAGER)
        else:
            wanted["data"] |= dict.fromkeys(before.keys() - data.keys())
            await self.cluster.patch(path, wanted, manager=MANAGER)
        self._applied[metadata["uid"]] = data

    def _require_ownership(self, uid: str, current: Document, data: Mapping[str, str]) -> None:
        """Note which keys another has written, who owns them from then on. Raises RefusedError 409 for a new value.

        What was applied before this process began is not known: then the object's last writer decides.
        """
        held, before, foreign = current.get("data", {}), self._applied.get(uid), self._foreign.setdefault(uid, set())
        others = current["metadata"]["managedFields"][-1]["manager"] != MANAGER
        for key in data.keys() & held.keys():
            if held[key] != before.get(key) if before is not None else others:
                foreign.add(key)
            if key in foreign and held[key] != data[key]:
                raise RefusedError(f"409 Conflict: conflict with another manager: .data.{key}", CONFLICT)


def _data_of(document: Document, files: Mapping[str, bytes]) -> dict[str, str]:
    entries = document["spec"]["secretObject"]["data"]
    missing = [entry["sourcePath"] for entry in entries if entry["sourcePath"] not in files]
    if missing:
        raise RefusedError(f"file matching sourcePath {missing[0]} not found")
    return {entry["targetKey"]: classes.encode(files[entry["sourcePath"]]) for entry in entries}


def _hash(document: Document, class_: Document, data: Mapping[str, str]) -> str:
    """Return `status.syncHash`: keyed with the SecretSync's uid, over the data and both objects' generations."""
    bits = [f"{each['metadata']['uid']}|{each['metadata']['generation']}" for each in (class_, document)]
    text = json.dumps(dict(data), sort_keys=True) + "|".join([*bits, document["spec"].get("forceSynchronization", "")])
    key = hashlib.pbkdf2_hmac("sha512", text.encode(), document["metadata"]["uid"].encode(), _ROUNDS, 32)
    return hmac.digest(key, key, hashlib.sha512).hex()
