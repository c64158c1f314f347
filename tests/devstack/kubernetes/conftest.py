"""One API for each test, and a way to call it as the product does: kubernetes.aio's ApiClient with raw JSON."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from kubernetes.aio import client

from devstack.clock import ManualClock
from devstack.kubernetes import Identity, KubernetesApi, Request, everything

Manifest = dict[str, Any]

ADMIN = Identity(token="admin-token", user="admin", allows=everything)
READER = Identity(
    token="reader-token",
    user="reader",
    allows=lambda request: request.verb in ("get", "list", "watch") and request.namespace == "shop",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer as it came over the wire."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def error(self) -> tuple[int, str, str]:
        """The Status body's code, reason and message; the code is checked against the HTTP status."""
        assert self.body["kind"] == "Status"
        assert self.body["status"] == "Failure"
        assert self.body["code"] == self.status
        return self.status, self.body["reason"], self.body["message"]


class Caller:
    """Calls an API by path, as a user, through the low level of kubernetes.aio."""

    def __init__(self, client_: client.ApiClient) -> None:
        self._client = client_

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = ADMIN.token,
        content_type: str | None = None,
        accept: str | None = None,
        query: Mapping[str, object] | None = None,
    ) -> Reply:
        """Send one request and read the whole answer."""
        options = {"token": token, "content_type": content_type, "accept": accept}
        async with self.open(method, path, body, query=query, **options) as response:
            raw = await response.read()
            is_json = "json" in response.headers.get("Content-Type", "")
            body = json.loads(raw) if is_json else raw
            return Reply(status=response.status, body=body, headers=dict(response.headers))

    async def watch(self, path: str, query: Mapping[str, object], accept: str | None = None) -> list[Any]:
        """Watch until the server ends it, and return the events."""
        async with self.open("GET", path, accept=accept, query={"watch": "true", **query}) as response:
            assert response.status == 200
            return [json.loads(line) for line in (await response.read()).splitlines()]

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = ADMIN.token,
        content_type: str | None = None,
        accept: str | None = None,
        query: Mapping[str, object] | None = None,
    ) -> AsyncIterator[Any]:
        """Send one request; the answer's body is read by the caller."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if content_type:
            headers["Content-Type"] = content_type
        if accept:
            headers["Accept"] = accept
        request = await self._client.param_serialize(
            method, path, query_params=list((query or {}).items()), header_params=headers, body=body
        )
        response = await self._client.call_api(*request, _request_timeout=10)
        try:
            yield response.response
        finally:
            response.response.close()

    async def merge(self, path: str, patch: Manifest, **options: Any) -> Reply:
        """Send a merge patch."""
        return await self("PATCH", path, patch, content_type="application/merge-patch+json", **options)


@pytest.fixture
def clock() -> ManualClock:
    """The API's time; it starts at 2026-09-21T14:13:20Z."""
    return ManualClock()


@pytest.fixture
async def api(clock: ManualClock) -> AsyncIterator[KubernetesApi]:
    """A served API with an administrator, a reader of one namespace, and a log of eight changes."""
    async with KubernetesApi(name="aks-demo", identities=[ADMIN, READER], clock=clock, history=8) as served:
        yield served


@pytest.fixture
async def call(api: KubernetesApi) -> AsyncIterator[Caller]:
    """The caller of that API."""
    async with client.ApiClient(client.Configuration(host=api.url)) as api_client:
        yield Caller(api_client)


@pytest.fixture
def offline(clock: ManualClock) -> KubernetesApi:
    """An API that is not served: its state and its rules, without a socket."""
    return KubernetesApi(clock=clock, history=8)


def secret(name: str = "db", namespace: str = "shop", **data: str) -> Manifest:
    """Return a Secret's manifest with `data` as its stringData."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": data,
    }


def only(resource: str) -> Callable[[Request], bool]:
    """Select the requests for one resource."""
    return lambda request: request.resource == resource


def names(reply: Reply) -> list[str]:
    """Return the names in a list."""
    return [item["metadata"]["name"] for item in reply.body["items"]]
