"""An ExternalSecret, read once for each of its resourceVersions (apis/externalsecrets/v1/externalsecret_types.go).

The children of a ClusterExternalSecret are ExternalSecrets like others, with one difference: its controller watches
them, and sets their labels, annotations and spec back to its own at once
(pkg/controllers/clusterexternalsecret/clusterexternalsecret_controller.go, createOrUpdateExternalSecret). So `parent`
is kept.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared import parts
from shared.delegate import Resource
from shared.external_secrets import fields, listening, uses
from shared.external_secrets.stores import StoreRef
from shared.external_secrets.uses import Named, RefusedUse, Search, Use

GROUP: Final = "external-secrets.io"
PLURAL: Final = "externalsecrets"
PARENTS: Final = "clusterexternalsecrets"
ANNOTATION: Final = "force-sync"
_GROUP_VERSION: Final = re.compile(rf"{re.escape(GROUP)}/v[0-9a-z]{{1,20}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalSecret:
    """What is needed to tell whom a vault object concerns.

    `named` holds the names in lower case by store. `refusal` says why its Secret is not followed whatever it takes.
    `ignores`, `asked` and `mark` are a Delegate's; `parent` is the ClusterExternalSecret that made it, if one did.
    """

    resource: Resource
    secret_name: str
    named: tuple[tuple[StoreRef, frozenset[str]], ...]
    searches: tuple[Search, ...]
    refused: tuple[RefusedUse, ...]
    refusal: str
    ignores: str
    asked: str
    mark: str
    parent: Resource | None

    @property
    def stores(self) -> frozenset[StoreRef]:
        """The stores that it reads, as far as it names them."""
        named = {store for store, _ in self.named} | {search.store for search in self.searches}
        return frozenset(named | {use.store for use in self.refused if use.store is not None})


def parse(manifest: Mapping[str, Any]) -> ExternalSecret | None:
    """Read an ExternalSecret as the API gives it.

    None where there is nothing to ask for: it is on its way out, it has no name, or it creates nothing
    (creationPolicy None).
    """
    meta, spec = parts.mapping(manifest, "metadata"), parts.mapping(manifest, "spec")
    namespace, name = parts.legal_name(meta, "namespace"), parts.legal_name(meta, "name")
    target = parts.mapping(spec, "target")
    if not namespace or not name or meta.get("deletionTimestamp") or target.get("creationPolicy") == "None":
        return None
    version = fields.text(manifest.get("apiVersion"))
    version = version if _GROUP_VERSION.fullmatch(version) else f"{GROUP}/v1"
    secret_name, refusal = _read_target(target, name)
    found = uses.read(spec, namespace)
    return ExternalSecret(
        resource=Resource(group_version=version, plural=PLURAL, namespace=namespace, name=name),
        secret_name=secret_name,
        named=_by_store(found),
        searches=tuple(use for use in found if isinstance(use, Search)),
        refused=tuple(use for use in found if isinstance(use, RefusedUse)),
        refusal=refusal,
        ignores=listening.explain_deafness(manifest),
        asked=fields.text(parts.mapping(meta, "annotations").get(ANNOTATION)),
        mark=fields.text(parts.mapping(manifest, "status").get("syncedResourceVersion")),
        parent=_parent(meta, version),
    )


def _read_target(target: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Return the Secret's name, and a refusal if there is one. The name defaults to the resource's own."""
    if target.get("manifest"):
        return "", "it fills a resource of another kind (target.manifest), and only Secrets are followed"
    secret_name = parts.legal_name(target.get("name") or name)
    return secret_name, "" if secret_name else "target.name is no legal name of a Secret"


def _by_store(found: Sequence[Use]) -> tuple[tuple[StoreRef, frozenset[str]], ...]:
    names: dict[StoreRef, set[str]] = {}
    for use in found:
        if isinstance(use, Named):
            names.setdefault(use.store, set()).add(use.name)
    return tuple((store, frozenset(of_it)) for store, of_it in names.items())


def _parent(meta: Mapping[str, Any], version: str) -> Resource | None:
    """Return the ClusterExternalSecret that controls it, if one does."""
    for owner in parts.entries(meta, "ownerReferences"):
        ours = parts.text(owner, "apiVersion").startswith(f"{GROUP}/")
        name = parts.legal_name(owner, "name")
        if ours and name and owner.get("kind") == "ClusterExternalSecret" and owner.get("controller") is True:
            return Resource(group_version=version, plural=PARENTS, namespace="", name=name)
    return None
