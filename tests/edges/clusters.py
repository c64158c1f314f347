"""How tests get to a cluster: a kubeconfig that they may change, and a count of the connections made with it."""

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from devstack import seed
from devstack.kubernetes import Identity, KubernetesApi, Request, everything
from shared.cluster_setting import BindingKind, ClusterSetting, KubeconfigAccess
from shared.edges import kube_access
from shared.edges.cluster import KubernetesCluster
from shared.edges.kube_access import Connection
from shared.edges.kube_api import KubeApi
from shared.observed import Driver, KubernetesSecret
from tests.edges.credentials import GivenCredential

BYTES = bytes(range(256))
OWNER = Identity(token="owner-token", user="owner", allows=everything)
OUTSIDER = Identity(token="outsider-token", user="outsider", allows=lambda _: False)


def kubeconfig(server: str, *, token: str = OWNER.token, ca_pem: str = "") -> dict[str, Any]:
    """Return a kubeconfig with one context, `aks-demo`; without a CA the machine's trust store counts."""
    ca = {"certificate-authority-data": base64.b64encode(ca_pem.encode()).decode("ascii")} if ca_pem else {}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "aks-demo", "cluster": {"server": server, **ca}}],
        "users": [{"name": "app", "user": {"token": token}}],
        "contexts": [{"name": "aks-demo", "context": {"cluster": "aks-demo", "user": "app"}}],
        "current-context": "aks-demo",
    }


class Way:
    """A kubeconfig file, what is reached by it, and how often it was read.

    `refresh` is called before each request, as the client does with a pod's token.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connected = 0
        self.refresh: Callable[[object], None] | None = None
        self._reached: list[KubeApi] = []

    def write(self, document: object) -> None:
        """Put another kubeconfig into the file."""
        self.path.write_text(yaml.safe_dump(document), encoding="utf-8")

    def open(self, server: str, *, token: str = OWNER.token, concurrency: int = 16, ca_pem: str = "") -> KubeApi:
        """Return the calls to a server, with this token."""
        self.write(kubeconfig(server, token=token, ca_pem=ca_pem))
        api = KubeApi(cluster="aks-demo", connect=self._connect, concurrency=concurrency)
        self._reached.append(api)
        return api

    def reach(
        self,
        server: str,
        *,
        token: str = OWNER.token,
        ca_pem: str = "",
        bindings: frozenset[BindingKind] | None = None,
        driver: Driver | None = None,
    ) -> KubernetesCluster:
        """Return the cluster behind a server, with this token and what the settings say of it."""
        kube = self.open(server, token=token, ca_pem=ca_pem)
        return KubernetesCluster("aks-demo", kube, timeout=10, bindings=bindings, driver=driver)

    async def close(self) -> None:
        """Close every connection."""
        for api in self._reached:
            await api.close()

    async def _connect(self) -> Connection:
        self.connected += 1
        await asyncio.sleep(0)  # others come while it connects, as they do while ARM is asked
        setting = ClusterSetting(
            name="aks-demo", access=KubeconfigAccess(path=str(self.path)), timeout=10, concurrency=16
        )
        connection = await kube_access.connect(setting, GivenCredential(lambda _: "unused"))
        connection.api.configuration.refresh_api_key_hook = self.refresh
        return connection


def only(resource: str, verb: str = "") -> Callable[[Request], bool]:
    """Match the requests for a resource, with that verb or any."""
    return lambda request: request.resource == resource and verb in {"", request.verb}


def forbid(api: KubernetesApi, resource: str, verb: str = "") -> None:
    """Take from the owner the right to a resource, with that verb or any."""
    forbidden = only(resource, verb)
    api.allow(OWNER.user, lambda request: not forbidden(request))


def other_secret(**fields: Any) -> dict[str, Any]:
    """Return a Secret with everything on it that a write has to leave alone."""
    manifest = seed.synced_secret("old")
    manifest["metadata"] |= {
        "annotations": {"team": "shop"},
        "labels": {f"{seed.DRIVER}/managed": "true", "app": "shop"},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "shop-1", "uid": "u-1"}],
    }
    manifest["data"]["other"] = base64.b64encode(BYTES).decode("ascii")
    return manifest | fields


async def read_secret(cluster: KubernetesCluster) -> KubernetesSecret:
    """Read the post's Secret, which is there."""
    found = await cluster.secret(seed.NAMESPACE, seed.SECRET)
    assert found is not None
    return found
