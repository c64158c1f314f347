"""A request carried out on the store, answered in the service's JSON. No transport, no rights.

`base` is the vault's URL, which every id begins with.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from devstack.keyvault import refusals, wire
from devstack.keyvault.objects import COLLECTIONS
from devstack.keyvault.requests import Operation, Request
from devstack.keyvault.store import Store

_JSON = dict[str, Any]


def perform(store: Store, base: str, asked: Request, body: bytes, query: Mapping[str, str]) -> _JSON | None:
    """Carry a request out and return the answer's JSON; None is 204 without a body.

    Raises:
        Refusal: What the service would refuse.
    """
    if asked.operation in _LISTS:
        path, items = _LISTS[asked.operation](store, base, asked)
        return wire.page(base, path, items, query)
    if asked.operation == "get" and "outContentType" in query:
        raise refusals.not_served("outContentType")
    return _SINGLE[asked.operation](store, base, asked, body)


def _get(store: Store, base: str, asked: Request, _body: bytes) -> _JSON:
    version = store.get(asked.kind, asked.name, asked.version)
    if asked.kind == "secret" and not version.enabled:
        raise refusals.disabled_secret()
    return wire.bundle(base, version)


def _set(store: Store, base: str, asked: Request, body: bytes) -> _JSON:
    return wire.bundle(base, store.set_secret(wire.read_secret(asked.name, body)))


def _update(store: Store, base: str, asked: Request, body: bytes) -> _JSON:
    version = store.get("secret", asked.name, asked.version)
    if version.managed:
        raise refusals.managed_object(asked.name)
    wire.apply_update(version, body)
    store.touch(version)
    return _without_value(wire.bundle(base, version))


def _delete(store: Store, base: str, asked: Request, _body: bytes) -> _JSON:
    return wire.deleted_bundle(base, store.delete("secret", asked.name))


def _get_deleted(store: Store, base: str, asked: Request, _body: bytes) -> _JSON:
    return wire.deleted_bundle(base, store.get_deleted("secret", asked.name))


def _recover(store: Store, base: str, asked: Request, _body: bytes) -> _JSON:
    return _without_value(wire.bundle(base, store.recover("secret", asked.name)))


def _purge(store: Store, _base: str, asked: Request, _body: bytes) -> None:
    store.purge("secret", asked.name)


_SINGLE: Final[dict[Operation, Callable[[Store, str, Request, bytes], _JSON | None]]] = {
    "get": _get,
    "set": _set,
    "update": _update,
    "delete": _delete,
    "get deleted": _get_deleted,
    "recover": _recover,
    "purge": _purge,
}

_Listing = tuple[str, list[tuple[str, _JSON]]]


def _list(store: Store, base: str, asked: Request) -> _Listing:
    found = store.latest(asked.kind)
    items = [(each.name.lower(), wire.item(base, each, versioned=False)) for each in found]
    return f"/{COLLECTIONS[asked.kind]}", items


def _list_versions(store: Store, base: str, asked: Request) -> _Listing:
    found = store.versions(asked.kind, asked.name)
    items = [(each.version, wire.item(base, each, versioned=True)) for each in found]
    return f"/{COLLECTIONS[asked.kind]}/{asked.name}/versions", items


def _list_deleted(store: Store, base: str, asked: Request) -> _Listing:
    found = store.list_deleted(asked.kind)
    return "/deletedsecrets", [(each.latest.name.lower(), wire.deleted_item(base, each)) for each in found]


_LISTS: Final[dict[Operation, Callable[[Store, str, Request], _Listing]]] = {
    "list": _list,
    "list versions": _list_versions,
    "list deleted": _list_deleted,
}


def _without_value(bundle: _JSON) -> _JSON:
    return {name: content for name, content in bundle.items() if name != "value"}
