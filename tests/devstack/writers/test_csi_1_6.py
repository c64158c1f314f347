"""Drivers 1.6.0 and 1.6.1: the kubelet's republishing rotates, and the controller writes what is mounted."""

import pytest

from devstack import seed
from devstack.keyvault import Denial
from devstack.writers import csi
from tests.devstack.writers.conftest import FIRST, POD, Town, encode

V1_6_0, V1_6_1 = csi.Generation.V1_6_0, csi.Generation.V1_6_1
BOTH = pytest.mark.parametrize("generation", [V1_6_0, V1_6_1], ids=str)

PACE = csi.Pace().faster(4000)
"""A poll takes 30 ms, a sync of the kubelet 20 to 30 ms, a requeue 75 ms."""
NEVER = 10_000.0


def driver(
    town: Town, generation: csi.Generation, *, rotation: bool = True, pace: csi.Pace = PACE, node: str = ""
) -> csi.Driver:
    """Return a driver that acts as the user `csi`."""
    return csi.Driver(town.stack.admit("csi"), generation=generation, rotation=rotation, pace=pace, node=node)


@BOTH
async def test_a_node_whose_mount_is_stale_puts_the_old_bytes_back_at_its_requeue(
    town: Town, generation: csi.Generation
) -> None:
    async with driver(town, generation) as node:
        for pod in seed.PODS:
            node.hold(pod)
        await node.passed()  # a round that is under way fetches what it finds
        town.rotate("the second value")
        town.write("the second value")

        await node.passed()

    assert town.values() == [FIRST, "the second value", FIRST]


@BOTH
async def test_one_stale_pod_of_two_makes_the_secret_flip_until_it_is_released(
    town: Town, generation: csi.Generation
) -> None:
    async with driver(town, generation) as node:
        node.hold(POD)
        await node.passed()
        version = town.rotate("the second value")
        await town.eventually(lambda: town.status_versions(seed.PODS[1]) == [version])
        await town.eventually(lambda: town.values().count(FIRST) > 1)

        node.release(POD)
        await town.eventually(lambda: town.status_versions(POD) == [version])
        await node.passed()
        settled = len(town.values())
        await node.passed(2)

    assert town.value() == "the second value"
    assert len(town.values()) == settled


@BOTH
async def test_without_rotation_every_foreign_write_is_reverted_for_ever(
    town: Town, generation: csi.Generation
) -> None:
    async with driver(town, generation, rotation=False) as node:
        fetched = town.reads_by("csi")
        town.rotate("the second value")
        for _ in range(2):
            town.write("the second value")
            await node.passed()

    assert town.values() == [FIRST, "the second value", FIRST, "the second value", FIRST]
    assert town.reads_by("csi") == fetched


@BOTH
async def test_an_annotation_on_the_pod_makes_it_mount_anew_once_its_interval_is_over(
    town: Town, generation: csi.Generation
) -> None:
    pace = csi.Pace(poll=0.0, requeue=NEVER, sync=NEVER)
    async with driver(town, generation, pace=pace) as node:
        version = town.rotate("the second value")

        town.annotate("pods", POD, nudge="1")
        await town.eventually(lambda: town.value() == "the second value")

        assert node.versions(POD) == {"secret/secret1": version}
        assert node.versions(seed.PODS[1]) == {"secret/secret1": town.first}
        assert [town.status_versions(pod) for pod in seed.PODS] == [[version], [town.first]]


@BOTH
async def test_a_label_counts_like_an_annotation_and_a_status_does_not(town: Town, generation: csi.Generation) -> None:
    pace = csi.Pace(poll=0.0, requeue=NEVER, sync=NEVER)
    async with driver(town, generation, pace=pace) as node:
        version = town.rotate("the second value")
        silent, labelled = (town.cluster.get("pods", seed.NAMESPACE, pod) for pod in seed.PODS)
        assert silent is not None
        assert labelled is not None
        silent["status"]["message"] = "still running"
        labelled["metadata"]["labels"]["nudge"] = "1"
        town.cluster.apply(silent)
        town.cluster.apply(labelled)

        await town.eventually(lambda: town.status_versions(seed.PODS[1]) == [version])
        await node.replay()

    assert node.versions(seed.PODS[0]) == {"secret/secret1": town.first}


async def test_within_one_interval_of_a_change_neither_syncs_nor_annotations_fetch(town: Town) -> None:
    async with driver(town, V1_6_0, pace=csi.Pace(poll=NEVER, sync=0.02, requeue=0.05)) as node:
        fetched = town.reads_by("csi")
        town.rotate("the second value")
        town.annotate("pods", POD, nudge="1")

        await node.passed(3)

    assert town.reads_by("csi") == fetched
    assert town.value() == FIRST


async def test_a_stable_volume_is_fetched_at_every_sync_since_only_a_change_begins_an_interval(town: Town) -> None:
    async with driver(town, V1_6_0, pace=csi.Pace(poll=0.2, sync=0.02, requeue=0.05)) as node:
        first = town.reads_by("csi")
        await town.eventually(lambda: town.reads_by("csi") >= first + len(seed.PODS))
        before = town.reads_by("csi")
        await node.passed(3)

        assert town.reads_by("csi") >= before + 3 * len(seed.PODS)


@BOTH
async def test_the_kubelets_sync_brings_the_new_bytes_by_itself(town: Town, generation: csi.Generation) -> None:
    async with driver(town, generation):
        version = town.rotate("the second value")
        await town.eventually(lambda: [town.status_versions(pod) for pod in seed.PODS] == [[version]] * 2)
        await town.eventually(lambda: town.value() == "the second value")


async def test_1_6_0_puts_the_secret_even_when_it_is_equal_and_its_owners_come_back(town: Town) -> None:
    async with driver(town, V1_6_0, rotation=False) as node:
        await town.eventually(lambda: len(town.secret()["metadata"].get("ownerReferences", [])) == 2)
        version = int(town.secret()["metadata"]["resourceVersion"])

        await node.passed()
        await town.eventually(lambda: len(town.secret()["metadata"].get("ownerReferences", [])) == 2)

        states = town.cluster.history_of("secrets", seed.NAMESPACE, seed.SECRET)
        later = [state for state in states if int(state["metadata"]["resourceVersion"]) > version]
        assert [] in [state["metadata"].get("ownerReferences", []) for state in later]
        assert town.values() == [FIRST]


async def test_1_6_0_wipes_foreign_labels_annotations_and_keys(town: Town) -> None:
    async with driver(town, V1_6_0) as node:
        secret = town.secret()
        secret["metadata"]["labels"]["team"] = "shop"
        secret["metadata"]["annotations"] = {"note": "x"}
        secret["data"]["extra"] = encode("more")
        town.cluster.apply(secret)

        await node.passed()

    assert town.secret()["metadata"]["labels"] == {"secrets-store.csi.k8s.io/managed": "true"}
    assert "annotations" not in town.secret()["metadata"]
    assert town.secret()["data"] == {seed.KEY: encode(FIRST)}


async def test_1_6_1_writes_nothing_when_data_are_equal(town: Town) -> None:
    async with driver(town, V1_6_1, rotation=False) as node:
        await town.eventually(lambda: len(town.secret()["metadata"].get("ownerReferences", [])) == 2)
        town.annotate("secrets", seed.SECRET, note="x")
        town.cluster.clear_requests()

        await node.passed(2)

    assert town.writes_by("csi") == []
    assert town.secret()["metadata"]["annotations"] == {"note": "x"}


async def test_1_6_1_patches_data_alone_and_keeps_the_rest(town: Town) -> None:
    async with driver(town, V1_6_1, rotation=False) as node:
        secret = town.secret()
        secret["metadata"]["labels"]["team"] = "shop"
        secret["data"] = {seed.KEY: encode("wrong"), "extra": encode("more")}
        town.cluster.apply(secret)

        await node.passed()

    assert town.secret()["data"] == {seed.KEY: encode(FIRST)}
    assert town.secret()["metadata"]["labels"]["team"] == "shop"


@BOTH
async def test_a_touched_pod_status_rewrites_the_secret_and_fetches_nothing(
    town: Town, generation: csi.Generation
) -> None:
    async with driver(town, generation, pace=csi.Pace()):
        fetched = town.reads_by("csi")
        town.rotate("the second value")
        town.write("the second value")
        town.annotate("secretproviderclasspodstatuses", f"{POD}-{seed.NAMESPACE}-{seed.CLASS}", touched="1")

        await town.eventually(lambda: town.value() == FIRST)

    assert town.reads_by("csi") == fetched


@BOTH
async def test_a_restart_of_the_driver_rewrites_every_secret_from_the_files(
    town: Town, generation: csi.Generation
) -> None:
    async with driver(town, generation, pace=csi.Pace()) as node:
        town.write("the second value")

        await node.replay()

    assert town.values() == [FIRST, "the second value", FIRST]


async def test_errors_of_a_new_mount_are_masked_and_the_old_files_stay(town: Town) -> None:
    async with driver(town, V1_6_0) as node:
        town.vault.rights = lambda identity, _: Denial.RBAC if identity == "csi" else None
        town.rotate("the second value")
        await node.passed(2)
        masked = node.versions(POD)
        town.vault.rights = None

        await town.eventually(lambda: town.value() == "the second value")

    assert masked == {"secret/secret1": town.first}
