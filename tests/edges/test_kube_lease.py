"""The right to restart, against the devstack's API: who gets the Lease, who does not, and who gets it next.

A Lease's times are the holder's own, so those here are far from now in one direction or the other; how long exactly one
lasts is not measured.
"""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devstack.faults import Fault
from devstack.kubernetes import KubernetesApi
from shared.edges import kube_lease
from shared.edges.cluster import KubernetesCluster
from shared.errors import ConfigurationError, TransientError
from shared.reason import Reason
from tests.edges.clusters import Way, forbid, only
from tests.edges.relay import Relay
from tests.edges.scripted import ScriptedServer, always

MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
"""What a Lease takes for a time (apimachinery, MicroTime): six digits of a second, never fewer."""


@pytest.fixture(autouse=True)
def place(api: KubernetesApi) -> None:
    """The namespace that the app's manifest makes."""
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": kube_lease.NAMESPACE}})


def lease(api: KubernetesApi) -> dict[str, Any]:
    """Return what the Lease says."""
    found = api.get("leases", kube_lease.NAMESPACE, kube_lease.NAME)
    assert found is not None
    spec: dict[str, Any] = found["spec"]
    return spec


def put(api: KubernetesApi, spec: object) -> None:
    """Put a Lease there as somebody else does."""
    meta = {"name": kube_lease.NAME, "namespace": kube_lease.NAMESPACE}
    api.apply({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec})


def instant(*, ahead: float) -> str:
    """Return a moment that many seconds from now as a Lease has it."""
    return (datetime.now(UTC) + timedelta(seconds=ahead)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def test_the_first_one_gets_it_and_a_second_does_not(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """The Lease is made by who comes first; it says who and how long."""
    held = [await cluster.hold_restarts(holder) for holder in ("one", "two")]

    assert held == [True, False]
    assert (lease(api)["holderIdentity"], lease(api)["leaseDurationSeconds"]) == ("one", kube_lease.SECONDS)
    assert MICRO_TIME.fullmatch(lease(api)["renewTime"])


async def test_the_same_holder_gets_it_again(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """A job that is delivered twice does not wait for itself; its time begins anew."""
    await cluster.hold_restarts("one")
    before = lease(api)["renewTime"]

    assert await cluster.hold_restarts("one")
    assert lease(api)["holderIdentity"] == "one"
    assert lease(api)["renewTime"] > before


async def test_a_released_one_is_taken(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """At once, by whoever comes."""
    await cluster.hold_restarts("one")
    await cluster.release_restarts("one")
    released = lease(api)["holderIdentity"]

    assert await cluster.hold_restarts("two")
    assert (released, lease(api)["holderIdentity"]) == ("", "two")


async def test_one_that_has_run_out_is_taken(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """Its holder died, or was cut off."""
    put(api, {"holderIdentity": "dead", "leaseDurationSeconds": 60, "renewTime": instant(ahead=-kube_lease.SECONDS)})

    assert await cluster.hold_restarts("one")
    assert lease(api)["holderIdentity"] == "one"


async def test_a_clock_that_is_a_little_ahead_is_no_reason_to_take_it(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """Two instances' clocks are never quite the same."""
    put(api, {"holderIdentity": "other", "leaseDurationSeconds": 60, "renewTime": instant(ahead=20)})

    assert not await cluster.hold_restarts("one")
    assert lease(api)["holderIdentity"] == "other"


async def test_of_many_at_once_only_one_gets_it(api: KubernetesApi, way: Way) -> None:
    """When it is made, and when one that was released is taken."""
    processes = {f"process-{number}": way.reach(api.url) for number in range(4)}
    for _ in range(3):
        held = await asyncio.gather(*[one.hold_restarts(name) for name, one in processes.items()])

        assert sorted(held) == [False, False, False, True]
        holder = lease(api)["holderIdentity"]
        assert dict(zip(processes, held, strict=True))[holder]
        await processes[holder].release_restarts(holder)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_whoever_is_overtaken_between_its_look_and_its_write_does_not_get_it(
    api: KubernetesApi, relay: Relay, way: Way, method: str
) -> None:
    """The write is guarded: by the name when it is made, by the resourceVersion when it is taken."""
    if method == "PATCH":
        put(api, {"holderIdentity": ""})
    held_up = relay.hold_up(method)
    overtaken = asyncio.create_task(way.reach(relay.url).hold_restarts("slow"))
    await held_up.arrived.wait()

    assert await way.reach(api.url).hold_restarts("fast")
    held_up.goes_on.set()
    assert not await overtaken
    assert lease(api)["holderIdentity"] == "fast"


@pytest.mark.parametrize("fault", [Fault(drop=True, after=True), Fault(status=500, after=True)], ids=["cut", "500"])
async def test_whoever_made_it_and_heard_no_answer_has_it(
    api: KubernetesApi, cluster: KubernetesCluster, fault: Fault
) -> None:
    """Or nobody would restart anything until it has run out."""
    api.faults.plan(only("leases", "create"), fault)

    assert await cluster.hold_restarts("one")
    assert lease(api)["holderIdentity"] == "one"


@pytest.mark.parametrize(
    "spec",
    [
        {},
        None,
        {"holderIdentity": "other"},
        {"holderIdentity": "other", "renewTime": None},
        {"holderIdentity": "other", "renewTime": "yesterday"},
        {"holderIdentity": "other", "renewTime": 5},
        {"holderIdentity": "other", "renewTime": "0001-01-01T00:00:00+14:00"},
        {"holderIdentity": "other", "renewTime": "9999-12-31T23:59:59Z"},
        {"holderIdentity": ["other"], "renewTime": "2026-01-01T00:00:00Z"},
        {"holderIdentity": {"other": 1}},
    ],
    ids=str,
)
async def test_a_malformed_one_is_taken_over(api: KubernetesApi, cluster: KubernetesCluster, spec: object) -> None:
    """Whatever stands there, restarts go on."""
    put(api, spec)

    assert await cluster.hold_restarts("one")
    assert lease(api)["holderIdentity"] == "one"
    assert not await cluster.hold_restarts("two")


async def test_an_answer_that_is_no_lease_is_not_taken(way: Way) -> None:
    """Without a resourceVersion nothing would guard the write."""
    async with ScriptedServer(always(b"{}")) as server:
        assert not await way.reach(server.url).hold_restarts("one")

    assert [seen.method for seen in server.requests] == ["GET"]


async def test_a_missing_namespace_is_a_configuration_fault(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """The text says what is missing: the manifest that makes it was not applied."""
    api.delete("namespaces", "", kube_lease.NAMESPACE)

    with pytest.raises(ConfigurationError) as caught:
        await cluster.hold_restarts("one")

    assert caught.value.reason is Reason.CLUSTER_FORBIDDEN
    assert "/namespaces/keyvault-fanout/leases: 404" in str(caught.value)
    assert "namespace" in str(caught.value).rpartition("404")[2]


@pytest.mark.parametrize("verb", ["get", "create"])
async def test_holding_without_the_right_is_a_configuration_fault(
    api: KubernetesApi, cluster: KubernetesCluster, verb: str
) -> None:
    """Nothing is restarted without the Lease."""
    forbid(api, "leases", verb)

    with pytest.raises(ConfigurationError) as caught:
        await cluster.hold_restarts("one")

    assert caught.value.reason is Reason.CLUSTER_FORBIDDEN


async def test_an_api_that_fails_gives_no_right(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """Neither True nor False is known then."""
    api.faults.plan(only("leases"), Fault(status=503), times=3)

    with pytest.raises(TransientError):
        await cluster.hold_restarts("one")


async def test_only_its_holder_gives_it_back(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """One whose Lease was taken meanwhile leaves it to its new holder."""
    await cluster.hold_restarts("one")
    await cluster.release_restarts("two")

    assert lease(api)["holderIdentity"] == "one"


async def test_giving_back_what_is_taken_at_the_same_moment_is_no_failure(
    api: KubernetesApi, relay: Relay, way: Way
) -> None:
    """It had run out; the write is guarded."""
    cluster = way.reach(relay.url)
    await cluster.hold_restarts("one")
    held_up = relay.hold_up("PATCH")
    releasing = asyncio.create_task(cluster.release_restarts("one"))
    await held_up.arrived.wait()
    put(api, {"holderIdentity": "two", "renewTime": instant(ahead=0)})
    held_up.goes_on.set()

    await releasing

    assert lease(api)["holderIdentity"] == "two"


async def test_giving_back_what_is_not_there_is_no_failure(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """Nothing is created by it."""
    await cluster.release_restarts("one")

    assert api.get("leases", kube_lease.NAMESPACE, kube_lease.NAME) is None
