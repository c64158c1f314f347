"""Driver 1.5.6: a loop on each node rotates, and the controller only creates what is missing."""

from dataclasses import replace

import pytest

from devstack import seed
from devstack.keyvault import Denial
from devstack.writers import csi
from tests.devstack.writers.conftest import FIRST, POD, Town, decode, encode

V1_5 = csi.Generation.V1_5_6
PACE = csi.Pace().faster(4000)
"""A poll takes 30 ms, a requeue 75 ms."""
OWNERLESS = replace(PACE, owners=10_000.0)


def driver(town: Town, *, rotation: bool, pace: csi.Pace = PACE) -> csi.Driver:
    """Return a driver that acts as the user `csi`."""
    return csi.Driver(town.stack.admit("csi"), generation=V1_5, rotation=rotation, pace=pace)


async def test_without_rotation_an_existing_secret_is_never_touched_and_nothing_is_fetched_again(town: Town) -> None:
    async with driver(town, rotation=False, pace=OWNERLESS) as node:
        fetched = town.reads_by("csi")
        town.rotate("the second value")
        town.write("written by hand")

        await node.passed(3)

    assert town.value() == "written by hand"
    assert town.reads_by("csi") == fetched == len(seed.PODS)
    assert {request.verb for request in town.writes_by("csi")} == {"create"}


async def test_a_missing_secret_is_created_from_the_mounted_files_with_the_drivers_label(town: Town) -> None:
    async with driver(town, rotation=False) as node:
        town.rotate("the second value")
        town.cluster.delete("secrets", seed.NAMESPACE, seed.SECRET)

        await node.passed()

    secret = town.secret()
    assert decode(secret["data"][seed.KEY]) == FIRST
    assert secret["metadata"]["labels"] == {"secrets-store.csi.k8s.io/managed": "true"}
    assert secret["metadata"]["managedFields"][0]["manager"] == "csi-secrets-store"


async def test_rotation_fetches_at_every_poll_and_brings_the_new_bytes_and_versions(town: Town) -> None:
    async with driver(town, rotation=True) as node:
        version = town.rotate("the second value")

        await node.passed()

        assert town.value() == "the second value"
        assert [town.status_versions(pod) for pod in seed.PODS] == [[version]] * 2
        fetched = town.reads_by("csi")
        await node.passed()
        assert town.reads_by("csi") >= fetched + len(seed.PODS)


async def test_rotation_leaves_equal_bytes_alone_whoever_wrote_them(town: Town) -> None:
    async with driver(town, rotation=True, pace=OWNERLESS) as node:
        for pod in seed.PODS:
            node.hold(pod)
        version = town.rotate("the second value")
        town.write("the second value")
        for pod in seed.PODS:
            node.release(pod)

        await node.passed(2)

        assert node.versions(POD) == {"secret/secret1": version}
    assert town.values() == [FIRST, "the second value"]
    assert {request.verb for request in town.writes_by("csi")} == {"create"}


async def test_rotation_puts_foreign_bytes_and_keys_right_and_keeps_foreign_labels(town: Town) -> None:
    async with driver(town, rotation=True) as node:
        secret = town.secret()
        secret["data"] = {seed.KEY: encode("wrong"), "extra": encode("more")}
        secret["metadata"]["labels"]["team"] = "shop"
        town.cluster.apply(secret)

        await node.passed()

    assert town.secret()["data"] == {seed.KEY: encode(FIRST)}
    assert town.secret()["metadata"]["labels"]["team"] == "shop"


async def test_an_annotation_on_the_pod_fetches_nothing(town: Town) -> None:
    async with driver(town, rotation=True, pace=csi.Pace()) as node:
        fetched = town.reads_by("csi")
        town.rotate("the second value")
        town.annotate("pods", POD, nudge="1")

        await node.replay()

    assert town.reads_by("csi") == fetched
    assert node.versions(POD) == {"secret/secret1": town.first}


async def test_a_pod_whose_status_is_gone_drops_out_of_rotation(town: Town) -> None:
    async with driver(town, rotation=True) as node:
        for pod in seed.PODS:
            name = f"{pod}-{seed.NAMESPACE}-{seed.CLASS}"
            town.cluster.delete("secretproviderclasspodstatuses", seed.NAMESPACE, name)
        await node.passed()
        town.rotate("the second value")

        await node.passed(2)

    assert town.value() == FIRST


async def test_a_secret_without_the_drivers_label_is_not_found_by_the_rotation(town: Town) -> None:
    async with driver(town, rotation=True) as node:
        secret = town.secret()
        del secret["metadata"]["labels"]
        town.cluster.apply(secret)
        town.rotate("the second value")

        await node.passed(2)

    assert town.value() == FIRST


async def test_a_vault_that_refuses_leaves_the_old_bytes_and_is_asked_again(town: Town) -> None:
    async with driver(town, rotation=True) as node:
        town.vault.rights = lambda identity, _: Denial.RBAC if identity == "csi" else None
        town.rotate("the second value")
        await node.passed(2)
        refused = town.value()
        town.vault.rights = None

        await node.passed()

    assert refused == FIRST
    assert town.value() == "the second value"


@pytest.mark.parametrize("rotation", [True, False])
async def test_the_owners_of_the_pod_become_the_secrets_and_a_bare_pods_is_its_status(
    town: Town, *, rotation: bool
) -> None:
    pod = town.cluster.get("pods", seed.NAMESPACE, POD)
    assert pod is not None
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "busybox", "uid": "u1"}
    pod["metadata"]["ownerReferences"] = [owner | {"controller": True}]
    town.cluster.apply(pod)
    async with driver(town, rotation=rotation):
        await town.eventually(lambda: len(town.secret()["metadata"].get("ownerReferences", [])) == 2)

    bare = f"{seed.PODS[1]}-{seed.NAMESPACE}-{seed.CLASS}"
    owners = {each["name"]: each for each in town.secret()["metadata"]["ownerReferences"]}
    assert owners["busybox"] == owner
    assert owners[bare]["kind"] == "SecretProviderClassPodStatus"
