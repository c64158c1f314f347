"""Raw JSON calls to one API server: connection, token, time-outs, few retries, and the translation of failures.

What the calls mean is in `cluster`. The generated API classes are not used: they cost 0.85 s and 25 MB on first use
(azure-platform 5.2). `ApiClient.call_api` logs no bodies, and no body of an error ever reaches a text here: an
admission webhook, or a 422 about a Secret, may quote what it refused.
"""

import asyncio
import json
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeGuard
from urllib.parse import quote

import aiohttp
from kubernetes.aio import config

from shared.edges.kube_access import Connection, RedirectedError
from shared.errors import ConfigurationError, ConflictError, FanoutError, PermanentError, TransientError
from shared.reason import Reason

_TIMEOUT = aiohttp.ClientTimeout(total=6, connect=2)
_ATTEMPTS = 3
_LONGEST_WAIT = 2.0
_PAGE = 200
_RELATIVE = {".", ".."}
_JSON = "application/json"
_MERGE_PATCH = "application/merge-patch+json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""What is accepted where an object's data must not leave the API server: its metadata alone."""
_AGAIN = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    method: str
    path: str
    query: Mapping[str, str]
    body: Mapping[str, Any] | None = None
    accept: str = _JSON

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

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, accept: str = _JSON) -> Json | None:
        """Read one object, or None where there is none."""
        return await self._request(_Call(method="GET", path=path, query=query or {}, accept=accept))

    async def pages(
        self, path: str, selector: Mapping[str, str] | None = None, *, accept: str = _JSON
    ) -> AsyncIterator[list[Json]]:
        """List a collection in pages from one snapshot. A resource that the server does not know has no page."""
        query = first = {**(selector or {}), "limit": str(_PAGE)}
        while True:
            page = await self.get(path, query, accept=accept)
            if page is None:
                return
            items, metadata = page.get("items"), page.get("metadata")
            if not _are_objects(items) or not isinstance(metadata, dict):
                # Not empty: an event would end with nothing done and nobody told.
                raise TransientError(
                    f"{self._cluster}: GET {path}: the answer is no list", reason=Reason.CLUSTER_UNREACHABLE
                )
            yield items or []
            token = metadata.get("continue")
            if not token:
                return
            query = {**first, "continue": str(token)}

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
                await asyncio.sleep(_wait(failure, attempt))
            connection = await self._connected()
            try:
                async with self._slots:
                    status, headers, body = await self._send(connection, call)
            except RedirectedError:
                raise ConfigurationError(
                    f"{self._cluster}: {call}: it points somewhere else", reason=Reason.CLUSTER_REFUSED
                ) from None
            except (aiohttp.ClientError, OSError) as error:  # time-outs and TLS failures are OSErrors too
                failure = self._unreachable(call, error)
                if not fresh and isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
                    fresh = await self._retire(connection)
                continue
            if status == HTTPStatus.UNAUTHORIZED and not fresh:
                fresh = await self._retire(connection)
                failure = self._refused(call, status, headers)
            elif status in _AGAIN:
                failure = self._refused(call, status, headers)
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
        headers = {"Accept": call.accept}
        if call.body is not None:
            headers["Content-Type"] = _MERGE_PATCH if call.method == "PATCH" else _JSON
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
        response = await connection.api.call_api(*request, _request_timeout=_TIMEOUT)
        body = await response.read()
        return response.status, response.getheaders() or {}, body or b""

    def _interpret(self, call: _Call, status: int, headers: Mapping[str, str], body: bytes) -> Json | None:
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise self._refused(call, status, headers)
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise TransientError(f"{self._cluster}: {call}: the answer is no JSON", reason=Reason.CLUSTER_UNREACHABLE)
        return document

    def _refused(self, call: _Call, status: int, headers: Mapping[str, str]) -> FanoutError:
        text = f"{self._cluster}: {call}: {status} {_phrase(status)}"
        if status == HTTPStatus.UNAUTHORIZED:
            return ConfigurationError(text, reason=Reason.CLUSTER_UNAUTHENTICATED)
        if status == HTTPStatus.FORBIDDEN:
            return ConfigurationError(text, reason=Reason.CLUSTER_FORBIDDEN)
        if status == HTTPStatus.CONFLICT:
            return ConflictError(text, reason=Reason.SECRET_CONFLICT)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return TransientError(text, reason=Reason.CLUSTER_THROTTLED, retry_after=_retry_after(headers))
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.GONE:
            return TransientError(text, reason=Reason.CLUSTER_UNREACHABLE, retry_after=_retry_after(headers))
        return PermanentError(text, reason=Reason.CLUSTER_REFUSED)

    def _unreachable(self, call: _Call, error: Exception) -> FanoutError:
        text = f"{self._cluster}: {call}: {type(error).__name__}"
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return ConfigurationError(text, reason=Reason.CLUSTER_UNAUTHENTICATED)
        return TransientError(text, reason=Reason.CLUSTER_UNREACHABLE)


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


def _are_objects(items: object) -> TypeGuard[list[Json] | None]:
    """Tell whether these are a list's items; Go writes an empty list as null, too."""
    return items is None or (isinstance(items, list) and all(isinstance(item, dict) for item in items))


def _wait(failure: FanoutError, attempt: int) -> float:
    """Seconds before the next attempt: the server's wish if it is short, else a jittered doubling."""
    wish = failure.retry_after if isinstance(failure, TransientError) else None
    backoff = 0.1 * 2.0**attempt * (0.5 + random.random())  # noqa: S311 - jitter, not a secret
    if wish is None:
        return backoff
    if wish > _LONGEST_WAIT:
        raise failure
    return max(wish, backoff)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After in seconds; the API server sends no dates."""
    text = next((value for key, value in headers.items() if key.lower() == "retry-after"), "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None  # noqa: PLR2004


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
