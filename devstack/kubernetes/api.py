"""`KubernetesApi`: the server as tests and the stack hold it, with a view of its state in process."""

import base64
import json
import ssl
from collections.abc import Sequence
from dataclasses import replace

from devstack import clock as clocks
from devstack.kubernetes import documents, resources
from devstack.kubernetes.access import Identity, Request, Rights
from devstack.kubernetes.documents import Document
from devstack.kubernetes.registry import Write, key_of
from devstack.kubernetes.resources import Address
from devstack.kubernetes.transport import Transport

_INITIAL_NAMESPACES = ("default", "kube-system")

Documents = list[Document]


class KubernetesApi(Transport):
    """One cluster's API on a loopback port, between `start()` and `stop()` or inside `async with`."""

    def __init__(
        self,
        *,
        name: str = "devstack",
        identities: Sequence[Identity] = (),
        clock: clocks.Clock = clocks.system,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
        history: int = 1000,
    ) -> None:
        """Prepare a cluster called `name`, known to `identities`.

        Without `tls` it speaks plain HTTP, over which kubectl sends no token. `history` is how many changes a watch
        or a paged list can reach back.
        """
        super().__init__(identities=identities, clock=clock, history=history, port=port, tls=tls)
        self.name = name
        self._populate()

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every request so far, refused ones too, oldest first."""
        return tuple(self._requests)

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self._requests.clear()

    def admit(self, identity: Identity) -> None:
        """Know one more token from now on."""
        self._identities[identity.token] = identity

    def allow(self, user: str, allows: Rights) -> None:
        """Replace what a user may do. Raises KeyError for a user without a token."""
        tokens = [identity.token for identity in self._identities.values() if identity.user == user]
        if not tokens:
            raise KeyError(user)
        for token in tokens:
            self._identities[token] = replace(self._identities[token], allows=allows)

    def set_clock(self, clock: clocks.Clock) -> None:
        """Take the time of further requests and writes from another clock."""
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
            return documents.copied(self._registry.create(address, manifest, write))
        metadata |= {"resourceVersion": current["metadata"]["resourceVersion"], "uid": current["metadata"]["uid"]}
        return documents.copied(self._registry.replace(address, manifest, write))

    def get(self, plural: str, namespace: str, name: str) -> Document | None:
        """Return a copy of an object, or None. `namespace` is "" for what is cluster-scoped."""
        return documents.copied(self._store.get(key_of(_address(plural, namespace, name))))

    def list(self, plural: str, namespace: str | None = None) -> Documents:
        """Return copies of a collection's objects, sorted by namespace and name."""
        collection = self._store.collection(resources.of_plural(plural).qualified)
        return [documents.copied(found) for key, found in collection.items() if namespace in (None, key.namespace)]

    def delete(self, plural: str, namespace: str, name: str) -> None:
        """Remove an object, whatever protects it. Raises ApiError 404."""
        self._registry.remove(_address(plural, namespace, name))

    def history_of(self, plural: str, namespace: str, name: str) -> Documents:
        """Return every state that an object of that name has had since the last `clear()`, oldest first."""
        return documents.copied(self._store.states(key_of(_address(plural, namespace, name))))

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


def _address(plural: str, namespace: str, name: str) -> Address:
    return Address(resource=resources.of_plural(plural), version="", namespace=namespace, name=name)
