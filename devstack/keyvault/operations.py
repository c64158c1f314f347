"""Which paths are served, and each request carried out on the store. No transport, no rights.

`base` is the vault's URL, which every id begins with.
"""

from collections.abc import Mapping
from typing import Final

from devstack.keyvault import refusals, wire
from devstack.keyvault.objects import COLLECTIONS, Operation, Request
from devstack.keyvault.store import Store
from devstack.keyvault.wire import JSON

_ANY: Final = "/{collection:secrets|keys|certificates}"
_VERSION: Final = "/{name}/{version:[^/]*}"  # get_secret(name) asks for /secrets/NAME/

ROUTES: Final[tuple[tuple[str, str, Operation], ...]] = (
    ("GET", _ANY, "list"),
    ("GET", _ANY + "/{name}", "get"),
    ("GET", _ANY + "/{name}/versions", "list versions"),
    ("GET", _ANY + _VERSION, "get"),
    ("PUT", "/secrets/{name}", "set"),
    ("PATCH", "/secrets" + _VERSION, "update"),
    ("DELETE", "/secrets/{name}", "delete"),
    ("GET", "/deletedsecrets", "list deleted"),
    ("GET", "/deletedsecrets/{name}", "get deleted"),
    ("POST", "/deletedsecrets/{name}/recover", "recover"),
    ("DELETE", "/deletedsecrets/{name}", "purge"),
)


def perform(store: Store, base: str, asked: Request, body: bytes, query: Mapping[str, str]) -> JSON | None:
    """Carry a request out and return the answer's JSON; None is 204 without a body.

    Raises:
        Refusal: What the service would refuse.
    """
    if asked.operation == "get":
        if "outContentType" in query:
            raise refusals.not_served("outContentType")
        version = store.get(asked.kind, asked.name, asked.version)
        if asked.kind == "secret" and not version.enabled:
            raise refusals.disabled_secret()
        return wire.bundle(base, version)
    if asked.operation.startswith("list"):
        return _list(store, base, asked, query)
    if asked.operation in ("get deleted", "recover", "purge"):
        return _serve_deleted(store, base, asked)
    return _change(store, base, asked, body)


def _list(store: Store, base: str, asked: Request, query: Mapping[str, str]) -> JSON:
    path = f"/{COLLECTIONS[asked.kind]}"
    if asked.operation == "list deleted":
        path, deleted = "/deletedsecrets", store.list_deleted(asked.kind)
        items = [(each.versions[-1].name.lower(), wire.deleted_item(base, each, versioned=False)) for each in deleted]
    elif asked.operation == "list versions":
        path, found = f"{path}/{asked.name}/versions", store.versions(asked.kind, asked.name)
        items = [(each.version, wire.item(base, each, versioned=True)) for each in found]
    else:
        found = store.latest(asked.kind)
        items = [(each.name.lower(), wire.item(base, each, versioned=False)) for each in found]
    return wire.page(base + path, items, query)


def _change(store: Store, base: str, asked: Request, body: bytes) -> JSON:
    if asked.operation == "set":
        return wire.bundle(base, store.add(wire.read_secret(asked.name, body)))
    version = store.get("secret", asked.name, asked.version)
    if version.managed:
        raise refusals.managed_object(asked.name)
    if asked.operation == "delete":
        store.delete(asked.name, ["secret"])
        return wire.deleted_item(base, store.get_deleted("secret", asked.name), versioned=True)
    wire.apply_update(version, body)
    store.touch(version)
    return wire.item(base, version, versioned=True)


def _serve_deleted(store: Store, base: str, asked: Request) -> JSON | None:
    deleted = store.get_deleted("secret", asked.name)
    if asked.operation == "get deleted":
        return wire.deleted_item(base, deleted, versioned=True)
    if deleted.versions[-1].managed:
        raise refusals.managed_object(asked.name)
    if asked.operation == "purge":
        store.purge(asked.name, ["secret"])
        return None
    store.recover(asked.name, ["secret"])
    return wire.item(base, deleted.versions[-1], versioned=True)
