"""The sync controller: secret-sync.yaml is enough where classes sync no Secret, and each of its rules is needed."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from devstack import seed
from devstack.writers.secret_sync import SecretSyncs
from tests.e2e import declarations
from tests.e2e import scene as scenes
from tests.e2e.rights import Right, assert_refreshed_without_proof, but_watches, grant, logged_about, shipped, without
from tests.e2e.scene import Scene

RULES = shipped("secret-sync")
FOR_THE_STATUS = [right for right in RULES if (right.verb, right.resource) == ("get", "secretsyncs")]
FOR_ASKING = [right for right in but_watches(RULES) if right not in FOR_THE_STATUS]


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Scene]:
    """The scene of this module: an app that follows SecretSyncs, and looks once, 2 s after it asked."""
    async with scenes.play(
        BINDINGS="csi,secret-sync",
        RESTART_WORKLOADS="off",
        NUDGE_PODS="off",
        CHECK_DELAY_SECONDS="2",
        CHECK_LIMIT_SECONDS="2",
    ) as scene:
        yield scene


@pytest_asyncio.fixture
async def operated(scene: Scene) -> AsyncIterator[Scene]:
    """The scene with a SecretSync over a class without `secretObjects`, and the controller at work."""
    scene.stack.cluster.apply(declarations.files_only())
    scene.stack.cluster.apply(declarations.secret_sync())
    async with SecretSyncs(scene.stack.admit("sync"), retry=0.05):
        yield scene


async def test_the_shipped_rules_are_enough(operated: Scene) -> None:
    guard = grant(operated, RULES)
    version = operated.rotate()

    status = await operated.deliver(operated.event(version))
    await operated.eventually(lambda: bool(operated.told("target.refreshed")))

    assert status == 202
    assert operated.value(declarations.SYNCED) == operated.stack.vault.get(seed.OBJECT).value
    (told,) = operated.told("target.refreshed")
    assert (told["secret"], told["version"]) == (declarations.SYNCED, version)
    assert guard.unused == []


@pytest.mark.parametrize("missing", FOR_ASKING, ids=str)
async def test_without_a_rule_for_asking_the_log_says_what_to_apply(operated: Scene, missing: Right) -> None:
    grant(operated, without(RULES, missing))
    event = operated.event(operated.rotate())

    await operated.deliver(event)

    await logged_about(operated, event.id, "403 Forbidden. Apply the RBAC of docs/kubernetes-rbac.md")


@pytest.mark.parametrize("missing", FOR_THE_STATUS, ids=str)
async def test_without_the_rule_for_the_status_the_secret_is_refreshed_and_the_proof_is_given_up(
    operated: Scene, missing: Right
) -> None:
    grant(operated, without(RULES, missing))

    await assert_refreshed_without_proof(operated, declarations.SYNCED)
