"""Everything together: the servers on free loopback ports, and the environment that points the app at them.

One process holds the Key Vault, the identity endpoint, the cluster and the Service Bus. The app runs in another
(`host`), with nothing but environment variables to tell it where it is: no code path of the product knows this stack.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from devstack import clock as clocks
from devstack import seed
from devstack.certificates import Authority
from devstack.identity import SERVICE_BUS, Identity, Issuer
from devstack.keyvault import KeyVault
from devstack.kubernetes import Identity as ClusterIdentity
from devstack.kubernetes import KubernetesApi, everything
from devstack.kubernetes.access import Rights
from devstack.servicebus import CorrelationRule, Queue, ServiceBus, Subscription, Topic
from devstack.writers.access import Access, give

VAULT = "kv-demo"
CLUSTER = "aks-demo"
TOPIC = "keyvault-changes"
QUEUE = "keyvault-jobs"
EVENTS = "keyvault-events"
ACKS = "acks"
WATCH = "fanout-watch"
LIVE = "fanout-live"
TWO_DAYS = 172_800.0

FUNCTION = "on_key_vault_event"
APP_USER = "keyvault-fanout"

APP = Path(__file__).resolve().parent.parent
"""The folder of function_app.py."""

_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")

SUBSCRIPTIONS = (
    Subscription(name="all"),
    Subscription(name=LIVE),
    Subscription(name=WATCH, rules=(CorrelationRule(properties={"noticeType": "object.new-version"}),)),
    Subscription(
        name="app",
        rules=tuple(
            CorrelationRule(properties={"vault": VAULT, "object": "secret1", "noticeType": told})
            for told in ("target.refreshed", "target.converged")
        ),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The running servers. `folder` holds the CA bundle while the stack runs.

    `kubeconfig` is the app's way to its cluster: to `cluster`, or to an API server that is not the stack's.
    """

    vault: KeyVault
    cluster: KubernetesApi
    bus: ServiceBus
    identity: Identity
    authority: Authority
    folder: Path
    kubeconfig: Path
    kubelet_token: str

    @property
    def bundle(self) -> Path:
        """The machine's trust store and the throw-away CA, in one PEM file."""
        return self.folder / "ca-bundle.pem"

    @property
    def settings(self) -> dict[str, str]:
        """The app's own settings, as in local.settings.sample.json."""
        clusters = [{"name": CLUSTER, "kubeconfig": str(self.kubeconfig), "context": CLUSTER}]
        return {
            "KEY_VAULTS": f"{self.vault.name}={self.vault.url}",
            "CLUSTERS": json.dumps(clusters),
            "ServiceBusConnection": self.bus.connection_string,
            "NOTICE_TOPIC": TOPIC,
            "JOB_QUEUE": QUEUE,
            "SWEEP_SCHEDULE": "0 0 0 1 1 *",  # started by hand: POST /admin/functions/sweep
            "WATCH_SUBSCRIPTION": WATCH,
        }

    def admit(self, user: str, rights: Rights = everything) -> Access:
        """Return what a writer needs to act in the cluster and the vault as a user of its own."""
        return give(
            user,
            cluster=self.cluster,
            vault=self.vault,
            issuer=self.identity.issuer,
            authority=self.authority,
            rights=rights,
        )

    def seed(self) -> None:
        """Fill the vault and the cluster with what the post of `devstack.seed` shows."""
        first = "the first value"
        version = self.vault.set_secret(seed.OBJECT, first)
        for manifest in seed.manifests(vault=self.vault.name, version=version, value=first):
            self.cluster.apply(manifest)

    @property
    def environment(self) -> dict[str, str]:
        """The settings, and what makes unmodified clients trust this stack and get tokens from it.

        SSL_CERT_FILE has to be there before Python starts: aiohttp builds its context on import (local-stack 3.4).
        """
        return {**self.settings, **self.identity.environment, "SSL_CERT_FILE": str(self.bundle)}


@contextlib.asynccontextmanager
async def start(
    *,
    clock: clocks.Clock = clocks.system,
    subscriptions: Sequence[Subscription] = SUBSCRIPTIONS,
    ports: "Ports | None" = None,
    folder: Path | None = None,
    kubeconfig: Path | None = None,
) -> AsyncIterator[Stack]:
    """Start the servers, end them with the block. Files go to `folder`, or to one that is removed at the end.

    `kubeconfig` points the app at another API server, by a context called `CLUSTER`; the stack's own is left alone.
    """
    ports = ports or Ports()
    authority, issuer = Authority.create(), Issuer(clock=clock)
    token = issuer.issue("devstack-cluster")
    kubelet = issuer.issue("devstack-kubelet")
    identities = [
        ClusterIdentity(token=token, user=APP_USER, allows=everything),
        ClusterIdentity(token=kubelet, user="kubelet", allows=everything),
    ]
    tls = authority.server_context()
    vault = KeyVault(name=VAULT, tls=tls, issuer=issuer, clock=clock, port=ports.vault)
    cluster = KubernetesApi(name=CLUSTER, identities=identities, clock=clock, tls=tls, port=ports.cluster)
    bus = ServiceBus(
        topics=[Topic(name=TOPIC, duplicate_window=TWO_DAYS, subscriptions=list(subscriptions))],
        queues=[Queue(name=name, duplicate_window=TWO_DAYS) for name in (QUEUE, EVENTS, ACKS)],
        key_name="RootManageSharedAccessKey",
        key="devstack",
        clock=clock,
        port=ports.bus,
        verify_token=lambda text: issuer.verify(text, SERVICE_BUS) is not None,
    )
    with tempfile.TemporaryDirectory(prefix="devstack-") as temporary:
        place = folder or Path(temporary)
        async with Identity(issuer=issuer, port=ports.identity) as identity, vault, cluster, bus:
            stack = Stack(
                vault=vault,
                cluster=cluster,
                bus=bus,
                identity=identity,
                authority=authority,
                folder=place,
                kubeconfig=kubeconfig or place / "kubeconfig",
                kubelet_token=kubelet,
            )
            authority.write_bundle(stack.bundle)
            if kubeconfig is None:
                own = cluster.kubeconfig(token, context=CLUSTER, ca_pem=authority.ca_pem)
                stack.kubeconfig.write_text(yaml.safe_dump(own), encoding="utf-8")
            yield stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the servers listen; 0 is any free port."""

    vault: int = 0
    cluster: int = 0
    bus: int = 0
    identity: int = 0


def inherited() -> dict[str, str]:
    """Return what a process needs of this one's environment to start at all; nothing that could steer the app."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}  # noqa: TID251 - not the app's


def endpoint(host_url: str) -> str:
    """Return where Event Grid's events for the app go."""
    return f"{host_url}/runtime/webhooks/EventGrid?functionName={FUNCTION}"
