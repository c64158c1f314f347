"""From an HTTP request to what is done and back: who asks, the verb, the answer, watch streams, faults, the log.

What the verbs do is in `registry` and `reading`.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import replace

from aiohttp import web

from devstack import clock as clocks
from devstack.faults import Fault, Faults
from devstack.kubernetes import access, discovery, documents, reading, status
from devstack.kubernetes.access import Identity, Request, Route
from devstack.kubernetes.documents import Document
from devstack.kubernetes.negotiation import Form
from devstack.kubernetes.query import is_true, read_number
from devstack.kubernetes.reading import Watch
from devstack.kubernetes.registry import Registry, Write
from devstack.kubernetes.resources import Address
from devstack.kubernetes.status import ApiError
from devstack.kubernetes.store import Store
from devstack.loopback import LoopbackServer, answer_fault

MAX_BODY = 3 * 1024 * 1024
"""Bytes of a request body (apiserver, DefaultMaxRequestBodyBytes)."""

_BOOKMARK_EVERY = 60.0  # seconds
_MERGE_PATCH = "application/merge-patch+json"
_OPEN = ("/healthz", "/livez", "/readyz", "/version")  # system:public-info-viewer: no token needed


class Transport(LoopbackServer):
    """Serves one store over HTTP."""

    max_body = MAX_BODY
    grace = 0.25
    ends_with_client = True  # or a watch whose client has gone would stay

    def __init__(
        self,
        *,
        identities: Sequence[Identity],
        clock: clocks.Clock,
        history: int,
        port: int,
        tls: ssl.SSLContext | None,
    ) -> None:
        super().__init__(port=port, tls=tls)
        self.faults: Faults[Request] = Faults()
        """The failures planned for this API."""
        self._store = Store(history=history)
        self._registry = Registry(self._store, clock)
        self._identities = {identity.token: identity for identity in identities}
        self._requests: list[Request] = []
        self._stopping = False

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """Return the one way in."""
        return [web.route("*", "/{path:.*}", self._handle)]

    async def start(self) -> None:
        """Listen."""
        self._stopping = False
        await super().start()

    async def stop(self) -> None:
        """End every watch and connection, and listen no more."""
        self._stopping = True
        self._store.notify()
        await super().stop()

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        """Answer one request: log it, let it meet its failure, then serve it."""
        route = access.route_of(http.rel_url.raw_path)
        identity = self._identify(http)
        request = access.request_of(route, http.method, http.query, identity.user if identity else "")
        request = replace(request, at=self._registry.clock())
        self._requests.append(request)
        fault = await self.faults.meet(request)
        if fault and not (fault.after and request.verb != "watch"):
            return _fail(http, fault)
        try:
            response = await self._serve(http, route, request, identity)
        except ApiError as error:
            response = web.json_response(error.body(), status=error.code)
        return _fail(http, fault) if fault else response

    def _identify(self, http: web.Request) -> Identity | None:
        scheme, _, token = http.headers.get("Authorization", "").partition(" ")
        return self._identities.get(token.strip()) if scheme.lower() == "bearer" else None

    async def _serve(
        self, http: web.Request, route: Route | None, request: Request, identity: Identity | None
    ) -> web.StreamResponse:
        is_open = http.path in _OPEN and "Authorization" not in http.headers
        if identity is None and not is_open:
            raise ApiError(401)
        if route is None or identity is None:
            return _describe(http)
        if http.path == access.REVIEWS and http.method == "POST":
            return web.json_response(access.review(identity, _parse(await _read(http))), status=201)
        access.authorize(identity, request)
        address, form = route.address(), Form(http.headers.get("Accept", ""))
        if request.verb == "watch":
            return await self._stream(http, Watch(self._store, address, http.query), form)
        document = form.of(self._perform(request.verb, address, http, await _read(http)))
        return web.json_response(document, status=201 if request.verb == "create" else 200)

    def _perform(self, verb: str, address: Address, http: web.Request, body: bytes) -> Document:
        """Do what an allowed request asks for. Raises ApiError 405 for a verb that the address does not have."""
        if verb == "list":
            return reading.make_list(self._store, address, http.query)
        if verb == "delete":
            return self._delete(address, http, body)
        if verb == "get":
            stored = self._registry.get(address)
        elif verb == "create" and (address.namespace or not address.resource.namespaced):
            stored = self._registry.create(address, _parse(body), _write(http))
        elif verb == "update":
            stored = self._registry.replace(address, _parse(body), _write(http))
        elif verb == "patch":
            _require_merge_patch(http)
            stored = self._registry.patch(address, _parse(body), _write(http))
        else:
            raise ApiError(405)
        return stored | {"apiVersion": address.api_version}

    def _delete(self, address: Address, http: web.Request, body: bytes) -> Document:
        options = _parse(body) if body else {}
        if options.get("preconditions") or options.get("dryRun"):
            raise status.not_implemented("preconditions and dryRun in DeleteOptions: dryRun is read in the query")
        removed = self._registry.delete(address, _write(http))
        details = status.describe(address.resource.plural, address.resource.group, address.name)
        details |= {"uid": removed["metadata"]["uid"]}
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

    async def _stream(self, http: web.Request, watch: Watch, form: Form) -> web.StreamResponse:
        """Send a watch's events, an object a line, until its time is over, its log is lost or the server stops."""
        loop = asyncio.get_running_loop()
        seconds = read_number(http.query, "timeoutSeconds")
        ends = loop.time() + seconds if seconds else float("inf")
        bookmarks = is_true(http.query, "allowWatchBookmarks")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        changed = asyncio.Event()
        self._store.listeners.add(changed.set)
        try:
            await response.prepare(http)
            while not self._stopping:
                changed.clear()
                await _send(response, map(form.of_event, watch.poll()))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), min(ends - loop.time(), _BOOKMARK_EVERY))
                if bookmarks and not changed.is_set():
                    await _send(response, [form.of_event(watch.bookmark())])
                if loop.time() >= ends:
                    break
        except ApiError as error:
            await _send(response, [{"type": "ERROR", "object": error.body()}])
        except ConnectionResetError:
            return response  # the client has gone before its handler was cancelled, as Python 3.11 has it
        finally:
            self._store.listeners.discard(changed.set)
        await response.write_eof()
        return response


def _fail(http: web.Request, fault: Fault) -> web.Response:
    """Answer with the planned failure; a Status goes along where the fault has no body."""
    retry = fault.headers.get("Retry-After", "")
    details = {"retryAfterSeconds": int(retry)} if retry.isdecimal() else None
    return answer_fault(http, fault, ApiError(fault.status, details=details).body())


def _describe(http: web.Request) -> web.Response:
    document = discovery.describe(http.path)
    if http.method != "GET":
        raise ApiError(405)
    if http.path in _OPEN and document is None:
        return web.Response(text="ok")
    if document is None:
        raise ApiError(404)
    return web.json_response(document)


async def _read(http: web.Request) -> bytes:
    try:
        return await http.read()
    except web.HTTPRequestEntityTooLarge:
        raise ApiError(413, f"Request entity too large: limit is {MAX_BODY}") from None


def _parse(body: bytes) -> Document:
    # What the request calls its form is not looked at: the generated clients call it nothing (local-stack 2.4).
    try:
        return documents.parse(body)
    except ValueError as error:
        raise ApiError(400, f"the request body cannot be read: {error}") from error


def _require_merge_patch(http: web.Request) -> None:
    if http.content_type != _MERGE_PATCH:
        text = "the body of the request was in an unknown format - accepted media types include: "
        raise ApiError(415, text + _MERGE_PATCH)


def _write(http: web.Request) -> Write:
    """Read who writes (fieldManager, or the user agent up to its first slash) and whether only to try."""
    dry_run = http.query.get("dryRun", "")
    if dry_run not in ("", "All"):
        raise ApiError(422, ' "" is invalid: dryRun: Unsupported value: supported values: "All"')
    user_agent = http.headers.get("User-Agent", "")
    manager = http.query.get("fieldManager") or user_agent.partition("/")[0] or "unknown"
    return Write(manager=manager, dry_run=bool(dry_run))


async def _send(response: web.StreamResponse, events: Iterable[Document]) -> None:
    for event in events:
        await response.write(json.dumps(event).encode() + b"\n")
