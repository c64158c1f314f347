"""What one event asks of its neighbours: the edges' methods and the servers' logs agree on every request."""

import pytest

from devstack import seed
from devstack.keyvault import KeyVault as LocalVault
from devstack.kubernetes import KubernetesApi
from shared.edges.cluster import KubernetesCluster
from shared.edges.vault import KeyVault
from shared.model import ObjectType, SecretValue, VaultRead
from shared.observed import Claim

FIRST = [
    ("list", "secretproviderclasses", ""),
    ("get", "csidrivers", ""),
    ("list", "secretproviderclasspodstatuses", seed.NAMESPACE),
    ("get", "secrets", seed.NAMESPACE),
    ("patch", "secrets", seed.NAMESPACE),
]


@pytest.fixture
def version(local: LocalVault, api: KubernetesApi) -> str:
    """The newest version in the vault, after the cluster was seeded with the one before."""
    mounted = local.set_secret(seed.OBJECT, "old")
    for manifest in seed.manifests(vault="kv-demo", version=mounted, value="old"):
        api.apply(manifest)
    return local.set_secret(seed.OBJECT, "new")


async def carry_out(cluster: KubernetesCluster, vault: KeyVault) -> str:
    """Do with the edges what one event does, and return the Secret's new resourceVersion."""
    (found,) = await cluster.classes()
    await cluster.driver()
    statuses = await cluster.pod_statuses(found.namespace)
    secret = await cluster.secret(found.namespace, seed.SECRET)
    assert secret is not None
    mounted = frozenset(status.versions[f"secret/{seed.OBJECT}"] for status in statuses)
    answer = await vault.read(VaultRead(type=ObjectType.SECRET, name=seed.OBJECT))
    assert await vault.confirms(Claim(type=ObjectType.SECRET, name=seed.OBJECT, versions=mounted))
    return await cluster.write(secret, {seed.KEY: SecretValue(answer.version.encode())})


async def test_the_first_event_costs_five_requests_to_the_cluster_and_two_to_the_vault(
    api: KubernetesApi, cluster: KubernetesCluster, local: LocalVault, vault: KeyVault, version: str
) -> None:
    """Each method is one request; the list of versions is asked for because the mounted one was never read."""
    written = await carry_out(cluster, vault)

    assert [(seen.verb, seen.resource, seen.namespace) for seen in api.requests] == FIRST
    assert [(read.operation, read.status) for read in local.reads] == [("get", 200), ("list versions", 200)]
    stored = api.get("secrets", seed.NAMESPACE, seed.SECRET)
    assert stored is not None
    assert stored["metadata"]["resourceVersion"] == written
    assert version == local.get(seed.OBJECT).version


async def test_the_next_event_asks_for_neither_the_driver_nor_the_versions(
    api: KubernetesApi, cluster: KubernetesCluster, local: LocalVault, vault: KeyVault, version: str
) -> None:
    """What cannot have changed is known; what may have changed is read anew."""
    assert version
    await carry_out(cluster, vault)
    api.clear_requests()
    local.clear_reads()
    local.set_secret(seed.OBJECT, "newest")

    await carry_out(cluster, vault)

    asked = [(seen.verb, seen.resource, seen.namespace) for seen in api.requests]
    assert asked == [call for call in FIRST if call[1] != "csidrivers"]
    assert [(read.operation, read.status) for read in local.reads] == [("get", 200)]
