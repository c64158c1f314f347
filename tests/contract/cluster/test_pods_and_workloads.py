"""Pods, workloads, the Lease, Events and the driver's traces, on both servers."""

from datetime import UTC, datetime
from typing import Any

import pytest

from devstack import seed
from shared import driver, nudge, workload
from shared.edges import kube_lease
from shared.edges.cluster import KubernetesCluster
from shared.errors import ConflictError
from shared.nudge import Pod
from shared.observed import Driver
from shared.rollout import KINDS, Kind
from shared.workload import Restarted
from tests.contract.cluster.hand import Hand
from tests.contract.cluster.manifests import Manifest, pod, secret

TEMPLATED = (Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET)
AT = datetime(2026, 11, 23, 12, 0, 3, tzinfo=UTC)
WRONG = "the annotation is wrong"
RECORD = {seed.SECRET: Restarted(resource_version="7", versions={"kv-demo/secret/secret1": "v2"})}


def reader(kind: Kind, namespace: str, name: str = "web", *, opt_in: str = "true") -> Manifest:
    """Return a workload whose container reads the post's Secret through its environment."""
    env = [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": seed.SECRET, "key": seed.KEY}}}]
    labels = {"app": name}
    return {
        "apiVersion": kind.group_version,
        "kind": str(kind),
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {"team": "shop"} | ({workload.OPT_IN: opt_in} if opt_in else {}),
        },
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": {"team": "shop"}},
                "spec": {"containers": [{"name": "web", "image": "registry.example/app:1", "env": env}]},
            },
        },
    }


async def test_running_pods_are_found_with_what_they_mount(
    hand: Hand, cluster: KubernetesCluster, namespace: str
) -> None:
    for name, phase in (("one", "Running"), ("two", "Running"), ("ended", "Succeeded"), ("waiting", "Pending")):
        await hand.make(pod(namespace, name, phase))

    found = await cluster.pods(namespace)

    assert sorted(found, key=lambda one: one.name) == [
        Pod(name=name, secrets=frozenset({seed.SECRET}), classes=frozenset({seed.CLASS}), woken_for="")
        for name in ("one", "two")
    ]


async def test_waking_a_pod_annotates_it_and_changes_nothing_else(
    hand: Hand, cluster: KubernetesCluster, namespace: str
) -> None:
    await hand.make(pod(namespace))
    before = await hand.look(pod(namespace))

    await cluster.wake(namespace, "one", "app-secret=7")

    after = await hand.look(pod(namespace))
    assert after["metadata"].pop("annotations") == {nudge.ANNOTATION: "app-secret=7"}
    for changing in ("resourceVersion", "managedFields"):
        assert before["metadata"].pop(changing) != after["metadata"].pop(changing)
    assert after == before
    assert [one.woken_for for one in await cluster.pods(namespace)] == ["app-secret=7"]


async def test_waking_a_pod_that_is_gone_is_no_failure(cluster: KubernetesCluster, namespace: str) -> None:
    await cluster.wake(namespace, "gone", "app-secret=7")

    assert await cluster.pods(namespace) == []


async def test_workloads_that_opted_in_are_found(hand: Hand, cluster: KubernetesCluster, namespace: str) -> None:
    for kind in KINDS:
        await hand.make(reader(kind, namespace))
        await hand.make(reader(kind, namespace, "other", opt_in=""))

    found = await cluster.workloads()

    assert sorted((one.kind, one.name) for one in found) == sorted((kind, "web") for kind in KINDS)
    assert {one.wanted for one in found} == {frozenset({seed.SECRET})}


@pytest.mark.parametrize("kind", TEMPLATED)
async def test_a_restart_puts_the_record_into_the_pod_template_and_a_second_one_conflicts(
    hand: Hand, cluster: KubernetesCluster, namespace: str, kind: Kind
) -> None:
    """A new generation is what makes Kubernetes replace the pods; the guard is the version that was read."""
    before = await hand.make(reader(kind, namespace))
    (found,) = await cluster.workloads()
    patch = workload.restart_patch(found, RECORD, AT)

    await cluster.restart(found, patch)

    after = await hand.look(before)
    template = after["spec"]["template"]
    assert template["metadata"]["annotations"] == {"team": "shop", workload.RECORD: workload.render(RECORD)}
    assert template["spec"] == before["spec"]["template"]["spec"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    with pytest.raises(ConflictError):
        await cluster.restart(found, patch)


async def test_a_rollout_is_restarted_by_a_field_of_its_own(
    hand: Hand, cluster: KubernetesCluster, namespace: str
) -> None:
    before = await hand.make(reader(Kind.ROLLOUT, namespace))
    (found,) = await cluster.workloads()

    await cluster.restart(found, workload.restart_patch(found, RECORD, AT))

    after = await hand.look(before)
    assert after["spec"] == before["spec"] | {"restartAt": "2026-11-23T12:00:03Z"}
    assert after["metadata"]["annotations"][workload.RECORD] == workload.render(RECORD)


@pytest.fixture
async def lease(hand: Hand) -> Manifest:
    """The place of the Lease, and that it is taken away again."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": kube_lease.NAMESPACE}}
    answer = await hand.call("POST", "/api/v1/namespaces", namespace)
    assert answer.status in {201, 409}
    manifest = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": kube_lease.NAME, "namespace": kube_lease.NAMESPACE},
    }
    hand.adopt(manifest)
    return manifest


async def test_one_holder_at_a_time_has_the_lease(hand: Hand, cluster: KubernetesCluster, lease: Manifest) -> None:
    first, second = [await cluster.hold_restarts(holder) for holder in ("one", "two")]
    again = await cluster.hold_restarts("one")
    await cluster.release_restarts("two")
    kept = (await hand.look(lease))["spec"]["holderIdentity"]
    await cluster.release_restarts("one")
    third = await cluster.hold_restarts("two")

    assert (first, second, again, kept, third) == (True, False, True, "one", True)


async def test_a_lease_that_ran_out_is_taken_over(hand: Hand, cluster: KubernetesCluster, lease: Manifest) -> None:
    spec = {"holderIdentity": "gone", "leaseDurationSeconds": 60, "renewTime": "2020-01-01T00:00:00.000000Z"}
    await hand.make(lease | {"spec": spec})

    assert await cluster.hold_restarts("one")
    assert (await hand.look(lease))["spec"]["holderIdentity"] == "one"


async def test_a_complaint_is_attached_to_the_secret_once_for_each_state_of_it(
    hand: Hand, cluster: KubernetesCluster, namespace: str
) -> None:
    made = await hand.make(secret(namespace))
    for _ in range(2):
        found = await cluster.secret(namespace, seed.SECRET)
        assert found is not None
        await cluster.complain(found, WRONG)

    listed = await hand.call("GET", f"/api/v1/namespaces/{namespace}/events")

    (event,) = listed.body["items"]
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "BadDeclaration", WRONG)
    assert event["involvedObject"]["uid"] == made["metadata"]["uid"]


def daemonset(name: str, labels: dict[str, str]) -> Manifest:
    """Return the driver's DaemonSet, version 1.6.0 with rotation."""
    image = "registry.k8s.io/csi-secrets-store/driver:v1.6.0"
    container = {"name": "secrets-store", "image": image, "args": ["--enable-secret-rotation=true"]}
    pods = {"app": "driver"}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": "kube-system", "labels": labels},
        "spec": {
            "selector": {"matchLabels": pods},
            "template": {"metadata": {"labels": pods}, "spec": {"containers": [container]}},
        },
        "status": {"desiredNumberScheduled": 3, "currentNumberScheduled": 3, "numberMisscheduled": 0, "numberReady": 3},
    }


DRIVERS: dict[str, tuple[list[dict[str, Any]], Driver]] = {
    "nothing": ([], Driver.UNKNOWN),
    "its CSIDriver": ([seed.csi_driver()], Driver.V1_5),
    "a labelled DaemonSet": ([daemonset("driver", {"app": "secrets-store-csi-driver"})], Driver.V1_6_ROTATING),
    "a named DaemonSet": ([daemonset(driver.UNLABELLED[0], {})], Driver.V1_6_ROTATING),
}


@pytest.mark.parametrize("trace", DRIVERS)
async def test_the_driver_is_told_by_what_is_there_of_it(hand: Hand, cluster: KubernetesCluster, trace: str) -> None:
    manifests, generation = DRIVERS[trace]
    for manifest in manifests:
        await hand.make(manifest)

    assert await cluster.driver() is generation
