"""Restarts: restart.yaml is enough beside the manifest of what is refreshed, and each of its rules is needed."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from devstack import seed
from tests.e2e import declarations, jobs
from tests.e2e import scene as scenes
from tests.e2e.rights import Right, grant, logged_about, shipped, without
from tests.e2e.scene import Scene

RULES = shipped("restart")
ADVICE = "403 Forbidden. Apply deploy/kubernetes/restart.yaml, or set RESTART_WORKLOADS to off."
FOR_THE_SECOND_TIME = [right for right in RULES if (right.verb, right.resource) == ("patch", "leases")]
"""The Lease is made by the first who wants it. From then on it has to be changed."""

LISTS = [right for right in RULES if right.verb == "list"]
"""By these the workloads of a kind are found."""

NOT_RESTARTED = [right for right in RULES if right not in FOR_THE_SECOND_TIME + LISTS]


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Scene]:
    """The scene of this module: an app that restarts a second after a change."""
    async with scenes.play(BINDINGS="csi", NUDGE_PODS="off", RESTART_WINDOW_SECONDS="1") as scene:
        yield scene


@pytest.fixture
def read(scene: Scene) -> Scene:
    """The scene with one workload of each kind that opted in."""
    scene.stack.cluster.apply(declarations.lease_namespace())
    for resource in declarations.KINDS:
        scene.stack.cluster.apply(declarations.workload(resource))
    return scene


def _restarted(scene: Scene) -> list[str]:
    """Return the kinds whose workload carries the record of a restart."""
    found = {resource: scene.stack.cluster.list(resource) for resource in declarations.KINDS}
    return [resource for resource, (one,) in found.items() if "keyvault-fanout.dev/restarted-for" in str(one)]


async def test_the_shipped_rules_are_enough_and_nothing_else_is_asked_for(read: Scene) -> None:
    guard = grant(read, shipped("rbac", "driver", "restart"))

    status = await read.deliver(read.event(read.rotate()))
    await read.eventually(lambda: len(_restarted(read)) >= 3)  # the budget
    await read.eventually(lambda: "patch leases in keyvault-fanout" not in guard.unused)

    assert status == 202
    assert guard.refused == []


@pytest.mark.parametrize("missing", LISTS, ids=str)
async def test_a_kind_that_may_not_be_listed_is_passed_over_and_the_log_says_once_what_to_apply(
    read: Scene, missing: Right
) -> None:
    _, kind = declarations.KINDS[missing.resource]
    warning = f"no {kind} is restarted: apply deploy/kubernetes/restart.yaml, or set RESTART_WORKLOADS to off"
    grant(read, without(RULES, missing))

    await jobs.put(read, jobs.restart_job(read))

    await read.logged(warning)
    await read.eventually(lambda: len(_restarted(read)) >= len(declarations.KINDS) - 1)
    await jobs.empty(read)
    assert _restarted(read) == [resource for resource in declarations.KINDS if resource != missing.resource]
    assert read.host.stderr_text().count(warning) == 1


@pytest.mark.parametrize("missing", NOT_RESTARTED, ids=str)
async def test_without_a_rule_nothing_of_its_kind_is_restarted_and_the_log_says_what_to_apply(
    read: Scene, missing: Right
) -> None:
    for resource in declarations.KINDS.keys() - {missing.resource}:
        read.stack.cluster.delete(resource, seed.NAMESPACE, declarations.READER)
    if missing.resource not in declarations.KINDS:
        read.stack.cluster.apply(declarations.workload())
    grant(read, without(RULES, missing))
    wanted = jobs.restart_job(read)

    await jobs.put(read, wanted)

    await logged_about(read, wanted.cause.id, ADVICE)
    assert "restarted-for" not in str([read.stack.cluster.list(resource) for resource in declarations.KINDS])


@pytest.mark.parametrize("missing", FOR_THE_SECOND_TIME, ids=str)
async def test_without_the_rule_that_takes_the_lease_anew_nothing_is_restarted_a_second_time(
    read: Scene, missing: Right
) -> None:
    read.stack.cluster.apply(declarations.free_lease())
    grant(read, without(RULES, missing))
    wanted = jobs.restart_job(read)

    await jobs.put(read, wanted)

    await logged_about(read, wanted.cause.id, ADVICE)
    assert _restarted(read) == []


async def test_without_the_namespace_nothing_is_restarted_and_the_log_says_what_to_apply(read: Scene) -> None:
    read.stack.cluster.delete("namespaces", "", "keyvault-fanout")
    grant(read, RULES)
    wanted = jobs.restart_job(read)

    await jobs.put(read, wanted)

    await logged_about(read, wanted.cause.id, "Apply deploy/kubernetes/restart.yaml")
    assert _restarted(read) == []
