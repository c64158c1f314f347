"""What one event asks of its neighbours: the edges' methods and the servers' logs agree on every request.

The pods that are woken afterwards are asked for by the namespace (test_cluster_writing), jobs go to the queue.
"""

import asyncio
from collections.abc import Callable, Collection

import pytest

from devstack import seed
from devstack.faults import Fault
from devstack.keyvault import KeyVault as LocalVault
from devstack.kubernetes import KubernetesApi
from shared import driver, observe
from shared.edges.cluster import KubernetesCluster
from shared.edges.vault import KeyVault
from shared.model import ObjectType, SecretValue, VaultObject, VaultRead
from shared.observed import Claim
from tests.edges.clusters import Way
from tests.edges.declared import external_secret, owned_secret, secret_sync, store
from tests.edges.relay import Relay, name
from tests.edges.scripted import Seen

HOST = "kv-demo.vault.azure.net"
ABOUT = VaultObject(vault="kv-demo", type=ObjectType.SECRET, name=seed.OBJECT)
IN_NAMESPACE = f"namespaces/{seed.NAMESPACE}"

EXTERNAL_SECRETS = "GET /apis/external-secrets.io/v1/externalsecrets"
SECRET_SYNCS = "GET /apis/secret-sync.x-k8s.io/v1alpha1/secretsyncs"
DECLARATIONS = {
    "GET /apis/secrets-store.csi.x-k8s.io/v1/secretproviderclasses",
    "GET /api/v1/secrets",
    EXTERNAL_SECRETS,
    SECRET_SYNCS,
}
"""All listed at once."""
DRIVER = {
    f"GET /apis/storage.k8s.io/v1/csidrivers/{seed.DRIVER}",
    "GET /apis/apps/v1/daemonsets",
    *[f"GET /apis/apps/v1/namespaces/kube-system/daemonsets/{name}" for name in driver.UNLABELLED],
}
TARGET = {
    f"GET /apis/secrets-store.csi.x-k8s.io/v1/{IN_NAMESPACE}/secretproviderclasspodstatuses",
    f"GET /api/v1/{IN_NAMESPACE}/secrets/{seed.SECRET}",
}
WRITE = {f"PATCH /api/v1/{IN_NAMESPACE}/secrets/{seed.SECRET}"}


@pytest.fixture
def cluster(relay: Relay, way: Way) -> KubernetesCluster:
    """The edge, pointed at the wire."""
    return way.reach(relay.url)


@pytest.fixture
def version(local: LocalVault, api: KubernetesApi) -> str:
    """The newest version in the vault, after the cluster was seeded with the one before."""
    mounted = local.set_secret(seed.OBJECT, "old")
    for manifest in seed.manifests(vault="kv-demo", version=mounted, value="old"):
        api.apply(manifest)
    return local.set_secret(seed.OBJECT, "new")


async def carry_out(cluster: KubernetesCluster, vault: KeyVault) -> str:
    """Do with the edges what one event does, and return the Secret's new resourceVersion."""
    ends = asyncio.get_running_loop().time() + 10
    seen = await observe.look(cluster, ABOUT, HOST, ends=ends)
    assert seen.unseen == ()
    (view,) = [view for view in seen.views if view.target.secret == seed.SECRET]
    assert view.secret is not None
    mounted = frozenset(status.versions[f"secret/{seed.OBJECT}"] for status in view.statuses)
    answer = await vault.read(VaultRead(type=ObjectType.SECRET, name=seed.OBJECT))
    assert await vault.confirms(Claim(type=ObjectType.SECRET, name=seed.OBJECT, versions=mounted))
    return await cluster.write(view.secret, {seed.KEY: SecretValue(answer.version.encode())}, {})


async def until(seen: Callable[[], bool]) -> None:
    """Wait for what another task does."""
    while not seen():  # noqa: ASYNC110 - the relay tells nobody
        await asyncio.sleep(0.01)


def query(seen: Seen) -> str:
    """Return the query of a request."""
    return seen.path.partition("?")[2]


def split(asked: list[str], *stages: Collection[str]) -> list[set[str]]:
    """Return the requests stage by stage; within one they are made at once. Each is asked for once."""
    assert len(asked) == len(set(asked))
    ends = [sum(map(len, stages[: number + 1])) for number in range(len(stages))]
    return [set(asked[begin:end]) for begin, end in zip([0, *ends[:-1]], [*ends[:-1], len(asked)], strict=True)]


async def test_the_first_event_lists_four_kinds_looks_at_driver_and_target_and_writes(
    relay: Relay, cluster: KubernetesCluster, local: LocalVault, vault: KeyVault, version: str
) -> None:
    """Eleven requests to the cluster; the list of versions is asked for because the mounted one was never read."""
    written = await carry_out(cluster, vault)

    assert split(relay.asked, DECLARATIONS, DRIVER | TARGET, WRITE) == [DECLARATIONS, DRIVER | TARGET, WRITE]
    assert len(relay.asked) == 11
    assert [(read.operation, read.status) for read in local.reads] == [("get", 200), ("list versions", 200)]
    assert await cluster.secret_version(seed.NAMESPACE, seed.SECRET) == written
    assert version == local.get(seed.OBJECT).version


async def test_secrets_are_listed_and_watched_by_our_label_and_their_metadata_only(
    relay: Relay, cluster: KubernetesCluster, vault: KeyVault, version: str
) -> None:
    """Of all the requests the one that could bring every value of a cluster."""
    assert version
    await carry_out(cluster, vault)

    await until(lambda: "GET /api/v1/secrets" in relay.watched)
    listed, watched = [seen for seen in relay.requests if seen.path.startswith("/api/v1/secrets")]
    for seen in (listed, watched):
        assert seen.path.partition("?")[2].startswith("labelSelector=keyvault-fanout.dev/owned%3Dtrue&")
    assert listed.headers["Accept"] == "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    assert watched.headers["Accept"] == "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


async def test_the_next_event_asks_for_neither_the_driver_nor_the_versions(
    relay: Relay, cluster: KubernetesCluster, local: LocalVault, vault: KeyVault, version: str
) -> None:
    """What cannot have changed is known; that the declarations are still what they were is one small request each."""
    assert version
    await carry_out(cluster, vault)
    relay.forget()
    local.clear_reads()
    local.set_secret(seed.OBJECT, "newest")

    await carry_out(cluster, vault)

    assert split(relay.asked, DECLARATIONS, TARGET, WRITE) == [DECLARATIONS, TARGET, WRITE]
    assert {query(seen) for seen in relay.requests if name(seen) in DECLARATIONS and "watch=" not in seen.path} == {
        "limit=1",
        "labelSelector=keyvault-fanout.dev/owned%3Dtrue&limit=1",
    }
    assert [(read.operation, read.status) for read in local.reads] == [("get", 200)]


async def test_the_next_event_does_not_ask_for_kinds_that_are_not_there(
    api: KubernetesApi, relay: Relay, cluster: KubernetesCluster, vault: KeyVault, version: str
) -> None:
    """Once in both versions of External Secrets, then not for five minutes."""
    assert version
    absent = {"externalsecrets", "secretsyncs"}
    api.faults.plan(lambda request: request.resource in absent, Fault(status=404), times=None)
    await carry_out(cluster, vault)
    first = set(relay.asked)
    relay.forget()

    await carry_out(cluster, vault)

    present = DECLARATIONS - {EXTERNAL_SECRETS, SECRET_SYNCS}
    assert first - DRIVER - TARGET - WRITE == DECLARATIONS | {EXTERNAL_SECRETS.replace("/v1/", "/v1beta1/")}
    assert split(relay.asked, present, TARGET, WRITE) == [present, TARGET, WRITE]


async def test_other_bindings_of_the_object_cost_their_stores_and_a_look_at_each_secret(
    api: KubernetesApi, relay: Relay, cluster: KubernetesCluster, vault: KeyVault, version: str
) -> None:
    """Of a Secret that an owner fills only the version is read."""
    assert version
    for manifest in (owned_secret(), external_secret(), store(), secret_sync()):
        api.apply(manifest)

    await carry_out(cluster, vault)

    stores = {f"GET /apis/external-secrets.io/v1/{kind}" for kind in ("secretstores", "clustersecretstores")}
    looks = {f"GET /api/v1/{IN_NAMESPACE}/secrets/{name}" for name in ("filled", "external", "synced")}
    assert set(relay.asked) == DECLARATIONS | stores | DRIVER | TARGET | looks | WRITE
    whole = {
        seen.path.rpartition("/")[2]
        for seen in relay.requests
        if "/secrets/" in seen.path and seen.method == "GET" and seen.headers["Accept"] == "application/json"
    }
    assert whole == {seed.SECRET, "filled"}
