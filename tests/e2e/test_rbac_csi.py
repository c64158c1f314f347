"""Secrets of the CSI driver: rbac.yaml, driver.yaml and nudge.yaml are enough, and each of their rules is needed."""

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from devstack import seed
from tests.e2e import scene as scenes
from tests.e2e.rights import Right, but_watches, grant, logged_about, shipped, without
from tests.e2e.scene import Scene

RULES, DRIVER, NUDGE = shipped("rbac"), shipped("driver"), shipped("nudge")
ASKED_EACH_TIME = [right for right in but_watches(RULES) if right.resource != "csidrivers"]
"""What the driver is, is remembered for five minutes; everything else is asked for anew."""


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Scene]:
    """The scene of this module: an app that follows classes only."""
    async with scenes.play(BINDINGS="csi", RESTART_WORKLOADS="off") as scene:
        yield scene


@pytest_asyncio.fixture
async def fresh() -> AsyncIterator[Scene]:
    """A host that has not asked for the driver yet."""
    async with scenes.play(BINDINGS="csi", RESTART_WORKLOADS="off") as scene:
        yield scene


def _refreshed(scene: Scene) -> bool:
    return scene.value() == scene.stack.vault.get(seed.OBJECT).value


async def test_the_shipped_rules_are_enough(scene: Scene) -> None:
    grant(scene, RULES)

    status = await scene.deliver(scene.event(scene.rotate()))

    assert status == 202
    assert _refreshed(scene)
    assert scene.told("target.refreshed")


@pytest.mark.parametrize("missing", ASKED_EACH_TIME, ids=str)
async def test_without_a_rule_nothing_is_written_and_the_log_says_what_to_apply(scene: Scene, missing: Right) -> None:
    grant(scene, without(RULES, missing))
    event = scene.event(scene.rotate())

    await scene.deliver(event)
    await logged_about(scene, event.id, "403 Forbidden. Apply the RBAC of docs/kubernetes-rbac.md")
    assert len(scene.values()) == 1


@pytest.mark.parametrize("missing", NUDGE, ids=str)
async def test_without_a_rule_for_nudging_the_secret_is_refreshed_and_the_log_says_what_is_slower(
    scene: Scene, missing: Right
) -> None:
    grant(scene, without(RULES + NUDGE, missing))
    event = scene.event(scene.rotate())

    status = await scene.deliver(event)

    assert status == 202
    assert _refreshed(scene)
    await logged_about(scene, event.id, "a pod is woken by its kubelet only")


async def test_with_the_rules_for_the_driver_and_for_nudging_nothing_is_asked_for_that_is_forbidden(
    fresh: Scene,
) -> None:
    guard = grant(fresh, RULES + DRIVER + NUDGE)

    status = await fresh.deliver(fresh.event(fresh.rotate()))

    assert status == 202
    assert guard.refused == []
    await fresh.logged("2 pods woken")


def _install(scene: Scene) -> None:
    """Install the static manifests of 1.6 with rotation off: neither the CSIDriver nor the DaemonSet has a label."""
    driver = seed.csi_driver()
    del driver["metadata"]["labels"]
    container = {
        "name": "secrets-store",
        "image": "registry.k8s.io/csi-secrets-store/driver:v1.6.0",
        "args": ["--endpoint=$(CSI_ENDPOINT)", "--nodeid=$(KUBE_NODE_NAME)"],
    }
    scene.stack.cluster.apply(driver)
    scene.stack.cluster.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": "csi-secrets-store", "namespace": "kube-system"},
            "spec": {
                "selector": {"matchLabels": {"app": "csi-secrets-store"}},
                "template": {
                    "metadata": {"labels": {"app": "csi-secrets-store"}},
                    "spec": {"containers": [container]},
                },
            },
        }
    )


async def test_with_the_rules_for_the_driver_a_secret_is_left_that_a_driver_without_rotation_would_revert(
    fresh: Scene,
) -> None:
    grant(fresh, RULES + DRIVER)
    _install(fresh)

    status = await fresh.deliver(fresh.event(fresh.rotate()))

    assert status == 202
    assert len(fresh.values()) == 1
    await fresh.logged("left, driver-would-revert")


_UNKNOWN = {
    f"without {right}": without(RULES + DRIVER, right)
    for right in (*DRIVER, *[right for right in RULES if right.resource == "csidrivers"])
}


@pytest.mark.parametrize("rights", _UNKNOWN.values(), ids=_UNKNOWN)
async def test_without_a_rule_for_the_driver_it_counts_as_unknown_and_the_secret_is_written(
    fresh: Scene, rights: Sequence[Right]
) -> None:
    """The CSIDriver of a static manifest does not tell; where it may not be read either, nothing does."""
    grant(fresh, rights)
    if any(right.resource == "csidrivers" for right in rights):
        _install(fresh)

    status = await fresh.deliver(fresh.event(fresh.rotate()))

    assert status == 202
    assert _refreshed(fresh)
    await fresh.logged("csi-driver of unknown generation")
