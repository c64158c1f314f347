"""Owned Secrets: owned-secrets.yaml alone is enough, and each of its rules is needed."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from devstack import seed
from tests.e2e import declarations
from tests.e2e import scene as scenes
from tests.e2e.rights import Right, but_watches, grant, logged_about, shipped, without
from tests.e2e.scene import Scene

RULES = shipped("owned-secrets")
FOR_SECRETS = [right for right in but_watches(RULES) if right.resource == "secrets"]


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Scene]:
    """The scene of this module: an app that follows owned Secrets only."""
    async with scenes.play(BINDINGS="owned-secrets", RESTART_WORKLOADS="off", NUDGE_PODS="off") as scene:
        yield scene


def _data(scene: Scene) -> object:
    secret = scene.stack.cluster.get("secrets", seed.NAMESPACE, declarations.OWNED)
    assert secret is not None
    return secret.get("data")


async def test_the_shipped_rules_are_enough_and_nothing_else_is_asked_for(scene: Scene) -> None:
    scene.stack.cluster.apply(declarations.owned_secret())
    scene.stack.cluster.apply(declarations.broken_secret())
    guard = grant(scene, RULES)

    status = await scene.deliver(scene.event(scene.rotate(tags=declarations.GRANT)))

    assert status == 202
    assert scene.value(declarations.OWNED) == scene.stack.vault.get(seed.OBJECT).value
    assert [event["involvedObject"]["name"] for event in scene.stack.cluster.list("events")] == [declarations.BROKEN]
    assert (guard.refused, guard.unused) == ([], [])


@pytest.mark.parametrize("missing", FOR_SECRETS, ids=str)
async def test_without_a_rule_for_secrets_nothing_is_written_and_the_log_says_what_to_apply(
    scene: Scene, missing: Right
) -> None:
    scene.stack.cluster.apply(declarations.owned_secret())
    grant(scene, without(RULES, missing))
    event = scene.event(scene.rotate(tags=declarations.GRANT))

    await scene.deliver(event)

    await logged_about(scene, event.id, "403 Forbidden. Apply the RBAC of docs/kubernetes-rbac.md")
    assert _data(scene) is None


async def test_without_the_rule_for_events_a_wrong_annotation_is_told_by_the_log_and_a_notice_only(
    scene: Scene,
) -> None:
    scene.stack.cluster.apply(declarations.broken_secret())
    grant(scene, [right for right in RULES if right.resource != "events"])
    event = scene.event(scene.rotate())

    status = await scene.deliver(event)

    assert status == 202
    assert [told["secret"] for told in scene.told("target.failed")] == [declarations.BROKEN]
    assert scene.stack.cluster.list("events") == []
    await logged_about(scene, event.id, f"{declarations.BROKEN}: no Event on it: ")
