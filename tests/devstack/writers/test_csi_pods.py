"""What every generation does with pods, classes and nodes, and the objects that tell them apart."""

import pytest

from devstack import seed
from devstack.keyvault import Denial
from devstack.writers import csi
from tests.devstack.writers.conftest import FIRST, POD, Manifest, Town

ALL = pytest.mark.parametrize("generation", list(csi.Generation), ids=str)
PACE = csi.Pace().faster(4000)
STATUSES = "secretproviderclasspodstatuses"


def driver(town: Town, generation: csi.Generation = csi.Generation.V1_6_0, *, node: str = "") -> csi.Driver:
    """Return a rotating driver that acts as the user `csi`."""
    return csi.Driver(town.stack.admit("csi"), generation=generation, rotation=True, pace=PACE, node=node)


def status_of(town: Town, pod: str) -> Manifest | None:
    """Return a pod's status."""
    return town.cluster.get(STATUSES, seed.NAMESPACE, f"{pod}-{seed.NAMESPACE}-{seed.CLASS}")


@ALL
async def test_a_pod_that_comes_is_mounted_and_one_that_goes_takes_its_status_along(
    town: Town, generation: csi.Generation
) -> None:
    async with driver(town, generation) as node:
        late = town.cluster.apply(seed.pod("late"))
        await town.eventually(lambda: town.status_versions("late") == [town.first])
        status = status_of(town, "late")
        town.cluster.delete("pods", seed.NAMESPACE, POD)
        await town.eventually(lambda: status_of(town, POD) is None)
        await node.passed()

    assert status is not None
    uid = late["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "late", "uid": uid}
    assert status["metadata"]["ownerReferences"] == [owner]
    assert status["metadata"]["labels"] == {"internal.secrets-store.csi.k8s.io/node-name": "aks-nodepool1-0"}
    assert status["status"] == {
        "podName": "late",
        "secretProviderClassName": seed.CLASS,
        "mounted": True,
        "targetPath": f"/var/lib/kubelet/pods/{uid}/volumes/kubernetes.io~csi/secrets-store/mount",
        "objects": [{"id": "secret/secret1", "version": town.first}],
    }


async def test_pods_without_a_class_or_at_their_end_are_not_mounted(town: Town) -> None:
    bystander, ended = seed.pod("bystander"), seed.pod("ended")
    bystander["spec"]["volumes"] = []
    ended["status"]["phase"] = "Succeeded"
    town.cluster.apply(bystander)
    town.cluster.apply(ended)

    async with driver(town):
        pass

    assert [status_of(town, "bystander"), status_of(town, "ended")] == [None, None]


@ALL
async def test_a_pod_that_ends_keeps_its_status_and_is_neither_mounted_anew_nor_written_from(
    town: Town, generation: csi.Generation
) -> None:
    async with driver(town, generation) as node:
        for name in seed.PODS:
            pod = town.cluster.get("pods", seed.NAMESPACE, name)
            assert pod is not None
            pod["status"]["phase"] = "Failed"
            town.cluster.apply(pod)
        town.cluster.apply(seed.pod("late"))  # seen after the others, so that those have been seen, too
        await town.eventually(lambda: node.versions("late") != {})
        town.cluster.delete("pods", seed.NAMESPACE, "late")
        await town.eventually(lambda: node.versions("late") == {})
        await node.passed()
        town.rotate("the second value")
        town.write("the third value")

        await node.passed(2)

    assert town.value() == "the third value"
    assert [town.status_versions(pod) for pod in seed.PODS] == [[town.first]] * 2


async def test_a_namesake_of_a_pod_that_went_gets_a_status_of_its_own(town: Town) -> None:
    async with driver(town) as node:
        town.cluster.delete("pods", seed.NAMESPACE, POD)
        uid = town.cluster.apply(seed.pod(POD))["metadata"]["uid"]

        def owned() -> bool:
            status = status_of(town, POD)
            return status is not None and status["metadata"]["ownerReferences"][0]["uid"] == uid

        await town.eventually(owned)
        await node.passed()

        assert owned()


async def test_a_driver_of_one_node_leaves_the_pods_of_others(town: Town) -> None:
    elsewhere = seed.pod("elsewhere")
    elsewhere["spec"]["nodeName"] = "aks-nodepool1-1"
    town.cluster.apply(elsewhere)

    async with driver(town, node="aks-nodepool1-1") as node:
        mounted = [node.versions("elsewhere"), node.versions(POD)]

    assert mounted == [{"secret/secret1": town.first}, {}]


async def test_a_pod_whose_vault_refuses_is_mounted_when_it_no_longer_does(town: Town) -> None:
    town.vault.rights = lambda identity, _: Denial.RBAC if identity == "csi" else None
    town.cluster.delete("secrets", seed.NAMESPACE, seed.SECRET)
    async with driver(town) as node:
        refused = node.versions(POD), town.value()
        town.vault.rights = None

        await town.eventually(lambda: town.value() == FIRST)

    assert refused == ({}, None)


async def test_aliases_pins_and_several_secrets_of_a_class_are_honoured(town: Town) -> None:
    class_, pinned = seed.provider_class(vault="KV-demo"), town.vault.set_secret("other", "a")
    class_["spec"]["parameters"]["objects"] = (
        "array:\n"
        "  - |\n    objectName: secret1\n    objectType: secret\n    objectAlias: here/it-is\n"
        f"  - |\n    objectName: other\n    objectType: secret\n    objectVersion: {pinned}\n"
    )
    data = [{"key": "one", "objectName": "here/it-is"}, {"key": "two", "objectName": "other"}]
    gone = {"secretName": "gone", "type": "Opaque", "data": [{"key": "x", "objectName": "secret1"}]}
    labels = {"labels": {"team": "shop"}, "annotations": {"note": "x"}}
    class_["spec"]["secretObjects"] = [gone, {"secretName": "both", "type": "Opaque", "data": data, **labels}]
    town.cluster.apply(class_)
    town.vault.set_secret("other", "b")

    async with driver(town) as node:
        mounted = node.versions(POD)

    assert [town.value(key, "both") for key in ("one", "two")] == [FIRST, "a"]
    assert town.cluster.get("secrets", seed.NAMESPACE, "gone") is None
    assert town.secret("both")["metadata"]["labels"] == {"team": "shop", "secrets-store.csi.k8s.io/managed": "true"}
    assert town.secret("both")["metadata"]["annotations"] == {"note": "x"}
    assert mounted.keys() == {"secret/secret1", "secret/other"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"keyvaultName": "kv-other"}, id="another vault"),
        pytest.param({"objects": "array:\n  - objectName: a\n"}, id="mappings in place of texts"),
        pytest.param({"objects": "array:\n  - 'objectName: secret1'\n"}, id="no type"),
        pytest.param({"objects": "array:\n  - '{objectName: a, objectType: secret}'\n"}, id="no such object"),
        pytest.param({"objects": "["}, id="no YAML"),
    ],
)
async def test_a_class_that_cannot_be_fetched_mounts_nothing(town: Town, change: dict[str, str]) -> None:
    class_ = seed.provider_class(vault=town.vault.name)
    class_["spec"]["parameters"] |= change
    town.cluster.apply(class_)

    async with driver(town) as node:
        assert node.versions(POD) == {}


async def test_a_driver_follows_the_cluster_through_an_outage_of_its_api(town: Town) -> None:
    async with driver(town):
        await town.cluster.stop()
        version = town.rotate("the second value")
        await town.cluster.start()

        await town.eventually(lambda: [town.status_versions(pod) for pod in seed.PODS] == [[version]] * 2)


async def test_what_the_driver_may_not_do_stays_undone_and_breaks_nothing(town: Town) -> None:
    """Without `syncSecret.enabled` the driver may not touch Secrets."""
    town.cluster.delete("secrets", seed.NAMESPACE, seed.SECRET)
    access = town.stack.admit("csi", rights=lambda request: request.resource != "secrets")

    async with csi.Driver(access, generation=csi.Generation.V1_6_0, rotation=True, pace=PACE) as node:
        await node.passed()

    assert town.value() is None
    assert town.status_versions(POD) == [town.first]


@pytest.mark.parametrize(
    ("generation", "rotation", "republish"),
    [
        (csi.Generation.V1_5_6, True, False),
        (csi.Generation.V1_6_0, False, False),
        (csi.Generation.V1_6_0, True, True),
        (csi.Generation.V1_6_1, True, True),
    ],
)
async def test_the_objects_of_an_installation_tell_its_generation_and_rotation(
    town: Town, generation: csi.Generation, *, rotation: bool, republish: bool
) -> None:
    installed = csi.Driver(town.stack.admit("csi"), generation=generation, rotation=rotation)
    for manifest in installed.manifests():
        town.cluster.apply(manifest)

    csi_driver = town.cluster.get("csidrivers", "", seed.DRIVER)
    daemon_set = town.cluster.get("daemonsets", "kube-system", "secrets-store-csi-driver")

    assert csi_driver is not None
    assert csi_driver["spec"]["requiresRepublish"] is republish
    assert csi_driver["metadata"]["labels"]["app.kubernetes.io/version"] == str(generation)
    assert daemon_set is not None
    assert daemon_set["metadata"]["labels"]["app"] == "secrets-store-csi-driver"
    (container,) = [
        each for each in daemon_set["spec"]["template"]["spec"]["containers"] if each["name"] == "secrets-store"
    ]
    assert container["image"].endswith(f"/secrets-store/driver:v{generation}")
    assert f"--enable-secret-rotation={str(rotation).lower()}" in container["args"]
    assert "--rotation-poll-interval=120s" in container["args"]


def test_the_static_manifest_of_1_6_republishes_whether_or_not_it_rotates() -> None:
    shown = csi.csi_driver(csi.Generation.V1_6_0, rotation=False, requires_republish=True)
    assert shown["spec"]["requiresRepublish"] is True


async def test_a_driver_lives_through_a_cluster_that_is_cleared_and_filled_anew(town: Town) -> None:
    async with driver(town) as node:
        town.vault.clear()
        town.cluster.clear()
        town.fill()

        await town.eventually(lambda: [town.status_versions(pod) for pod in seed.PODS] == [[town.first]] * 2)
        await town.eventually(lambda: node.versions(POD) == {"secret/secret1": town.first})
        await node.passed()

    assert town.value() == FIRST
