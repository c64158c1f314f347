"""The vault, asked over HTTP: a secret's bytes and version, and all that a class lists."""

from collections.abc import Callable

import aiohttp

from devstack.writers.classes import Content, objects_of, vault_of
from devstack.writers.cluster import Document
from devstack.writers.refusals import RefusedError

_API = {"api-version": "2025-07-01"}


class Vault:
    """One user's view of one vault. Raises RefusedError for whatever the vault refuses."""

    def __init__(self, session: aiohttp.ClientSession, name: str, url: str, token: Callable[[], str]) -> None:
        self.name = name
        self._session = session
        self.url = url
        self._token = token

    async def read(self, name: str, version: str = "") -> tuple[bytes, str]:
        """Return a secret's bytes and version."""
        url = "/".join([self.url, "secrets", name, *([version] if version else [])])
        headers = {"Authorization": f"Bearer {self._token()}"}
        async with self._session.get(url, params=_API, headers=headers) as response:
            if not response.ok:
                raise RefusedError(f"{response.status}: secret {name} of vault {self.name}", response.status)
            bundle = await response.json()
            return bundle["value"].encode(), bundle["id"].rpartition("/")[2]

    async def fetch(self, class_: Document) -> Content:
        """Fetch all that a class lists, in its order. The first refusal ends it; of two equal names the last counts."""
        if vault_of(class_).casefold() != self.name.casefold():
            raise RefusedError(f"no such host: vault {vault_of(class_)}")
        files, versions = {}, {}
        for each in objects_of(class_):
            files[each.file], versions[each.id] = await self.read(each.name, each.version)
        return Content(files=files, versions=versions)
