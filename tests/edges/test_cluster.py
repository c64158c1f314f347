"""The cluster's edge against the devstack's API: what is found in it.

Other declarations than classes are in test_cluster_declarations, the driver in test_kube_driver, workloads in
test_kube_workloads. What is changed in a cluster is in test_cluster_writing; failures of a request are in
test_kube_api, answers that no API server would give in test_kube_answers. Not here: what a class means (tests of
shared/csi).
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from devstack import seed
from devstack.clock import ManualClock
from devstack.faults import Fault
from devstack.kubernetes import KubernetesApi
from shared.csi.classes import SecretProviderClass
from shared.edges.cluster import KubernetesCluster
from shared.errors import DriverWouldFail
from shared.model import SecretValue
from shared.observed import KubernetesSecret, Owner, PodStatus, RefusedClass
from tests.edges.clusters import BYTES, other_secret, read_secret

CLASSES = "secretproviderclasses"
STATUSES = "secretproviderclasspodstatuses"


def provider_class(name: str = seed.CLASS, namespace: str = seed.NAMESPACE, **spec: Any) -> dict[str, Any]:
    """Return the post's class under another name, with other fields in its spec."""
    manifest = seed.provider_class(vault="KV-Demo")
    manifest["metadata"] = {"name": name, "namespace": namespace}
    manifest["spec"] |= spec
    return manifest


async def test_classes_are_found_in_every_namespace(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """One request for all of them."""
    for namespace in ("shop", "bank"):
        api.apply(provider_class(namespace=namespace))

    found = await cluster.classes()

    assert sorted((view.namespace, view.name) for view in found) == [("bank", seed.CLASS), ("shop", seed.CLASS)]
    assert all(isinstance(view, SecretProviderClass) for view in found)
    assert {view.vault for view in found} == {"kv-demo"}
    assert [(seen.verb, seen.resource, seen.namespace) for seen in api.requests] == [("list", CLASSES, "")]


@pytest.mark.parametrize("provider", ["aws", "Azure", "", None, 5])
async def test_a_class_of_another_provider_is_passed_over(
    api: KubernetesApi, cluster: KubernetesCluster, provider: object
) -> None:
    """Whatever else stands in it."""
    api.apply(provider_class("other", provider=provider, parameters="of another shape"))
    api.apply(provider_class())

    assert [view.name for view in await cluster.classes()] == [seed.CLASS]


async def test_a_cluster_without_the_drivers_resources_has_no_classes_and_no_statuses(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """The API server knows nothing of them and answers 404."""
    api.faults.plan(lambda _: True, Fault(status=404), times=None)

    assert (await cluster.classes(), await cluster.pod_statuses("shop")) == ([], [])


async def test_more_classes_than_a_page_holds_are_all_found(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """A page holds 200; the next one is asked for with the token of the last."""
    names = {f"class-{number:04}" for number in range(401)}
    for name in names:
        api.apply(provider_class(name))

    found = await cluster.classes()

    assert {view.name for view in found} == names
    assert len(found) == 401
    assert len(api.requests) == 3


async def test_a_class_is_parsed_once_for_each_of_its_versions(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """The same value comes back until the class changes, and only for that class."""
    for name in ("same", "changed", "gone", "made-again"):
        api.apply(provider_class(name))
    api.apply(provider_class("refused", parameters={}))
    before = {view.name: view for view in await cluster.classes()}
    api.apply(provider_class("changed", secretObjects=[]))
    for name in ("gone", "made-again"):
        api.delete(CLASSES, seed.NAMESPACE, name)
    api.apply(provider_class("made-again"))

    after = {view.name: view for view in await cluster.classes()}

    assert set(after) == {"same", "changed", "refused", "made-again"}
    assert after["same"] is before["same"]
    assert after["refused"] is before["refused"]
    assert after["changed"] is not before["changed"]
    assert after["made-again"] is not before["made-again"]


async def test_classes_of_one_name_in_two_namespaces_are_not_taken_for_one_another(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """Also when they were parsed before."""
    api.apply(provider_class(namespace="shop"))
    api.apply(provider_class(namespace="bank", secretObjects=[]))

    for _ in range(2):
        found = {view.namespace: len(view.secrets) for view in await cluster.classes()}

        assert found == {"shop": 1, "bank": 0}


async def test_a_refused_class_keeps_what_tells_whom_it_concerns(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """The vault and the objects to match events with, the Secrets to name in the outcome, the driver's reason."""
    parameters = {"keyvaultName": " KV-Demo ", "objects": "array:\n - |\n  objectName: DB\n  objectType: wrong\n"}
    secrets = [{"secretName": " one ", "type": "Opaque"}, {"secretName": 5}, "two", {"secretName": ""}]
    api.apply(provider_class(parameters=parameters, secretObjects=secrets))

    (found,) = await cluster.classes()

    assert isinstance(found, RefusedClass)
    assert (found.namespace, found.name, found.vault) == (seed.NAMESPACE, seed.CLASS, "kv-demo")
    assert "objectname: db" in found.text
    assert found.secrets == ("one",)
    assert isinstance(found.error, DriverWouldFail)


@pytest.mark.parametrize(
    "spec", [{"parameters": ["a list"]}, {"parameters": {"keyvaultName": 5, "objects": []}}, {"secretObjects": "text"}]
)
async def test_a_class_of_wrong_types_does_not_hide_the_others(
    api: KubernetesApi, cluster: KubernetesCluster, spec: dict[str, Any]
) -> None:
    """Anybody who may edit a namespace can write one where the schema lets it pass."""
    api.apply(provider_class("hostile", **spec))
    api.apply(provider_class("honest"))

    assert sorted(view.name for view in await cluster.classes()) == ["honest", "hostile"]


async def test_pod_statuses_are_those_of_the_namespace(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """The class and the pod, and the version of each object id in it."""
    mine, other = seed.pod_status("pod-1", version="v1"), seed.pod_status("pod-2", version="v2")
    mine["status"]["objects"].append({"id": "cert/www", "version": "v3"})
    other["metadata"]["namespace"] = "other"
    for manifest in (mine, other):
        api.apply(manifest)

    found = await cluster.pod_statuses(seed.NAMESPACE)

    assert found == [PodStatus(class_name=seed.CLASS, versions={"secret/secret1": "v1", "cert/www": "v3"}, pod="pod-1")]
    assert [(seen.verb, seen.resource, seen.namespace) for seen in api.requests] == [("list", STATUSES, seed.NAMESPACE)]


async def test_a_status_without_objects_is_a_status(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """A pod that is being mounted has one."""
    manifest = seed.pod_status("pod-1", version="v1")
    del manifest["status"]["objects"]
    api.apply(manifest)

    assert await cluster.pod_statuses(seed.NAMESPACE) == [PodStatus(class_name=seed.CLASS, versions={}, pod="pod-1")]


async def test_more_statuses_than_a_page_holds_are_all_found(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """A namespace of many pods."""
    for number in range(501):
        api.apply(seed.pod_status(f"pod-{number}", version=f"v{number}"))

    found = await cluster.pod_statuses(seed.NAMESPACE)

    assert {status.versions["secret/secret1"] for status in found} == {f"v{number}" for number in range(501)}


async def test_a_secret_is_read_with_its_bytes(
    api: KubernetesApi, cluster: KubernetesCluster, clock: ManualClock
) -> None:
    """Whatever they are, and with all that is known of it."""
    stored = api.apply(other_secret())

    found = await read_secret(cluster)

    assert found == KubernetesSecret(
        namespace=seed.NAMESPACE,
        name=seed.SECRET,
        resource_version=stored["metadata"]["resourceVersion"],
        type="Opaque",
        managed=True,
        immutable=False,
        data={seed.KEY: SecretValue(b"old"), "other": SecretValue(BYTES)},
        owned=False,
        owner=Owner.NOBODY,
        versions="",
        uid=stored["metadata"]["uid"],
        changed=datetime.fromtimestamp(clock(), UTC),
    )


@pytest.mark.parametrize("labels", [{}, {f"{seed.DRIVER}/managed": "false"}, {f"{seed.DRIVER}/managed": "True"}])
async def test_only_the_drivers_own_label_makes_a_secret_managed(
    api: KubernetesApi, cluster: KubernetesCluster, labels: dict[str, str]
) -> None:
    """Exactly as it writes it (csi-semantics 3.3)."""
    manifest = other_secret()
    manifest["metadata"]["labels"] = labels
    api.apply(manifest)

    assert (await read_secret(cluster)).managed is False


async def test_an_immutable_secret_says_so(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """It has to be known before a write is tried."""
    api.apply(other_secret(immutable=True))

    assert (await read_secret(cluster)).immutable is True


async def test_a_secret_without_data_is_empty(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """The API leaves the field out."""
    api.apply(other_secret(data=None))

    assert (await read_secret(cluster)).data == {}


async def test_an_absent_secret_is_none(cluster: KubernetesCluster) -> None:
    """So is one in a namespace that is not there."""
    assert await cluster.secret(seed.NAMESPACE, "absent") is None
    assert await cluster.secret("absent", seed.SECRET) is None
