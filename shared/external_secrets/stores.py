"""A SecretStore or ClusterSecretStore: which vault it reads (apis/externalsecrets/v1/secretstore_azurekv_types.go)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from shared import parts
from shared.external_secrets import fields

STORE: Final = "SecretStore"
CLUSTER_STORE: Final = "ClusterSecretStore"
_HTTPS: Final = 443


class StoreRef(NamedTuple):
    """The identity of a store in its cluster. `namespace` is empty for a ClusterSecretStore."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A store of the provider azurekv. `authority` is its vault's host, in lower case, with the port if not 443."""

    ref: StoreRef
    authority: str


def parse(manifest: Mapping[str, Any]) -> Store | None:
    """Read a store as the API gives it. None for another provider, and where no vault could be reached by its URL."""
    meta = parts.mapping(manifest, "metadata")
    ref = refer({"kind": manifest.get("kind"), "name": meta.get("name")}, parts.legal_name(meta, "namespace"))
    provider = parts.mapping(manifest, "spec", "provider")
    authority = _authority(fields.text(parts.mapping(provider, "azurekv").get("vaultUrl")))
    return Store(ref=ref, authority=authority) if ref and authority else None


def refer(reference: object, namespace: str) -> StoreRef | None:
    """Read a reference to a store from within a namespace. None where it names no store.

    Every kind but ClusterSecretStore means a SecretStore of that namespace, also none at all
    (pkg/controllers/externalsecret/clientmanager/client_manager.go, getStore).
    """
    given = parts.mapping(reference)
    name = parts.legal_name(given, "name")
    cluster = given.get("kind") == CLUSTER_STORE
    if not name or not (cluster or namespace):
        return None
    return StoreRef(CLUSTER_STORE, "", name) if cluster else StoreRef(STORE, namespace, name)


def _authority(url: str) -> str:
    """Return the authority of a vault's URL, or an empty text for a URL that is none."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return ""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    extra = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme != "https" or not host or extra:
        return ""
    host = f"[{host}]" if ":" in host else host
    return host if port in {None, _HTTPS} else f"{host}:{port}"
