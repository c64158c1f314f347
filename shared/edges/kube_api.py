"""Raw JSON calls to one API server: connection, token, time-outs, few retries.

What the calls mean is in `cluster`. The generated API classes are not used: they cost 0.85 s and 25 MB on first use
(azure-platform 5.2). `ApiClient.call_api` logs no bodies, and no body of an error ever reaches a text here: an
admission webhook, or a 422 about a Secret, may quote what it refused.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client.rest import RESTResponse

from shared.edges import kube_failures
from shared.edges.kube_access import Connection, RedirectedError
from shared.edges.kube_failures import AGAIN
from shared.errors import ConfigurationError, ConflictError, FanoutError, PermanentError, TransientError
from shared.reason import Reason

_TIMEOUT = aiohttp.ClientTimeout(total=6, connect=2)
_ATTEMPTS = 3
_RELATIVE = {".", ".."}
JSON = "application/json"
_MERGE_PATCH = "application/merge-patch+json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""What is accepted where an object's data must not leave the API server: its metadata alone."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    method: str
    path: str
    query: Mapping[str, str]
    body: Mapping[str, Any] | None = None
    accept: str = JSON

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class KubeApi:
    """One API server. `connect` is called on first use, and again when the token or the CA is no longer good."""

    def __init__(self, *, cluster: str, connect: Callable[[], Awaitable[Connection]], concurrency: int) -> None:
        self._cluster = cluster
        self._connect = connect
        self._connection: Connection | None = None
        self._retired: Connection | None = None
        self._connecting = asyncio.Lock()
        self._slots = asyncio.Semaphore(concurrency)

    @property
    def cluster(self) -> str:
        """The cluster's name in the settings."""
        return self._cluster

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, accept: str = JSON) -> Json | None:
        """Read one object, or None where there is none."""
        return await self._request(_Call(method="GET", path=path, query=query or {}, accept=accept))

    @asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str], *, accept: str, silence: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open an answer that comes bit by bit, and give its bytes. Tried once; no slot is taken.

        Raises `ExpiredError` for 410, and `TransientError` also when nothing came for `silence` seconds.
        """
        call = _Call(method="GET", path=path, query=query, accept=accept)
        limits = aiohttp.ClientTimeout(total=None, connect=_TIMEOUT.connect, sock_read=silence)
        connection = await self._connected()
        try:
            response = await self._open(connection, call, limits)
            try:
                if response.status != HTTPStatus.OK:
                    if response.status == HTTPStatus.UNAUTHORIZED:
                        await self._retire(connection)
                    raise kube_failures.refused(self._cluster, call, response.status, response.getheaders() or {})
                yield response.response.content.iter_any()
            finally:
                response.response.close()
        except RedirectedError:
            raise self._points_elsewhere(call) from None
        except (aiohttp.ClientError, OSError) as error:
            raise kube_failures.unreachable(self._cluster, call, error) from None

    async def create(self, path: str, body: Mapping[str, Any]) -> bool:
        """Create an object in a collection; False where one of its name is there already.

        A lost answer is safe to retry: then it is there.
        """
        try:
            made = await self._request(_Call(method="POST", path=path, query={}, body=body))
        except ConflictError:
            return False
        if made is None:
            raise ConfigurationError(
                f"{self._cluster}: POST {path}: 404, its namespace or its kind is not there",
                reason=Reason.CLUSTER_FORBIDDEN,
            )
        return True

    async def evaluate(self, path: str, body: Mapping[str, Any]) -> Json | None:
        """Post a question that stores nothing, such as an access review, and return its answer; None for 404."""
        return await self._request(_Call(method="POST", path=path, query={}, body=body))

    async def merge_patch(self, path: str, body: Mapping[str, Any], *, attempts: int = _ATTEMPTS) -> Json:
        """Change one object. Raises `ConflictError` when its resourceVersion is not the one in `body` any more.

        A lost answer is safe to retry: the guard makes the second attempt a conflict, and the caller looks again.
        """
        patched = await self._request(_Call(method="PATCH", path=path, query={}, body=body), attempts)
        if patched is None:
            raise ConflictError(f"{self._cluster}: PATCH {path}: it is gone", reason=Reason.SECRET_CONFLICT)
        return patched

    async def touch(self, path: str, body: Mapping[str, Any], *, attempts: int = _ATTEMPTS) -> bool:
        """Change one object whatever its state; False where it is gone.

        `body` has no resourceVersion, so nothing that the caller read is stale: a conflict is a passing fault.
        """
        try:
            return await self._request(_Call(method="PATCH", path=path, query={}, body=body), attempts) is not None
        except ConflictError as error:
            raise TransientError(str(error), reason=error.reason) from None

    async def close(self) -> None:
        """Close the connections. The next call would open new ones."""
        connections, self._connection, self._retired = (self._connection, self._retired), None, None
        for connection in connections:
            if connection is not None:
                await connection.api.close()

    async def _request(self, call: _Call, attempts: int = _ATTEMPTS) -> Json | None:
        """Try a few times, reconnecting once for a refused token or certificate. Return None for 404."""
        fresh = False
        failure: FanoutError | None = None
        for attempt in range(attempts):
            if failure is not None:
                await asyncio.sleep(kube_failures.wait(failure, attempt))
            connection = await self._connected()
            try:
                async with self._slots:
                    status, headers, body = await self._send(connection, call)
            except RedirectedError:
                raise self._points_elsewhere(call) from None
            except (aiohttp.ClientError, OSError) as error:  # time-outs and TLS failures are OSErrors too
                failure = kube_failures.unreachable(self._cluster, call, error)
                if not fresh and isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
                    fresh = await self._retire(connection)
                continue
            if status == HTTPStatus.UNAUTHORIZED and not fresh:
                fresh = await self._retire(connection)
                failure = kube_failures.refused(self._cluster, call, status, headers)
            elif status in AGAIN:
                failure = kube_failures.refused(self._cluster, call, status, headers)
            else:
                return self._interpret(call, status, headers, body)
        raise failure or TransientError(f"{self._cluster}: {call}", reason=Reason.CLUSTER_UNREACHABLE)

    async def _connected(self) -> Connection:
        async with self._connecting:
            if self._connection is None:
                self._connection = await self._connect()
            return self._connection

    async def _retire(self, connection: Connection) -> bool:
        """Use a connection no more, because its token or CA is no longer good.

        Others may be in the middle of a call on it, so it is closed when the next one is retired.
        """
        if self._connection is connection:
            self._connection = None
            retired, self._retired = self._retired, connection
            if retired is not None:
                await retired.api.close()
        return True

    async def _send(self, connection: Connection, call: _Call) -> tuple[int, Mapping[str, str], bytes]:
        response = await self._open(connection, call, _TIMEOUT)
        body = await response.read()
        return response.status, response.getheaders() or {}, body or b""

    async def _open(self, connection: Connection, call: _Call, limits: aiohttp.ClientTimeout) -> RESTResponse:
        """Send a call and return its answer, of which the body is still to be read."""
        headers = {"Accept": call.accept}
        if call.body is not None:
            headers["Content-Type"] = _MERGE_PATCH if call.method == "PATCH" else JSON
        if connection.bearer is not None:
            headers["Authorization"] = f"Bearer {await connection.bearer()}"
        try:
            request = await connection.api.param_serialize(
                call.method,
                call.path,
                query_params=list(call.query.items()),
                header_params=headers,
                body=call.body,
                auth_settings=[] if connection.bearer else ["BearerToken"],
            )
        except config.ConfigException:  # in a pod: the token's file is read again every minute
            raise ConfigurationError(
                f"{self._cluster}: {call}: its service account has no token", reason=Reason.CLUSTER_UNAUTHENTICATED
            ) from None
        return await connection.api.call_api(*request, _request_timeout=limits)

    def _interpret(self, call: _Call, status: int, headers: Mapping[str, str], body: bytes) -> Json | None:
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise kube_failures.refused(self._cluster, call, status, headers)
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise TransientError(f"{self._cluster}: {call}: the answer is no JSON", reason=Reason.CLUSTER_UNREACHABLE)
        return document

    def _points_elsewhere(self, call: _Call) -> FanoutError:
        return ConfigurationError(f"{self._cluster}: {call}: it points somewhere else", reason=Reason.CLUSTER_REFUSED)


def path(group_version: str, plural: str, *, namespace: str = "", name: str = "") -> str:
    """Build the path of a collection or object; `group_version` is `v1` or `GROUP/VERSION`.

    Raises `PermanentError` for the two names that no quoting keeps in their place: every client and proxy resolves
    them, and another object is meant. Kubernetes has no such names.
    """
    if namespace in _RELATIVE or name in _RELATIVE:
        raise PermanentError(f"{plural}: {namespace}/{name} is no name", reason=Reason.CLUSTER_REFUSED)
    parts = ["api" if "/" not in group_version else "apis", group_version]
    if namespace:
        parts += ["namespaces", quote(namespace, safe="")]
    parts.append(plural)
    if name:
        parts.append(quote(name, safe=""))
    return "/" + "/".join(parts)
