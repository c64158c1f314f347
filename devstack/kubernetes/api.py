"""`KubernetesApi`: the server as tests and the stack hold it, with a view of its state in process."""

import base64
import json
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from aiohttp import web

from devstack import clock as clocks
from devstack.faults import Faults
from devstack.kubernetes import documents, resources
from devstack.kubernetes.access import Identity, Request, Rights
from devstack.kubernetes.documents import Document
from devstack.kubernetes.registry import Registry, Write, key_of
from devstack.kubernetes.resources import Address
from devstack.kubernetes.store import Key, Store
from devstack.kubernetes.transport import MAX_BODY, Transport
from devstack.kubernetes.verbs import Verbs

_MAX_LINE = 64 * 1024  # bytes; Entra tokens with many groups outgrow aiohttp's 8 KiB
_GRACE = 0.25  # seconds that a request under way has when the server stops
_INITIAL_NAMESPACES = ("default", "kube-system")

Documents = list[Document]


class KubernetesApi:
    """One cluster's API on a loopback port, between `start()` and `stop()` or inside `async with`.

    State outlives `stop()`, and a second `start()` takes the same port again: an outage.
    """

    def __init__(
        self,
        *,
        name: str = "devstack",
        identities: Sequence[Identity] = (),
        clock: clocks.Clock = clocks.system,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        history: int = 1000,
    ) -> None:
        """Prepare a cluster called `name`, known to `identities`.

        Without `tls` it speaks plain HTTP, over which kubectl sends no token. `history` is how many changes a watch
        or a paged list can reach back.
        """
        self.name = name
        self._tls = tls
        self._host = host
        self._port = port
        self._store = Store(history=history)
        self._registry = Registry(self._store, clock)
        verbs = Verbs(self._store, self._registry)
        self._transport = Transport(
            store=self._store,
            verbs=verbs,
            identities=tuple(identities),
            now=lambda: self._registry.clock(),  # noqa: PLW0108 - `set_clock` replaces the clock
        )
        self._runner: web.AppRunner | None = None
        self._populate()

    async def start(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{path:.*}", self._transport.handle)
        runner = web.AppRunner(
            app,
            access_log=None,
            handler_cancellation=True,  # or a watch whose client has gone would stay
            shutdown_timeout=_GRACE,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
        )
        await runner.setup()
        self._transport.open()
        await web.TCPSite(runner, self._host, self._port, ssl_context=self._tls).start()
        self._runner = runner
        self._port = runner.addresses[0][1]

    async def stop(self) -> None:
        """End every watch and connection, and listen no more."""
        if self._runner is not None:
            self._transport.close()
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Where the API is served. Meaningful once started."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._port}"

    @property
    def faults(self) -> Faults[Request]:
        """The failures planned for this API."""
        return self._transport.faults

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every request so far, refused ones too, oldest first."""
        return tuple(self._transport.requests)

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self._transport.requests.clear()

    def allow(self, user: str, allows: Rights) -> None:
        """Replace what a user may do. Raises KeyError for a user without a token."""
        self._transport.allow(user, allows)

    def set_clock(self, clock: clocks.Clock) -> None:
        """Take the time of further writes from another clock."""
        self._registry.clock = clock

    def apply(self, manifest: Document, *, manager: str = "devstack") -> Document:
        """Create an object or replace it whole, keeping its uid, and return a copy of what is stored.

        The same validation as over HTTP, but a missing namespace is created and the manifest's resourceVersion is
        not looked at: this is the hand of the one who sets the scene, or of another writer called `manager`.
        Raises KeyError for a kind that is not served, ApiError for an object that is refused.
        """
        manifest = documents.parse(json.dumps(manifest).encode())
        metadata = manifest.get("metadata") or {}
        resource = resources.of_manifest(manifest.get("apiVersion", ""), manifest.get("kind", ""))
        address = Address(
            resource=resource,
            version=manifest["apiVersion"].rpartition("/")[2],
            namespace=(metadata.get("namespace") or "default") if resource.namespaced else "",
            name=metadata.get("name") or "",
        )
        write = Write(manager=manager)
        if resource.namespaced:
            self._registry.ensure_namespace(address.namespace, write)
        current = self._store.get(key_of(address))
        if current is None:
            metadata.pop("resourceVersion", None)
            return documents.clone(self._registry.create(address, manifest, write))
        metadata |= {"resourceVersion": current["metadata"]["resourceVersion"], "uid": current["metadata"]["uid"]}
        return documents.clone(self._registry.replace(address, manifest, write))

    def get(self, plural: str, namespace: str, name: str) -> Document | None:
        """Return a copy of an object, or None. `namespace` is "" for what is cluster-scoped."""
        return documents.clone(self._store.get(_key(plural, namespace, name)))

    def list(self, plural: str, namespace: str | None = None) -> Documents:
        """Return copies of a collection's objects, sorted by namespace and name."""
        collection = self._store.collection(resources.of_plural(plural).qualified)
        return [documents.clone(found) for key, found in collection.items() if namespace in (None, key.namespace)]

    def delete(self, plural: str, namespace: str, name: str) -> None:
        """Remove an object, whatever protects it. Raises ApiError 404."""
        resource = resources.of_plural(plural)
        address = Address(resource=resource, version=resource.versions[0], namespace=namespace, name=name)
        self._registry.remove(address)

    def history_of(self, plural: str, namespace: str, name: str) -> Documents:
        """Return every state that an object of that name has had since the last `clear()`, oldest first."""
        return [documents.clone(state) for state in self._store.states(_key(plural, namespace, name))]

    def clear(self) -> None:
        """Remove every object, planned failure and history; resourceVersions go on counting."""
        self._store.clear()
        self.faults.clear()
        self._populate()

    def kubeconfig(self, token: str, context: str | None = None, ca_pem: str | None = None) -> Document:
        """Return a kubeconfig for the bearer of `token`, with the context called `context` or as the cluster."""
        context = context or self.name
        cluster = {"server": self.url}
        if ca_pem is not None:
            cluster["certificate-authority-data"] = base64.b64encode(ca_pem.encode()).decode()
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": self.name, "cluster": cluster}],
            "users": [{"name": context, "user": {"token": token}}],
            "contexts": [{"name": context, "context": {"cluster": self.name, "user": context}}],
            "current-context": context,
        }

    def _populate(self) -> None:
        for name in _INITIAL_NAMESPACES:
            self._registry.ensure_namespace(name, Write(manager="kube-apiserver"))


def _key(plural: str, namespace: str, name: str) -> Key:
    return Key(resources.of_plural(plural).qualified, namespace, name)
