"""What the edge finds in a cluster, on both servers."""

from datetime import UTC, datetime
from typing import Any

import pytest

from devstack import seed
from shared.csi.classes import SecretProviderClass
from shared.edges.cluster import KubernetesCluster
from shared.model import SecretValue
from shared.observed import Owner, PodStatus, RefusedClass
from tests.contract.cluster.conftest import make_namespace
from tests.contract.cluster.hand import Hand
from tests.contract.cluster.manifests import full_secret, pod_status, provider_class, secret


async def test_classes_are_found_in_every_namespace(hand: Hand, cluster: KubernetesCluster) -> None:
    shop, bank = await make_namespace(hand), await make_namespace(hand)
    for namespace in (shop, bank):
        await hand.make(provider_class(namespace))

    found = await cluster.classes()

    assert sorted((view.namespace, view.name) for view in found) == sorted([(bank, seed.CLASS), (shop, seed.CLASS)])
    assert all(isinstance(view, SecretProviderClass) for view in found)
    assert {view.vault for view in found} == {"kv-demo"}


@pytest.mark.parametrize("provider", ["aws", "Azure", ""])
async def test_a_class_of_another_provider_is_passed_over(
    hand: Hand, cluster: KubernetesCluster, namespace: str, provider: str
) -> None:
    await hand.make(provider_class(namespace, "other", provider=provider))
    await hand.make(provider_class(namespace))

    assert [view.name for view in await cluster.classes()] == [seed.CLASS]


async def test_a_class_is_parsed_once_for_each_of_its_versions(
    hand: Hand, cluster: KubernetesCluster, namespace: str
) -> None:
    same, changed, again = (provider_class(namespace, name) for name in ("same", "changed", "made-again"))
    for manifest in (same, changed, again):
        await hand.make(manifest)
    before = {view.name: view for view in await cluster.classes()}
    await hand.change(changed, {"spec": {"secretObjects": []}})
    await hand.remove(again)
    await hand.make(again)

    after = {view.name: view for view in await cluster.classes()}

    assert after["same"] is before["same"]
    assert after["changed"] is not before["changed"]
    assert after["made-again"] is not before["made-again"]


async def test_a_refused_class_keeps_what_tells_whom_it_concerns(
    hand: Hand, cluster: KubernetesCluster, namespace: str
) -> None:
    parameters = {"keyvaultName": " KV-Demo ", "objects": "array:\n - |\n  objectName: DB\n  objectType: wrong\n"}
    secrets = [{"secretName": " one ", "type": "Opaque"}, {"secretName": ""}, {}]
    await hand.make(provider_class(namespace, parameters=parameters, secretObjects=secrets))

    (found,) = await cluster.classes()

    assert isinstance(found, RefusedClass)
    assert (found.namespace, found.name, found.vault) == (namespace, seed.CLASS, "kv-demo")
    assert found.secrets == ("one",)


async def test_pod_statuses_are_those_of_the_namespace(hand: Hand, cluster: KubernetesCluster, namespace: str) -> None:
    await hand.make(pod_status(namespace, "pod-1", "v1"))
    await hand.make(pod_status(await make_namespace(hand), "pod-2", "v2"))

    found = await cluster.pod_statuses(namespace)

    assert found == [PodStatus(class_name=seed.CLASS, versions={"secret/secret1": "v1"}, pod="pod-1")]


async def test_a_secret_is_read_with_its_bytes(hand: Hand, cluster: KubernetesCluster, namespace: str) -> None:
    stored = await hand.make(full_secret(namespace))

    found = await cluster.secret(namespace, seed.SECRET)

    assert found is not None
    assert found.data == {seed.KEY: SecretValue(b"old"), "other": SecretValue(bytes(range(256)))}
    assert (found.resource_version, found.uid) == (stored["metadata"]["resourceVersion"], stored["metadata"]["uid"])
    assert (found.type, found.managed, found.immutable, found.owned) == ("Opaque", True, False, False)
    assert (found.owner, found.by_us) == (Owner.NOBODY, False)
    created = datetime.fromisoformat(stored["metadata"]["creationTimestamp"])
    assert found.changed == created.astimezone(UTC)


async def test_an_immutable_secret_says_so(hand: Hand, cluster: KubernetesCluster, namespace: str) -> None:
    await hand.make(secret(namespace, immutable=True))

    found = await cluster.secret(namespace, seed.SECRET)

    assert found is not None
    assert found.immutable is True


@pytest.mark.parametrize("data", [None, {}])
async def test_a_secret_without_data_is_empty(
    hand: Hand, cluster: KubernetesCluster, namespace: str, data: dict[str, Any] | None
) -> None:
    await hand.make(secret(namespace, data=data))

    found = await cluster.secret(namespace, seed.SECRET)

    assert found is not None
    assert found.data == {}


async def test_an_absent_secret_is_none_and_so_is_one_in_an_absent_namespace(
    cluster: KubernetesCluster, namespace: str
) -> None:
    assert await cluster.secret(namespace, "absent") is None
    assert await cluster.secret("absent", "absent") is None
    assert await cluster.secret_version(namespace, "absent") is None
    assert await cluster.secret_state(namespace, "absent") is None


async def test_the_version_and_the_state_come_without_the_data(
    hand: Hand, cluster: KubernetesCluster, namespace: str
) -> None:
    stored = await hand.make(full_secret(namespace))
    read = await cluster.secret(namespace, seed.SECRET)

    version = await cluster.secret_version(namespace, seed.SECRET)
    state = await cluster.secret_state(namespace, seed.SECRET)

    assert state is not None
    assert read is not None
    assert version == state.resource_version == stored["metadata"]["resourceVersion"]
    assert (state.changed, state.by_us) == (read.changed, False)


async def test_metadata_alone_is_sent_where_metadata_alone_is_accepted(hand: Hand, namespace: str) -> None:
    """What keeps a Secret's data in the API server, asked as the edge asks for it."""
    await hand.make(secret(namespace))
    where = f"/api/v1/namespaces/{namespace}/secrets"
    form = "application/json;as={};g=meta.k8s.io;v=v1"

    one = await hand.call("GET", f"{where}/{seed.SECRET}", accept=form.format("PartialObjectMetadata"))
    listed = await hand.call("GET", where, accept=form.format("PartialObjectMetadataList"))

    assert (one.body["kind"], listed.body["kind"]) == ("PartialObjectMetadata", "PartialObjectMetadataList")
    assert "data" not in one.body
    assert [set(item) & {"data", "type"} for item in listed.body["items"]] == [set()]
