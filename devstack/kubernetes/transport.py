"""HTTP in and out: bodies, answers, watch streams, failures on request, the request log.

What a request means is in `access` and `verbs`; here is only what travels.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from aiohttp import web

from devstack.clock import Clock
from devstack.faults import Fault, Faults
from devstack.kubernetes import access, discovery, status
from devstack.kubernetes.access import Identity, Request, Rights, Route
from devstack.kubernetes.documents import Document
from devstack.kubernetes.query import is_true, read_number
from devstack.kubernetes.status import ApiError
from devstack.kubernetes.store import Store
from devstack.kubernetes.verbs import Answer, Call, Verbs
from devstack.kubernetes.watching import Event, Watch

MAX_BODY = 3 * 1024 * 1024
"""Bytes of a request body (apiserver, DefaultMaxRequestBodyBytes)."""
BOOKMARK_EVERY = 60.0
"""Seconds between the bookmarks of a watch that asked for them."""

_HEALTH = ("/healthz", "/livez", "/readyz")
_OPEN = (*_HEALTH, "/version")  # system:public-info-viewer: no token needed
_JSON_TYPES = ("*/*", "application/*", "application/json")


class Transport:
    """Serves one API over aiohttp's requests."""

    def __init__(self, *, store: Store, verbs: Verbs, identities: Sequence[Identity], now: Clock) -> None:
        self._store = store
        self._verbs = verbs
        self._identities = identities
        self._now = now
        self._stopping = False
        self.faults: Faults[Request] = Faults()
        self.requests: list[Request] = []

    def open(self) -> None:
        """Let watches run."""
        self._stopping = False

    def close(self) -> None:
        """End every watch."""
        self._stopping = True
        self._store.notify()

    def allow(self, user: str, allows: Rights) -> None:
        """Replace what a user may do. Raises KeyError for a user without a token."""
        if all(identity.user != user for identity in self._identities):
            raise KeyError(user)
        self._identities = [
            replace(identity, allows=allows) if identity.user == user else identity for identity in self._identities
        ]

    async def handle(self, http: web.Request) -> web.StreamResponse:
        """Answer one request: log it, let it meet its failure, then serve it."""
        route = access.route_of(http.rel_url.raw_path)
        try:
            identity, refused = access.identify(self._identities, http.headers.get("Authorization", "")), None
        except ApiError as error:
            identity, refused = None, error
        request = access.request_of(route, http.method, http.query, identity.user if identity else "")
        request = replace(request, at=self._now())
        self.requests.append(request)
        fault = await self.faults.meet(request)
        if fault and not (fault.after and request.verb != "watch"):
            return _fail(http, fault)
        try:
            if refused:
                raise refused
            response = await self._serve(http, route, request, identity)
        except ApiError as error:
            response = _json(error.body(), code=error.code)
        return _fail(http, fault) if fault else response

    async def _serve(
        self, http: web.Request, route: Route, request: Request, identity: Identity | None
    ) -> web.StreamResponse:
        if route.path in _HEALTH and request.method == "GET":
            return web.Response(text="ok")
        if route.path != "/version" or request.method != "GET":
            access.authorize(identity, request)
        _require_json_accepted(http.headers.get("Accept", ""))
        if not route.plural:
            return self._describe(route, request, http.host)
        if identity is not None and (route.group, route.version, route.plural) == _REVIEWS:
            if request.verb != "create":
                raise ApiError(405)
            return _answer(self._verbs.review(identity, await _read(http)))
        address = route.address()
        if request.verb == "watch":
            return await self._stream(http, self._verbs.watch(address, http.query))
        return _answer(self._verbs.serve(request.verb, address, await _read(http)))

    def _describe(self, route: Route, request: Request, host: str) -> web.Response:
        document = discovery.describe(route.path, host)
        if document is None:
            raise ApiError(404)
        if request.method != "GET":
            raise ApiError(405)
        return _json(document)

    async def _stream(self, http: web.Request, watch: Watch) -> web.StreamResponse:
        """Send a watch's events, an object a line, until its time is over, its log is lost or the server stops."""
        loop = asyncio.get_running_loop()
        seconds = read_number(http.query, "timeoutSeconds")
        ends = loop.time() + seconds if seconds else float("inf")
        bookmarks = is_true(http.query, "allowWatchBookmarks")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        changed = asyncio.Event()
        unsubscribe = self._store.subscribe(changed.set)
        try:
            await response.prepare(http)
            while not self._stopping:
                changed.clear()
                await _send(response, watch.poll())
                wait = min(ends - loop.time(), BOOKMARK_EVERY)
                if not await _happens(changed, wait) and bookmarks:
                    await _send(response, [watch.bookmark()])
                if loop.time() >= ends:
                    break
        except ApiError as error:
            await _send(response, [Event("ERROR", error.body())])
        finally:
            unsubscribe()
        await response.write_eof()
        return response


_REVIEWS = (access.REVIEW_GROUP, "v1", access.REVIEWS)


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event; answer whether it came in time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def _send(response: web.StreamResponse, events: Sequence[Event]) -> None:
    if events:
        lines = [json.dumps(event.as_document(), separators=(",", ":")) + "\n" for event in events]
        await response.write("".join(lines).encode())


async def _read(http: web.Request) -> Call:
    """Read the body. Raises ApiError 413 for a body over `MAX_BODY`, 400 for one that cannot be unpacked."""
    try:
        body = await http.read()
    except web.HTTPRequestEntityTooLarge:
        raise status.too_large(MAX_BODY) from None
    return Call(
        query=http.query,
        content_type=http.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
        user_agent=http.headers.get("User-Agent", ""),
        body=body,
    )


def _require_json_accepted(accept: str) -> None:
    """Refuse a client that reads no JSON; parameters such as `as=Table` only ask for more. Raises ApiError 406."""
    asked = [part.partition(";")[0].strip().lower() for part in accept.split(",") if part.strip()]
    if asked and not any(media_type in _JSON_TYPES for media_type in asked):
        raise ApiError(406, "only the following media types are accepted: application/json")


def _answer(answer: Answer) -> web.Response:
    return _json(answer.document, code=answer.status, headers=answer.headers)


def _json(document: Document, *, code: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    body = json.dumps(document, separators=(",", ":")).encode()
    return web.Response(body=body, status=code, headers=headers, content_type="application/json")


def _fail(http: web.Request, fault: Fault) -> web.Response:
    """Answer with the planned failure: a cut connection, or its status with a Status body where none is given."""
    if fault.drop:
        if http.transport is not None:
            http.transport.abort()
        return web.Response()  # nobody receives it
    if not fault.status:
        raise RuntimeError(f"this server has no failure of that kind: {fault}")
    if fault.body is None:
        return _json(status.planned(fault.status, fault.headers).body(), code=fault.status, headers=fault.headers)
    body = fault.body
    if isinstance(body, str | bytes):
        payload = body.encode() if isinstance(body, str) else body
        return web.Response(body=payload, status=fault.status, headers=fault.headers)
    return web.Response(
        body=json.dumps(body).encode(),
        status=fault.status,
        headers=dict(fault.headers) | {"Content-Type": "application/json"},
    )
