"""Create, replace, patch, delete: what the API does to an object between the request's body and the store.

Documents in, documents or ApiError out. No I/O, no authorisation, no HTTP.
"""

import uuid
from dataclasses import dataclass

from devstack import clock as clocks
from devstack.kubernetes import metadata as meta
from devstack.kubernetes import resources, secret, status
from devstack.kubernetes.documents import Document, clone, merge
from devstack.kubernetes.resources import NAMESPACES, Address, Resource
from devstack.kubernetes.status import ApiError, DecodeError, FieldError
from devstack.kubernetes.store import Key, Store

SECRETS = resources.of_plural("secrets")

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
        try:
            new = self._decode(address, document)
        except DecodeError as error:
            raise status.unreadable_object(resource, address.version, error) from error
        metadata = new["metadata"]
        if metadata.pop("resourceVersion", None):
            raise ApiError(400, "resourceVersion should not be set on objects to be created")
        _place(metadata, address)
        metadata["name"] = meta.name_of(metadata)
        _refuse(resource, metadata["name"], self._check(resource, new))
        _default(resource, new)
        key = Key(resource.qualified, address.namespace, metadata["name"])
        if resource.namespaced:
            self._require_namespace(address.namespace)
        if self._store.get(key) is not None:
            raise status.already_exists(resource, key.name)
        for field in _SERVER_OWNED:
            metadata.pop(field, None)
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = meta.timestamp(self.clock())
        if resource.counts_generations:
            metadata["generation"] = 1
        return self._write(address, key, new, write)

    def replace(self, address: Address, document: Document, write: Write) -> Document:
        """Put a whole object in the place of the stored one. Raises ApiError 400, 404, 409 or 422."""
        current = self.get(address)
        try:
            new = self._decode(address, document)
        except DecodeError as error:
            raise status.unreadable_object(address.resource, address.version, error) from error
        metadata = new["metadata"]
        _place(metadata, address)
        if address.resource.custom and not metadata.get("resourceVersion"):
            text = "must be specified for an update"
            missing = status.invalid_value("metadata.resourceVersion", 0, text)
            raise status.invalid(address.resource, address.name, [missing])
        uid = current["metadata"]["uid"]
        if metadata.get("uid", uid) != uid:
            text = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {uid}"
            raise status.conflict(address.resource, address.name, text)
        return self._update(address, current, new, write)

    def patch(self, address: Address, patch: Document, write: Write) -> Document:
        """Apply a merge patch to the stored object. Raises ApiError 400, 404, 409 or 422."""
        current = self.get(address)
        # The object is shown to the patch in the version that the request addresses.
        patched = merge(current | {"apiVersion": address.api_version}, patch)
        try:
            new = self._decode(address, patched)
        except DecodeError as error:
            raise status.unreadable_patch(patched, error) from error
        metadata = new["metadata"]
        _place(metadata, address)
        if metadata.get("uid", current["metadata"]["uid"]) != current["metadata"]["uid"]:
            changed = status.invalid_value("metadata.uid", metadata["uid"], "field is immutable")
            raise status.invalid(address.resource, address.name, [changed])
        return self._update(address, current, new, write)

    def delete(self, address: Address, preconditions: Document, write: Write) -> Document:
        """Remove an object at once, a namespace with all that is in it; return its last state.

        `preconditions` may hold `uid` and `resourceVersion`. Raises ApiError 404, 409, or 501 for finalizers.
        """
        current = self.get(address)
        metadata = current["metadata"]
        for field, wanted in preconditions.items():
            if wanted is not None and wanted != metadata.get(field):
                text = f"Precondition failed: {field} in precondition: {wanted}, in object meta: {metadata.get(field)}"
                raise status.conflict(address.resource, address.name, text)
        if metadata.get("finalizers"):
            raise status.not_implemented("the deletion of objects with finalizers")
        if not write.dry_run:
            self.remove(address)
        return current

    def remove(self, address: Address) -> None:
        """Remove an object whatever protects it. Raises ApiError 404."""
        self.get(address)
        if address.resource is NAMESPACES:
            for resource in resources.RESOURCES:
                inside = [key for key in self._store.collection(resource.qualified) if key.namespace == address.name]
                for key in inside:
                    self._store.remove(key)
        self._store.remove(key_of(address))

    def ensure_namespace(self, name: str, write: Write) -> None:
        """Create a namespace unless it is there."""
        address = Address(resource=NAMESPACES, version="v1")
        if self._store.get(Key(NAMESPACES.qualified, "", name)) is None:
            self.create(address, {"metadata": {"name": name}}, write)

    def _require_namespace(self, name: str) -> None:
        if self._store.get(Key(NAMESPACES.qualified, "", name)) is None:
            raise status.not_found(NAMESPACES, name)

    def _decode(self, address: Address, document: Document) -> Document:
        new = meta.check_shape(clone(document), address)
        return secret.decode(new) if address.resource is SECRETS else new

    def _check(self, resource: Resource, document: Document) -> list[FieldError]:
        errors = meta.check_values(resource, document["metadata"])
        return errors + (secret.check(document) if resource is SECRETS else [])

    def _update(self, address: Address, current: Document, new: Document, write: Write) -> Document:
        resource, old, metadata = address.resource, current["metadata"], new["metadata"]
        if metadata.get("resourceVersion", old["resourceVersion"]) != old["resourceVersion"]:
            raise status.conflict(resource, address.name)
        metadata["resourceVersion"] = old["resourceVersion"]
        for field in _SERVER_OWNED:
            metadata.pop(field, None)
            if field in old:
                metadata[field] = old[field]
        _default(resource, new)
        errors = self._check(resource, new)
        if resource is SECRETS:
            errors += secret.check_change(current, new)
        _refuse(resource, address.name, errors)
        if new == current:
            return current
        if resource.counts_generations and _content(new) != _content(current):
            metadata["generation"] = old["generation"] + 1
        return self._write(address, key_of(address), new, write)

    def _write(self, address: Address, key: Key, new: Document, write: Write) -> Document:
        metadata = new["metadata"]
        metadata["managedFields"] = meta.record_writer(
            metadata.get("managedFields", []),
            manager=write.manager,
            api_version=address.api_version,
            time=meta.timestamp(self.clock()),
        )
        return new if write.dry_run else self._store.put(key, new)


def _place(metadata: Document, address: Address) -> None:
    """Give the object its namespace, and refuse one that says it belongs elsewhere or is called otherwise."""
    if metadata.get("namespace", address.namespace) != address.namespace:
        raise ApiError(400, "the namespace of the provided object does not match the namespace sent on the request")
    if address.namespace:
        metadata["namespace"] = address.namespace
    if address.name and metadata.get("name", address.name) != address.name:
        raise ApiError(
            400, f"the name of the object ({metadata['name']}) does not match the name on the URL ({address.name})"
        )
    if address.name:
        metadata["name"] = address.name


def _default(resource: Resource, document: Document) -> None:
    """Give a namespace the label by which selectors find it, and its phase."""
    if resource is NAMESPACES:
        metadata = document["metadata"]
        metadata["labels"] = metadata.get("labels", {}) | {"kubernetes.io/metadata.name": metadata["name"]}
        document.setdefault("status", {"phase": "Active"})


def _refuse(resource: Resource, name: str, errors: list[FieldError]) -> None:
    if errors:
        raise status.invalid(resource, name, errors)


def _content(document: Document) -> Document:
    return {key: value for key, value in document.items() if key not in ("metadata", "status")}
