"""External Secrets: asked by its annotation, told of when it has written, named when it ignores or fails.

The simulated operator knows neither `dataFrom` nor ClusterExternalSecrets; there the question alone is looked at.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from devstack import seed
from devstack.keyvault import Denial
from devstack.writers.external_secrets import ExternalSecrets
from tests.e2e import declarations, jobs
from tests.e2e import scene as scenes
from tests.e2e.declarations import EXTERNAL
from tests.e2e.rights import logged_about
from tests.e2e.scene import FIRST, Scene


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Scene]:
    """The scene of this module: an owner is looked at one and three seconds after it was asked, and given up then."""
    async with scenes.play(RESTART_WORKLOADS="off", CHECK_DELAY_SECONDS="1", CHECK_LIMIT_SECONDS="5") as scene:
        yield scene


def _operator(scene: Scene) -> ExternalSecrets:
    """Return an operator whose looks that do nothing can be counted."""
    return ExternalSecrets(scene.stack.admit("eso"), resync=0.05, retry=0.05)


def _declare(scene: Scene, **spec: Any) -> None:
    """Declare an ExternalSecret for the seed's object, over a store of the stack's vault."""
    scene.stack.cluster.apply(declarations.store(scene))
    declared = declarations.external_secret()
    declared["spec"] |= {"refreshInterval": "1h", **spec}
    scene.stack.cluster.apply(declared)


def _annotations(scene: Scene, plural: str = "externalsecrets", namespace: str = seed.NAMESPACE) -> dict[str, str]:
    found = scene.stack.cluster.get(plural, namespace, EXTERNAL)
    assert found is not None
    annotations: dict[str, str] = found["metadata"].get("annotations", {})
    return annotations


def _newest(scene: Scene) -> str:
    return scene.stack.vault.get(seed.OBJECT).value


async def test_the_operator_is_asked_writes_and_is_told_of_when_it_has(scene: Scene) -> None:
    _declare(scene)
    async with _operator(scene):
        version = scene.rotate()

        status = await scene.deliver(scene.event(version))
        await scene.eventually(lambda: bool(scene.notices("target.refreshed", secret=EXTERNAL)))
        await jobs.empty(scene)

    assert status == 202
    assert scene.value(EXTERNAL) == _newest(scene)
    assert _annotations(scene) == {"force-sync": version}
    (told,) = scene.notices("target.refreshed", secret=EXTERNAL)
    assert (told["owner"], told["action"], told["version"]) == ("external-secrets", "nudged", version)
    secret = scene.stack.cluster.get("secrets", seed.NAMESPACE, EXTERNAL)
    assert secret is not None
    assert told["resourceVersion"] == secret["metadata"]["resourceVersion"]
    assert set(scene.writers(EXTERNAL)) == {f"externalsecrets.external-secrets.io/{EXTERNAL}"}


async def test_a_redelivery_asks_for_nothing_new_and_tells_nothing_false(scene: Scene) -> None:
    _declare(scene)
    async with _operator(scene):
        event = scene.event(scene.rotate())
        await scene.deliver(event)
        await scene.eventually(lambda: bool(scene.notices("target.refreshed", secret=EXTERNAL)))
        await jobs.empty(scene)
        scene.stack.cluster.clear_requests()

        status = await scene.deliver(event)
        await jobs.empty(scene)

    assert status == 202
    assert scene.asked()["patch externalsecrets"] == 0
    assert len(scene.notices("target.refreshed", secret=EXTERNAL)) == 1
    assert scene.notices("target.failed") == []


@pytest.mark.parametrize("policy", [{"refreshInterval": "0"}, {"refreshPolicy": "CreatedOnce"}], ids=["0", "once"])
async def test_an_operator_that_ignores_requests_is_named_and_not_asked(scene: Scene, policy: dict[str, str]) -> None:
    _declare(scene, **policy)
    async with _operator(scene) as operator:
        status = await scene.deliver(scene.event(scene.rotate()))
        await operator.passed(3)

    assert status == 202
    (failed,) = scene.notices("target.failed", secret=EXTERNAL)
    assert failed["reason"] == "owner-ignores"
    assert "refreshPolicy" in failed["remedy"]
    assert scene.asked()["patch externalsecrets"] == 0
    assert scene.value(EXTERNAL) == FIRST
    assert scene.jobs("check") == []
    assert scene.value() == _newest(scene)


async def test_an_operator_that_the_vault_refuses_is_given_up_after_the_limit(scene: Scene) -> None:
    _declare(scene)
    async with _operator(scene):
        scene.stack.vault.rights = lambda identity, _: Denial.RBAC if identity == "eso" else None
        event = scene.event(scene.rotate())

        status = await scene.deliver(event)
        await scene.eventually(lambda: bool(scene.told("target.failed")))
        await jobs.empty(scene)

    assert status == 202
    (failed,) = scene.notices("target.failed")
    assert (failed["secret"], failed["reason"], failed["owner"]) == (EXTERNAL, "owner-failing", "external-secrets")
    await logged_about(scene, event.id, "its owner is failing: SecretSyncedError")
    assert scene.value(EXTERNAL) == FIRST
    assert len(scene.jobs("check")) == 2
    assert scene.value() == _newest(scene)


async def test_an_operator_that_succeeds_later_is_told_of_then(scene: Scene) -> None:
    _declare(scene)
    async with _operator(scene):
        scene.stack.vault.rights = lambda identity, _: Denial.RBAC if identity == "eso" else None
        event = scene.event(scene.rotate())
        await scene.deliver(event)
        await logged_about(scene, event.id, "its owner is failing: SecretSyncedError")
        scene.stack.vault.rights = None
        await jobs.empty(scene)

    assert scene.value(EXTERNAL) == _newest(scene)
    assert len(scene.notices("target.refreshed", secret=EXTERNAL)) == 1
    assert scene.told("target.failed") == []


async def test_the_child_of_a_cluster_external_secret_is_asked_and_so_is_its_parent(scene: Scene) -> None:
    parent = scene.stack.cluster.apply(declarations.cluster_external_secret())
    scene.stack.cluster.apply(declarations.store(scene, "ClusterSecretStore"))
    scene.stack.cluster.apply(declarations.external_secret(kind="ClusterSecretStore", parent=parent))
    version = scene.rotate()

    status = await scene.deliver(scene.event(version))

    assert status == 202
    assert _annotations(scene) == {"force-sync": version}
    assert _annotations(scene, "clusterexternalsecrets", "") == {"external-secrets.io/force-sync": version}


FINDS = {
    "by a regexp": ({"name": {"regexp": "^sec.*[0-9]$"}}, {}, True),
    "by another regexp": ({"name": {"regexp": "^db-"}}, {}, False),
    "by tags": ({"tags": {"team": "shop"}}, {"team": "shop", "more": "x"}, True),
    "by other tags": ({"tags": {"team": "shop"}}, {"team": "bank"}, False),
    "by both": ({"name": {"regexp": "secret"}, "tags": {"team": "shop"}}, {"team": "shop"}, True),
}


@pytest.mark.parametrize(("find", "tags", "concerned"), FINDS.values(), ids=FINDS)
async def test_whoever_searches_is_asked_where_the_object_would_be_found(
    scene: Scene, find: dict[str, Any], tags: dict[str, str], *, concerned: bool
) -> None:
    _declare(scene, data=[], dataFrom=[{"find": find}])
    version = scene.rotate(tags=tags)

    status = await scene.deliver(scene.event(version))

    assert status == 202
    assert _annotations(scene) == ({"force-sync": version} if concerned else {})
    assert scene.told("target.failed") == []


async def test_nobody_is_asked_about_another_vault_or_a_pinned_version(scene: Scene) -> None:
    pinned = {"key": seed.OBJECT, "version": scene.stack.vault.get(seed.OBJECT).version}
    _declare(scene, data=[{"secretKey": seed.KEY, "remoteRef": pinned}])
    foreign = declarations.store(scene)
    foreign["metadata"]["name"] = "foreign"
    foreign["spec"]["provider"]["azurekv"]["vaultUrl"] = "https://somebody-elses.vault.azure.net"
    scene.stack.cluster.apply(foreign)
    other = declarations.external_secret()
    other["metadata"]["name"] = "other"
    other["spec"]["secretStoreRef"]["name"] = "foreign"
    scene.stack.cluster.apply(other)

    status = await scene.deliver(scene.event(scene.rotate()))

    assert status == 202
    assert scene.asked()["patch externalsecrets"] == 0
    assert [one["secret"] for one in scene.told("target.refreshed")] == [seed.SECRET]
