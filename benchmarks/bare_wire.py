"""The floor of "what any program would need": bare aiohttp and raw AMQP frames, in the order that the design forces.

Bindings, the Secret, the vault, the write, the notice: five waits one after the other. What one step needs at once
goes out at once, as any program would do it.
"""

import asyncio
import base64
import json
import ssl
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

from benchmarks import scenes
from benchmarks.raw_amqp import RawSender
from benchmarks.world import World
from devstack import stack
from devstack.identity import VAULT

_API = "7.6"
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


def make_kubeconfig(url: str, token: str, ca_pem: str) -> dict[str, Any]:
    """Return the least kubeconfig of a server."""
    authority = base64.b64encode(ca_pem.encode()).decode("ascii")
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bench",
        "clusters": [{"name": "bench", "cluster": {"server": url, "certificate-authority-data": authority}}],
        "users": [{"name": "bench", "user": {"token": token}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
    }


def kube_session(kubeconfig: str, *, concurrency: int = 16) -> aiohttp.ClientSession:
    """Return a session for the one cluster of a kubeconfig (a path), which has its token and trusts its CA."""
    document = yaml.safe_load(Path(kubeconfig).read_text(encoding="utf-8"))
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    return aiohttp.ClientSession(
        cluster["server"],
        headers={"Authorization": f"Bearer {user['token']}"},
        connector=aiohttp.TCPConnector(limit=concurrency, ssl=ssl.create_default_context(cadata=authority)),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


class BareWire:
    """One session for each neighbour, opened once."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __aenter__(self) -> Self:
        world = self._world
        self._kube = kube_session(world.kubeconfigs()[0])
        self._vault = aiohttp.ClientSession(
            world.settings["KEY_VAULTS"].partition("=")[2], headers={"Authorization": f"Bearer {await self._token()}"}
        )
        self._bus = await RawSender.open(world.settings["ServiceBusConnection"], stack.TOPIC)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._kube.close()
        await self._vault.close()
        await self._bus.close()

    async def refresh(self, name: str, namespace: str, secret: str, key: str) -> None:
        """Bring one secret's newest value into one Secret, and tell of it."""
        await asyncio.gather(*[self._get(self._kube, path) for path in scenes.BINDINGS])
        where = f"/api/v1/namespaces/{namespace}/secrets/{secret}"
        statuses = scenes.POD_STATUSES.format(namespace=namespace)
        found, _ = await asyncio.gather(self._get(self._kube, where), self._get(self._kube, statuses))
        bundle = await self._get(self._vault, f"/secrets/{name}/?api-version={_API}")
        data = {key: base64.b64encode(bundle["value"].encode()).decode("ascii")}
        version = found["metadata"]["resourceVersion"]
        body = json.dumps({"metadata": {"resourceVersion": version}, "data": data})
        told = asyncio.create_task(self._tell("bare.object"))
        async with self._kube.patch(where, data=body, headers=MERGE_PATCH) as response:
            response.raise_for_status()
            await response.read()
        await told
        await self._tell("bare.target")

    async def _tell(self, about: str) -> None:
        await self._bus.send(b"x" * 600, identifier=str(uuid.uuid4()), properties={"noticeType": about})

    async def _get(self, session: aiohttp.ClientSession, path: str) -> Any:
        async with session.get(path) as response:
            response.raise_for_status()
            return json.loads(await response.read())

    async def _token(self) -> str:
        environment = self._world.environment
        headers = {"X-IDENTITY-HEADER": environment["IDENTITY_HEADER"]}
        query = {"api-version": "2019-08-01", "resource": VAULT}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(environment["IDENTITY_ENDPOINT"], params=query) as response,
        ):
            return str((await response.json())["access_token"])
