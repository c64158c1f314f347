"""What runs the CSI driver, asked of the devstack's API: in how many requests, and what is not to be had.

Which generation a CSIDriver and DaemonSets speak of is decided in shared/driver and tested there.
"""

from typing import Any

import pytest

from devstack import seed
from devstack.faults import Fault
from devstack.kubernetes import KubernetesApi
from shared import driver
from shared.edges.cluster import KubernetesCluster
from shared.errors import ConfigurationError, TransientError
from shared.observed import Driver
from tests.edges.clusters import OUTSIDER, Way, forbid, only

BY_NAME = [("get", "daemonsets", name) for name in driver.UNLABELLED]
ASKED = [("get", "csidrivers", seed.DRIVER), ("list", "daemonsets", "")]


def daemonset(
    name: str = "secrets-store-csi-driver", tag: str = "v1.6.0", *, rotation: bool = True, labelled: bool = True
) -> dict[str, Any]:
    """Return the driver's DaemonSet as the chart installs it, or without the label as static manifests do."""
    image = f"registry.k8s.io/csi-secrets-store/driver:{tag}"
    container = {"name": "secrets-store", "image": image, "args": [f"--enable-secret-rotation={rotation}".lower()]}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {
            "name": name,
            "namespace": "kube-system",
            "labels": {"app": "secrets-store-csi-driver"} if labelled else {},
        },
        "spec": {"template": {"spec": {"containers": [container]}}},
        "status": {"desiredNumberScheduled": 3},
    }


def asked(api: KubernetesApi) -> list[tuple[str, str, str]]:
    """Return the requests so far, those by name in the order of names."""
    seen = [(request.verb, request.resource, request.name) for request in api.requests]
    return seen[:2] + sorted(seen[2:])


@pytest.mark.parametrize(
    ("labels", "spec", "generation"),
    [
        ({"app.kubernetes.io/version": "1.5.6"}, {}, Driver.V1_5),
        ({"app.kubernetes.io/version": "1.6.0"}, {}, Driver.V1_6_STATIC),
        ({"app.kubernetes.io/version": "1.6.0"}, {"requiresRepublish": True}, Driver.V1_6_ROTATING),
        ({}, {}, Driver.UNKNOWN),
    ],
)
async def test_the_driver_is_told_by_its_csidriver_where_there_is_no_daemonset_of_it(
    api: KubernetesApi, cluster: KubernetesCluster, labels: dict[str, str], spec: dict[str, bool], generation: Driver
) -> None:
    """Those that carry no label are looked for by name. Asked once in five minutes: nobody upgrades between events."""
    manifest = seed.csi_driver()
    manifest["metadata"]["labels"] = labels
    manifest["spec"] |= spec
    api.apply(manifest)

    assert [await cluster.driver() for _ in range(3)] == [generation] * 3
    assert asked(api) == [*ASKED, *BY_NAME]


async def test_a_labelled_daemonset_is_enough(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """Its image is newer than the CSIDriver's label; none is asked for by name."""
    api.apply(seed.csi_driver())
    api.apply(daemonset(rotation=False))

    assert await cluster.driver() is Driver.V1_6_STATIC
    assert asked(api) == ASKED


async def test_an_unlabelled_daemonset_is_found_by_its_name(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """The static manifests label only its pods; of somebody else's DaemonSets nothing is concluded."""
    static = seed.csi_driver()
    static["metadata"]["labels"] = {}
    static["spec"]["requiresRepublish"] = True
    api.apply(static)
    api.apply(daemonset(driver.UNLABELLED[0], labelled=False))
    api.apply(daemonset("somebody-elses", "v1.5.0", labelled=False))

    assert await cluster.driver() is Driver.V1_6_ROTATING
    assert asked(api) == [*ASKED, *BY_NAME]


async def test_a_driver_that_is_not_there_is_unknown(cluster: KubernetesCluster) -> None:
    """The classes may be there without it."""
    assert await cluster.driver() is Driver.UNKNOWN


async def test_a_driver_that_may_not_be_looked_at_is_unknown(api: KubernetesApi, way: Way) -> None:
    """Reading cluster-wide objects is a right that not everybody gives."""
    api.apply(seed.csi_driver())
    api.apply(daemonset())

    assert await way.reach(api.url, token=OUTSIDER.token).driver() is Driver.UNKNOWN
    assert asked(api) == ASKED


@pytest.mark.parametrize(
    ("forbidden", "generation"), [("csidrivers", Driver.V1_6_ROTATING), ("daemonsets", Driver.V1_5)]
)
async def test_what_may_be_read_is_enough(
    api: KubernetesApi, cluster: KubernetesCluster, forbidden: str, generation: Driver
) -> None:
    """The CSIDriver speaks of 1.5, the DaemonSet of 1.6."""
    api.apply(seed.csi_driver())
    api.apply(daemonset())
    forbid(api, forbidden)

    assert await cluster.driver() is generation


async def test_unlabelled_daemonsets_that_may_not_be_read_are_as_good_as_absent(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """The list may be allowed where reads are not."""
    api.apply(seed.csi_driver())
    api.apply(daemonset(driver.UNLABELLED[0], labelled=False))
    forbid(api, "daemonsets", "get")

    assert await cluster.driver() is Driver.V1_5


@pytest.mark.parametrize("resource", ["csidrivers", "daemonsets"])
async def test_a_driver_that_could_not_be_read_is_asked_for_again(
    api: KubernetesApi, cluster: KubernetesCluster, resource: str
) -> None:
    """A passing fault is no generation."""
    api.apply(seed.csi_driver())
    api.faults.plan(only(resource), Fault(status=503), times=3)

    with pytest.raises(TransientError):
        await cluster.driver()

    assert await cluster.driver() is Driver.V1_5


@pytest.mark.parametrize("resource", ["csidrivers", "daemonsets"])
async def test_a_token_that_is_refused_is_no_missing_right(
    api: KubernetesApi, cluster: KubernetesCluster, resource: str
) -> None:
    """It is a fault of its own, and has to be told."""
    api.faults.plan(only(resource), Fault(status=401), times=None)

    with pytest.raises(ConfigurationError):
        await cluster.driver()


async def test_what_the_settings_say_of_the_driver_is_not_asked_for(api: KubernetesApi, way: Way) -> None:
    """A cluster's entry may say it where nothing may be read, or where it cannot be told."""
    api.apply(seed.csi_driver())

    assert await way.reach(api.url, driver=Driver.V1_6_STATIC).driver() is Driver.V1_6_STATIC
    assert api.requests == ()
