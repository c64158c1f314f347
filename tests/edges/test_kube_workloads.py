"""Workloads against the devstack's API: which are read, and what restarting one changes.

When a workload is restarted, and how far its rollout is, is decided in shared/restart, shared/workload and
shared/rollout.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from devstack import seed
from devstack.faults import Fault
from devstack.kubernetes import KubernetesApi
from shared import workload
from shared.edges.cluster import KubernetesCluster
from shared.errors import ConfigurationError, ConflictError
from shared.reason import Reason
from shared.rollout import KINDS, Kind
from shared.workload import Restarted, Workload
from tests.edges.clusters import OWNER, Way, forbid, only
from tests.edges.relay import Relay

AT = datetime(2026, 11, 23, 12, 0, 3, tzinfo=UTC)
RECORD = {seed.SECRET: Restarted(resource_version="7", versions={"kv-demo/secret/secret1": "v2"})}


def manifest(kind: Kind, name: str = "web", *, opt_in: str = "true", namespace: str = seed.NAMESPACE) -> dict[str, Any]:
    """Return a workload whose container reads the post's Secret through its environment."""
    env = [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": seed.SECRET, "key": seed.KEY}}}]
    return {
        "apiVersion": kind.group_version,
        "kind": str(kind),
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {"team": "shop"} | ({workload.OPT_IN: opt_in} if opt_in else {}),
        },
        "spec": {
            "template": {
                "metadata": {"annotations": {"team": "shop"}},
                "spec": {"containers": [{"name": "web", "env": env}]},
            }
        },
    }


async def read(api: KubernetesApi, cluster: KubernetesCluster, kind: Kind) -> Workload:
    """Store a workload that opted in and read it."""
    api.apply(manifest(kind))
    (found,) = await cluster.workloads()
    return found


def stored(api: KubernetesApi, kind: Kind) -> dict[str, Any]:
    """Return the workload as it is now."""
    found = api.get(kind.plural, seed.NAMESPACE, "web")
    assert found is not None
    return found


async def test_workloads_of_all_kinds_that_opted_in_are_found(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """In every namespace, with the Secrets that they read."""
    for kind in KINDS:
        api.apply(manifest(kind))
        api.apply(manifest(kind, "other", opt_in=""))
        api.apply(manifest(kind, "elsewhere", namespace="bank"))

    found = await cluster.workloads()

    places = [(seed.NAMESPACE, "web"), ("bank", "elsewhere")]
    assert sorted((one.kind, one.namespace, one.name) for one in found) == sorted(
        (kind, *place) for kind in KINDS for place in places
    )
    assert {one.wanted for one in found} == {frozenset({seed.SECRET})}


async def test_only_those_that_opted_in_are_read_in_full(api: KubernetesApi, relay: Relay, way: Way) -> None:
    """Of the others the metadata is listed: a template may hold anything, and thousands of them are megabytes."""
    for kind in KINDS:
        api.apply(manifest(kind))
        for number in range(3):
            api.apply(manifest(kind, f"other-{number}", opt_in=""))

    await way.reach(relay.url).workloads()

    def place(kind: Kind) -> str:
        return f"/apis/{kind.group_version}"

    lists = [f"GET {place(kind)}/{kind.plural}" for kind in KINDS]
    reads = [f"GET {place(kind)}/namespaces/{seed.NAMESPACE}/{kind.plural}/web" for kind in KINDS]
    assert sorted(relay.asked) == sorted(lists + reads)
    assert sum(b"secretKeyRef" in answer for answer in relay.answers) == len(reads)
    assert {seen.headers["Accept"].partition(";g=")[0] for seen in relay.requests} == {
        "application/json;as=PartialObjectMetadataList",
        "application/json",
    }


async def test_more_workloads_than_a_page_holds_are_all_found(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """The one that opted in may be on any page."""
    for number in range(401):
        api.apply(manifest(Kind.DEPLOYMENT, f"web-{number:03}", opt_in="" if number < 400 else "true"))

    assert [one.name for one in await cluster.workloads()] == ["web-400"]


async def test_a_cluster_without_argo_has_no_rollouts(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """The API server answers 404; the others are found all the same."""
    api.apply(manifest(Kind.DEPLOYMENT))
    api.faults.plan(only("rollouts"), Fault(status=404), times=None)

    assert [str(one.kind) for one in await cluster.workloads()] == ["Deployment"]


async def test_a_workload_that_has_gone_since_it_was_listed_is_passed_over(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """Its own 404."""
    api.apply(manifest(Kind.DEPLOYMENT))
    api.apply(manifest(Kind.STATEFUL_SET))
    api.faults.plan(only("deployments", "get"), Fault(status=404))

    assert [str(one.kind) for one in await cluster.workloads()] == ["StatefulSet"]


async def test_a_kind_that_may_not_be_listed_is_passed_over_with_one_warning(
    api: KubernetesApi, cluster: KubernetesCluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever grants nothing of it cannot have it restarted; the other kinds are."""
    api.apply(manifest(Kind.DEPLOYMENT))
    api.apply(manifest(Kind.STATEFUL_SET))
    forbid(api, "statefulsets", "list")

    found = [await cluster.workloads() for _ in range(2)]
    api.allow(OWNER.user, lambda _: True)
    found.append(await cluster.workloads())

    assert [[str(one.kind) for one in each] for each in found] == [
        ["Deployment"],
        ["Deployment"],
        ["Deployment", "StatefulSet"],
    ]
    (warning,) = [one.getMessage() for one in caplog.records]
    assert "no StatefulSet is restarted: apply deploy/kubernetes/restart.yaml" in warning


async def test_a_workload_that_is_listed_but_may_not_be_read_is_a_configuration_fault(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """It opted in: its restart is owed."""
    api.apply(manifest(Kind.STATEFUL_SET))
    forbid(api, "statefulsets", "get")

    with pytest.raises(ConfigurationError) as caught:
        await cluster.workloads()

    assert caught.value.reason is Reason.CLUSTER_FORBIDDEN


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Kind.ROLLOUT])
async def test_a_restart_is_an_annotation_of_the_template_and_nothing_else(
    api: KubernetesApi, cluster: KubernetesCluster, kind: Kind
) -> None:
    """Kubernetes rolls what has another template. The next look finds what it was for."""
    found = await read(api, cluster, kind)
    before = stored(api, kind)

    await cluster.restart(found, workload.restart_patch(found, RECORD, AT))

    after = stored(api, kind)
    assert after["spec"]["template"]["metadata"]["annotations"] == {
        "team": "shop",
        workload.RECORD: workload.render(RECORD),
    }
    assert after["spec"]["template"]["spec"] == before["spec"]["template"]["spec"]
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"]
    assert [one.restarted for one in await cluster.workloads()] == [RECORD]


async def test_a_rollout_is_told_when_to_restart(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """Argo has a field for it; the template stays, so that no step of the strategy begins."""
    found = await read(api, cluster, Kind.ROLLOUT)
    before = stored(api, Kind.ROLLOUT)

    await cluster.restart(found, workload.restart_patch(found, RECORD, AT))

    after = stored(api, Kind.ROLLOUT)
    assert after["spec"] == before["spec"] | {"restartAt": "2026-11-23T12:00:03Z"}
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"] | {
        workload.RECORD: workload.render(RECORD)
    }
    assert [one.restarted for one in await cluster.workloads()] == [RECORD]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_workload_that_changed_since_it_was_read_is_not_restarted(
    api: KubernetesApi, cluster: KubernetesCluster, kind: Kind
) -> None:
    """Somebody may have restarted it, paused it or taken the opt-in away."""
    found = await read(api, cluster, kind)
    changed = manifest(kind)
    changed["metadata"]["annotations"] = {"team": "bank"}
    api.apply(changed)
    before = stored(api, kind)

    with pytest.raises(ConflictError):
        await cluster.restart(found, workload.restart_patch(found, RECORD, AT))

    assert stored(api, kind) == before


async def test_a_workload_that_is_gone_is_a_conflict_too(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """Looking again finds that it is not there."""
    found = await read(api, cluster, Kind.DEPLOYMENT)
    api.delete("deployments", seed.NAMESPACE, "web")

    with pytest.raises(ConflictError):
        await cluster.restart(found, workload.restart_patch(found, RECORD, AT))


@pytest.mark.parametrize("fault", [Fault(drop=True, after=True), Fault(status=500, after=True)], ids=["cut", "500"])
async def test_a_restart_whose_answer_was_lost_is_made_once(
    api: KubernetesApi, cluster: KubernetesCluster, fault: Fault
) -> None:
    """The second attempt meets the first one; looking again finds it restarted."""
    found = await read(api, cluster, Kind.DEPLOYMENT)
    api.faults.plan(only("deployments", "patch"), fault)

    with pytest.raises(ConflictError):
        await cluster.restart(found, workload.restart_patch(found, RECORD, AT))

    assert [one.restarted for one in await cluster.workloads()] == [RECORD]
    assert len(api.history_of("deployments", seed.NAMESPACE, "web")) == 2


async def test_restarting_without_the_right_is_a_configuration_fault(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """Looking may be allowed where patching is not."""
    found = await read(api, cluster, Kind.DEPLOYMENT)
    forbid(api, "deployments", "patch")

    with pytest.raises(ConfigurationError) as caught:
        await cluster.restart(found, workload.restart_patch(found, RECORD, AT))

    assert caught.value.reason is Reason.CLUSTER_FORBIDDEN
