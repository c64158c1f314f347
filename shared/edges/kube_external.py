"""The ExternalSecrets of a cluster and their stores, in the newest version that its API serves."""

import asyncio
from collections.abc import Sequence

from shared import index
from shared.edges.kube_api import KubeApi, path
from shared.edges.kube_listing import Listing
from shared.edges.kube_mirror import Mirror
from shared.external_secrets import declaration, stores
from shared.external_secrets.declaration import ExternalSecret
from shared.external_secrets.stores import Store
from shared.model import VaultObject

_VERSIONS = ("external-secrets.io/v1", "external-secrets.io/v1beta1")
_STORES = ("secretstores", "clustersecretstores")

Found = tuple[Sequence[ExternalSecret], Sequence[Store]]


class Followed:
    """What External Secrets reads. `optional` is what to say where nobody asked for it and it may not be listed."""

    def __init__(self, api: KubeApi, *, optional: str) -> None:
        self._secrets = [
            Mirror[ExternalSecret](
                Listing(api, path(version, declaration.PLURAL), declaration.parse, optional=optional),
                index.external_names,
            )
            for version in _VERSIONS
        ]
        self._stores = [
            [
                Mirror[Store](Listing(api, path(version, plural), stores.parse, optional=optional), index.store_names)
                for plural in _STORES
            ]
            for version in _VERSIONS
        ]

    async def all(self) -> Found:
        """List them anew, and the stores where there are any."""
        for secrets, kinds in zip(self._secrets, self._stores, strict=True):
            found = await secrets.all()
            if not secrets.listing.unknown:  # where it is forbidden, so is every version of it
                listed = await asyncio.gather(*[kind.all() for kind in kinds]) if found else []
                return found, [store for items in listed for store in items]
        return (), ()

    async def about(self, about: VaultObject) -> Found:
        """Return those that may concern an object, and the stores that they name."""
        for secrets, kinds in zip(self._secrets, self._stores, strict=True):
            found = await secrets.fresh_about([about.name])
            if not secrets.listing.unknown:
                names = {index.store_name(ref) for secret in found for ref in secret.stores}
                known = await asyncio.gather(*[kind.fresh_about(names) for kind in kinds]) if found else []
                return found, [store for items in known for store in items]
        return (), ()

    async def close(self) -> None:
        """End every watch."""
        stores = [kind.close() for kinds in self._stores for kind in kinds]
        await asyncio.gather(*[secrets.close() for secrets in self._secrets], *stores)
