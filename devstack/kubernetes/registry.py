"""Create, replace, patch, delete: what the API does to an object between the request's body and the store.

Documents in, documents or ApiError out. No I/O, no authorisation, no HTTP.
"""

import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from devstack import clock as clocks
from devstack.kubernetes import objects, ownership, resources, status
from devstack.kubernetes.documents import Document, merge
from devstack.kubernetes.resources import NAMESPACES, Address
from devstack.kubernetes.status import ApiError, DecodeError, FieldError
from devstack.kubernetes.store import Key, Store

# What the server alone decides; a client's value for these is passed over.
_SERVER_OWNED = ("uid", "creationTimestamp", "generation", "managedFields", "selfLink", "deletionTimestamp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Who writes, and whether it is only to be tried (`dryRun=All`)."""

    manager: str
    dry_run: bool = False


def key_of(address: Address) -> Key:
    """Return where the store keeps the addressed object."""
    return Key(address.resource.qualified, address.namespace, address.name)


class Registry:
    """The writing verbs over one store."""

    def __init__(self, store: Store, clock: clocks.Clock) -> None:
        self._store = store
        self.clock = clock

    def get(self, address: Address) -> Document:
        """Return the object as stored. Raises ApiError 404."""
        document = self._store.get(key_of(address))
        if document is None:
            raise status.not_found(address.resource, address.name)
        return document

    def create(self, address: Address, document: Document, write: Write) -> Document:
        """Store a new object; `address.name` is not looked at. Raises ApiError 400, 404, 409 or 422."""
        resource = address.resource
        new = _read(address, document)
        metadata = new["metadata"]
        if metadata.pop("resourceVersion", None):
            raise ApiError(400, "resourceVersion should not be set on objects to be created")
        _place(metadata, address)
        if "generateName" in metadata and "name" not in metadata:
            metadata["name"] = metadata["generateName"][:58] + secrets.token_hex(3)[:5]
        self._complete(address, new, [])
        key = Key(resource.qualified, address.namespace, metadata["name"])
        if resource.namespaced and self._store.get(Key(NAMESPACES.qualified, "", address.namespace)) is None:
            raise status.not_found(NAMESPACES, address.namespace)
        if self._store.get(key) is not None:
            raise status.already_exists(resource, key.name)
        for field in _SERVER_OWNED:
            metadata.pop(field, None)
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": self._now()}
        if resource.counts_generations:
            metadata["generation"] = 1
        return self._write(address, None, new, write)

    def replace(self, address: Address, document: Document, write: Write) -> Document:
        """Put a whole object in the place of the stored one. Raises ApiError 400, 404, 409 or 422."""
        current = self.get(address)
        new = _read(address, document)
        if "resourceVersion" not in new["metadata"] and not address.resource.unconditional:
            missing = FieldError("metadata.resourceVersion", "Invalid", "must be specified for an update")
            raise status.invalid(address.resource, address.name, [missing])
        uid = current["metadata"]["uid"]
        if new["metadata"].get("uid", uid) != uid:
            text = f"Precondition failed: UID in precondition: {new['metadata']['uid']}, UID in object meta: {uid}"
            raise status.conflict(address.resource, address.name, text)
        return self._update(address, current, new, write)

    def patch(self, address: Address, patch: Document, write: Write) -> Document:
        """Apply a merge patch to the stored object. Raises ApiError 400, 404, 409 or 422."""
        current = self.get(address)
        # The object is shown to the patch in the version that the request addresses.
        patched = merge(current | {"apiVersion": address.api_version}, patch)
        try:
            new = objects.read(patched, address)
        except DecodeError as error:
            raise status.unreadable_patch(patched, error) from error
        uid = current["metadata"]["uid"]
        if new["metadata"].get("uid", uid) != uid:
            changed = FieldError("metadata.uid", "Invalid", "field is immutable")
            raise status.invalid(address.resource, address.name, [changed])
        return self._update(address, current, new, write)

    def delete(self, address: Address, write: Write) -> Document:
        """Remove an object at once and return its last state. Raises ApiError 404, or 501 for finalizers."""
        current = self.get(address)
        if current["metadata"].get("finalizers"):
            raise status.not_implemented("the deletion of objects with finalizers")
        if not write.dry_run:
            self.remove(address)
        return current

    def remove(self, address: Address) -> None:
        """Remove an object whatever protects it, a namespace with all that is in it. Raises ApiError 404."""
        self.get(address)
        if address.resource is NAMESPACES:
            for resource in resources.RESOURCES:
                for key in self._store.collection(resource.qualified):
                    if key.namespace == address.name:
                        self._store.remove(key)
        self._store.remove(key_of(address))

    def ensure_namespace(self, name: str, write: Write) -> None:
        """Create a namespace unless it is there."""
        if self._store.get(Key(NAMESPACES.qualified, "", name)) is None:
            self.create(Address(resource=NAMESPACES, version="v1"), {"metadata": {"name": name}}, write)

    def _update(self, address: Address, current: Document, new: Document, write: Write) -> Document:
        old, metadata = current["metadata"], new["metadata"]
        _place(metadata, address)
        if metadata.get("resourceVersion", old["resourceVersion"]) != old["resourceVersion"]:
            raise status.conflict(address.resource, address.name)
        metadata["resourceVersion"] = old["resourceVersion"]
        for field in _SERVER_OWNED:
            metadata.pop(field, None)
            if field in old:
                metadata[field] = old[field]
        self._complete(address, new, objects.check_change(address.resource, current, new))
        if new == current:
            return current
        if address.resource.counts_generations and _content(new) != _content(current):
            metadata["generation"] = old["generation"] + 1
        return self._write(address, current, new, write)

    def _complete(self, address: Address, new: Document, errors: list[FieldError]) -> None:
        """Give a namespace the label by which selectors find it, and refuse what is not valid."""
        metadata = new["metadata"]
        errors = objects.check(address.resource, new) + errors
        if errors:
            raise status.invalid(address.resource, metadata.get("name", ""), errors)
        if address.resource is NAMESPACES:
            metadata["labels"] = metadata.get("labels", {}) | {"kubernetes.io/metadata.name": metadata["name"]}

    def _write(self, address: Address, before: Document | None, new: Document, write: Write) -> Document:
        """Store the object, with its writer on record."""
        entry = {
            "manager": write.manager,
            "operation": "Update",
            "apiVersion": address.api_version,
            "time": self._now(),
        }
        metadata = new["metadata"]
        metadata["managedFields"] = ownership.record(before, new, entry)
        key = Key(address.resource.qualified, address.namespace, metadata["name"])
        return new if write.dry_run else self._store.put(key, new)

    def _now(self) -> str:
        return datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(address: Address, document: Document) -> Document:
    try:
        return objects.read(document, address)
    except DecodeError as error:
        kind = address.resource.kind
        raise ApiError(400, f'{kind} in version "{address.version}" cannot be handled as a {kind}: {error}') from error


def _place(metadata: Document, address: Address) -> None:
    """Give the object its namespace and name, and refuse one that says it belongs elsewhere or is called otherwise."""
    if metadata.get("namespace", address.namespace) != address.namespace:
        raise ApiError(400, "the namespace of the provided object does not match the namespace sent on the request")
    if address.name and metadata.get("name", address.name) != address.name:
        raise ApiError(400, f"the name of the object does not match the name on the URL ({address.name})")
    if address.namespace:
        metadata["namespace"] = address.namespace
    if address.name:
        metadata["name"] = address.name


def _content(document: Document) -> Document:
    return {key: value for key, value in document.items() if key not in ("metadata", "status")}
