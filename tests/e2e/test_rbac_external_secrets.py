"""External Secrets: external-secrets.yaml alone is enough, and each of its rules is needed."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from devstack import seed
from devstack.writers.external_secrets import ExternalSecrets
from tests.e2e import declarations
from tests.e2e import scene as scenes
from tests.e2e.rights import Right, assert_refreshed_without_proof, but_watches, grant, logged_about, shipped, without
from tests.e2e.scene import Scene

RULES = shipped("external-secrets")
FOR_THE_STATUS = [right for right in RULES if (right.verb, right.resource) == ("get", "externalsecrets")]
FOR_THE_PARENT = [right for right in RULES if right.resource == "clusterexternalsecrets"]
FOR_ASKING = [right for right in but_watches(RULES) if right not in FOR_THE_STATUS + FOR_THE_PARENT]


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Scene]:
    """The scene of this module: an app that follows ExternalSecrets only, and looks once, 2 s after it asked."""
    async with scenes.play(
        BINDINGS="external-secrets",
        RESTART_WORKLOADS="off",
        NUDGE_PODS="off",
        CHECK_DELAY_SECONDS="2",
        CHECK_LIMIT_SECONDS="2",
    ) as scene:
        yield scene


@pytest_asyncio.fixture
async def operated(scene: Scene) -> AsyncIterator[Scene]:
    """The scene with an ExternalSecret that a ClusterExternalSecret made, and the operator at work."""
    cluster = scene.stack.cluster
    parent = cluster.apply(declarations.cluster_external_secret())
    cluster.apply(declarations.store(scene))
    cluster.apply(declarations.external_secret(parent=parent))
    async with ExternalSecrets(scene.stack.admit("eso"), retry=0.05):
        yield scene


async def test_the_shipped_rules_are_enough_and_nothing_else_is_asked_for(operated: Scene) -> None:
    guard = grant(operated, RULES)
    version = operated.rotate()

    status = await operated.deliver(operated.event(version))
    await operated.eventually(lambda: bool(operated.told("target.refreshed")))

    assert status == 202
    assert operated.value(declarations.EXTERNAL) == operated.stack.vault.get(seed.OBJECT).value
    (told,) = operated.told("target.refreshed")
    assert (told["secret"], told["version"]) == (declarations.EXTERNAL, version)
    assert (guard.refused, guard.unused) == ([], [])


@pytest.mark.parametrize("missing", FOR_ASKING, ids=str)
async def test_without_a_rule_for_asking_the_log_says_what_to_apply(operated: Scene, missing: Right) -> None:
    grant(operated, without(RULES, missing))
    event = operated.event(operated.rotate())

    await operated.deliver(event)

    await logged_about(operated, event.id, "403 Forbidden. Apply the RBAC of docs/kubernetes-rbac.md")


@pytest.mark.parametrize("missing", FOR_THE_PARENT, ids=str)
async def test_without_the_rule_for_the_parent_the_child_is_asked_alone_and_the_log_says_so(
    operated: Scene, missing: Right
) -> None:
    guard = grant(operated, without(RULES, missing))

    status = await operated.deliver(operated.event(operated.rotate()))

    assert status == 202
    await operated.eventually(
        lambda: operated.value(declarations.EXTERNAL) == operated.stack.vault.get(seed.OBJECT).value
    )
    assert [request.resource for request in guard.refused] == [missing.resource]
    await operated.logged(f"403 Forbidden; externalsecrets {seed.NAMESPACE}/{declarations.EXTERNAL} was asked alone")


@pytest.mark.parametrize("missing", FOR_THE_STATUS, ids=str)
async def test_without_the_rule_for_the_status_the_secret_is_refreshed_and_the_proof_is_given_up(
    operated: Scene, missing: Right
) -> None:
    grant(operated, without(RULES, missing))

    await assert_refreshed_without_proof(operated, declarations.EXTERNAL)
