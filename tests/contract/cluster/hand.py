"""The hand of the one who sets the scene: any object, over HTTP, by path. It takes away what it made."""

import asyncio
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from shared.edges.kube_api import path

Json = dict[str, Any]

_PATIENCE = 30
_PATCH = "application/merge-patch+json"
_OWN_STATUS = frozenset({"SecretProviderClassPodStatus"})
"""Kinds without a status subresource: their status is written with the rest."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said. The body stays out of a test's output: it may quote a Secret."""

    status: int
    body: Json = field(repr=False)

    @property
    def reason(self) -> str:
        """A Status's reason."""
        return str(self.body.get("reason", ""))


class Hand:
    """An administrator. `manager` is the name that the server notes for its writes."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str, *, manager: str = "scene") -> None:
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": f"{manager}/1"}
        self._made: dict[str, None] = {}

    def by(self, manager: str) -> "Hand":
        """Return the same hand under another manager's name."""
        return Hand(self._session, self._url, self._headers["Authorization"].removeprefix("Bearer "), manager=manager)

    async def call(
        self,
        method: str,
        where: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
        kind: str = "",
        token: str = "",
    ) -> Answer:
        """Send one request, as the bearer of `token` if one is given. `kind` is the body's media type."""
        sent = kind or (_PATCH if method == "PATCH" else "application/json")
        headers = {**self._headers, "Accept": accept, "Content-Type": sent}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else io.BytesIO(json.dumps(body).encode())
        async with self._session.request(
            method, self._url + where, params=query, headers=headers, data=data
        ) as response:
            text = await response.text()
            parsed = json.loads(text) if text.startswith("{") else {}
            return Answer(response.status, parsed)

    def watch(self, where: str, query: Mapping[str, str], accept: str = "application/json") -> Any:
        """Return the response context of a watch, to be read line by line."""
        headers = {**self._headers, "Accept": accept}
        return self._session.get(self._url + where, params={"watch": "true", **query}, headers=headers)

    async def make(self, manifest: Mapping[str, Any]) -> Json:
        """Create an object, with its status where it has one, and return it as stored."""
        answer = await self.call("POST", collection_of(manifest), manifest)
        assert answer.status == 201, f"{manifest['kind']}: {answer.status} {answer.reason}"
        self._made[place_of(manifest)] = None
        status = manifest.get("status")
        if status and manifest["kind"] not in _OWN_STATUS and answer.body.get("status") != status:
            return await self.set_status(manifest, status)
        return answer.body

    async def set_status(self, manifest: Mapping[str, Any], status: Mapping[str, Any]) -> Json:
        """Merge into an object's status, by its subresource where the server has one, and return the object."""
        body = {"status": status}
        answer = await self.call("PATCH", f"{place_of(manifest)}/status", body)
        if answer.status == 501:
            answer = await self.call("PATCH", place_of(manifest), body)
        assert answer.status == 200, f"{manifest['kind']}: {answer.status} {answer.reason}"
        return answer.body

    async def change(self, manifest: Mapping[str, Any], patch: Mapping[str, Any]) -> Json:
        """Merge a patch into an object, and return the object."""
        answer = await self.call("PATCH", place_of(manifest), patch)
        assert answer.status == 200, f"{manifest['kind']}: {answer.status} {answer.reason}"
        return answer.body

    async def look(self, manifest: Mapping[str, Any]) -> Json:
        """Return the object that is in the manifest's place, which is there."""
        answer = await self.call("GET", place_of(manifest))
        assert answer.status == 200, f"{manifest['kind']}: {answer.status} {answer.reason}"
        return answer.body

    async def until_served(self, definition: Mapping[str, Any]) -> None:
        """Wait until the resource that a definition defines is served."""
        spec = definition["spec"]
        where = path(f"{spec['group']}/{spec['versions'][0]['name']}", spec["names"]["plural"])
        async with asyncio.timeout(_PATIENCE):
            while (await self.call("GET", where)).status != 200:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.05)

    def adopt(self, manifest: Mapping[str, Any]) -> None:
        """Count an object that somebody else may make there among those that are taken away."""
        self._made[place_of(manifest)] = None

    async def remove(self, manifest: Mapping[str, Any]) -> None:
        """Delete an object, which is there."""
        await self._delete(place_of(manifest))

    async def clean(self) -> None:
        """Delete what it made and is still there, newest first."""
        for where in reversed(self._made):
            await self._delete(where)
        self._made.clear()

    async def _delete(self, where: str) -> None:
        answer = await self.call("DELETE", where, {"gracePeriodSeconds": 0})
        assert answer.status in {200, 404}, f"{where}: {answer.status} {answer.reason}"


def collection_of(manifest: Mapping[str, Any]) -> str:
    """Return the path of the collection that a manifest belongs to."""
    namespace = str(manifest["metadata"].get("namespace", ""))
    return path(str(manifest["apiVersion"]), _plural(str(manifest["kind"])), namespace=namespace)


def place_of(manifest: Mapping[str, Any]) -> str:
    """Return the path of the object that a manifest describes."""
    return f"{collection_of(manifest)}/{manifest['metadata']['name']}"


def _plural(kind: str) -> str:
    word = kind.lower()
    return f"{word}es" if word.endswith("s") else re.sub("y$", "ie", word) + "s"
