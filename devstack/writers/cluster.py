"""The API server by path, as the writers need it: JSON in, JSON out, and "no" as an exception."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp

from devstack.writers.refusals import RefusedError

Document = dict[str, Any]

NOT_FOUND, CONFLICT = 404, 409

_MERGE_PATCH = "application/merge-patch+json"
_ONLY_METADATA = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"


def path_of(api_version: str, plural: str, namespace: str = "", name: str = "") -> str:
    """Return the path of a collection, or of an object in it."""
    root = "/apis" if "/" in api_version else "/api"
    scope = ["namespaces", namespace] if namespace else []
    return "/".join([root, api_version, *scope, plural, *([name] if name else [])])


def secret_path(namespace: str, name: str = "") -> str:
    """Return the path of a Secret, or of a namespace's Secrets."""
    return path_of("v1", "secrets", namespace, name)


class Cluster:
    """One user's view of the API. Every method but `get` and `delete` raises RefusedError for any error's Status."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str, agent: str) -> None:
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": agent}

    async def get(self, path: str) -> Document | None:
        """Return an object, or None where there is none."""
        try:
            return await self._ask("GET", path)
        except RefusedError as error:
            if error.status != NOT_FOUND:
                raise
            return None

    async def list(self, path: str, query: Mapping[str, str], *, only_metadata: bool = False) -> Document:
        """Return a List object in one piece."""
        accept = {"Accept": _ONLY_METADATA.format("List")} if only_metadata else {}
        return await self._ask("GET", path, query=query, headers=accept)

    async def create(self, path: str, document: Document, *, manager: str = "") -> Document:
        """Create in a collection; 409 where the name is taken."""
        return await self._ask("POST", path, document, query=_managed(manager))

    async def replace(self, path: str, document: Document, *, manager: str = "") -> Document:
        """Put a whole object in the place of another."""
        return await self._ask("PUT", path, document, query=_managed(manager))

    async def patch(self, path: str, patch: Document, *, manager: str = "") -> Document:
        """Merge a patch into an object."""
        return await self._ask("PATCH", path, patch, query=_managed(manager), headers={"Content-Type": _MERGE_PATCH})

    async def delete(self, path: str) -> None:
        """Delete an object that may be gone already."""
        try:
            await self._ask("DELETE", path)
        except RefusedError as error:
            if error.status != NOT_FOUND:
                raise

    async def watch(
        self, path: str, query: Mapping[str, str], *, only_metadata: bool = False
    ) -> AsyncIterator[Document]:
        """Yield events until the server ends the watch."""
        accept = {"Accept": _ONLY_METADATA.format("")} if only_metadata else {}
        endless = aiohttp.ClientTimeout(total=None, sock_connect=5)
        headers, query = self._headers | accept, {"watch": "true", **query}
        async with self._session.get(self._url + path, params=query, headers=headers, timeout=endless) as response:
            await _require_success(response, path)
            async for line in response.content:
                yield json.loads(line)

    async def _ask(
        self,
        method: str,
        path: str,
        body: Document | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Document:
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers | {"Content-Type": "application/json"} | dict(headers or {})
        async with self._session.request(
            method, self._url + path, params=query, data=data, headers=headers
        ) as response:
            await _require_success(response, path)
            answer: Document = await response.json()
            return answer


async def _require_success(response: aiohttp.ClientResponse, path: str) -> None:
    """Raise RefusedError for an error. Of its body only the reason is told: the message may quote a Secret."""
    if response.ok:
        return
    body = await response.json() if response.content_type == "application/json" else {}
    reason = body.get("reason", "") if isinstance(body, dict) else ""
    raise RefusedError(f"{response.status} {reason}: {response.method} {path}", response.status)


def _managed(manager: str) -> Mapping[str, str]:
    return {"fieldManager": manager} if manager else {}
