"""Workloads that read a changed Secret through environment variables: restarted once, a window after the change."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from devstack import seed, stack
from tests.e2e import declarations, jobs
from tests.e2e import scene as scenes
from tests.e2e.declarations import GRANT, OWNED, READER
from tests.e2e.scene import Scene

OPT_IN = "keyvault-fanout.dev/restart"
RECORD = "keyvault-fanout.dev/restarted-for"


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Scene]:
    """The scene of this module: an app that restarts three seconds after a change."""
    async with scenes.play(RESTART_WINDOW_SECONDS="3") as scene:
        yield scene


def _deploy(scene: Scene, name: str, *secrets: str, opt_in: str = "true") -> None:
    """Let there be a Deployment, well and of one pod, whose environment comes from these Secrets."""
    manifest = declarations.workload()
    manifest["metadata"] |= {"name": name, "annotations": {OPT_IN: opt_in} if opt_in else {}}
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    container["envFrom"] = [{"secretRef": {"name": secret}} for secret in secrets]
    scene.stack.cluster.apply(declarations.lease_namespace())
    scene.stack.cluster.apply(manifest)


def _deployment(scene: Scene, name: str) -> dict[str, Any]:
    found = scene.stack.cluster.get("deployments", seed.NAMESPACE, name)
    assert found is not None
    return found


def _states(scene: Scene, name: str) -> int:
    """Count the states of a Deployment; one is as it was made."""
    return len(scene.stack.cluster.history_of("deployments", seed.NAMESPACE, name))


def _record(scene: Scene, name: str = READER) -> Any:
    annotations = _deployment(scene, name)["spec"]["template"]["metadata"].get("annotations", {})
    return json.loads(annotations.get(RECORD, "{}"))


def _resource_version(scene: Scene, secret: str) -> str:
    found = scene.stack.cluster.get("secrets", seed.NAMESPACE, secret)
    assert found is not None
    return str(found["metadata"]["resourceVersion"])


async def test_two_rotations_within_the_window_restart_a_reader_once_and_nobody_else(scene: Scene) -> None:
    _deploy(scene, READER, seed.SECRET)
    _deploy(scene, "bystander", seed.SECRET, opt_in="")
    _deploy(scene, "reads-another", "another")

    for _ in range(2):
        assert await scene.deliver(scene.event(scene.rotate())) == 202
    untouched_at_first = _states(scene, READER)
    await jobs.empty(scene)

    assert (untouched_at_first, _states(scene, READER)) == (1, 2)
    assert _record(scene)[seed.SECRET]["resourceVersion"] == _resource_version(scene, seed.SECRET)
    assert (_states(scene, "bystander"), _states(scene, "reads-another")) == (1, 1)
    assert scene.asked()["patch deployments"] == 1


async def test_a_restart_changes_nothing_but_the_record_in_the_template(scene: Scene) -> None:
    _deploy(scene, READER, seed.SECRET)
    before = _deployment(scene, READER)

    await scene.deliver(scene.event(scene.rotate()))
    await jobs.empty(scene)

    after = _deployment(scene, READER)
    assert set(after["spec"]["template"]["metadata"].pop("annotations")) == {RECORD}
    assert after["spec"] == before["spec"]
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"]


async def test_afterwards_the_lease_is_there_and_free(scene: Scene) -> None:
    _deploy(scene, READER, seed.SECRET)

    await scene.deliver(scene.event(scene.rotate()))
    await jobs.empty(scene)

    (lease,) = scene.stack.cluster.list("leases", "keyvault-fanout")
    assert (lease["metadata"]["name"], lease["spec"]["holderIdentity"]) == ("restarts", "")


async def test_changes_of_several_secrets_become_one_restart(scene: Scene) -> None:
    scene.stack.cluster.apply(declarations.owned_secret())
    _deploy(scene, READER, seed.SECRET, OWNED)
    await scene.deliver(scene.event(scene.rotate(tags=GRANT)))
    await jobs.empty(scene)

    assert set(_record(scene)) == {seed.SECRET, OWNED}
    assert _states(scene, READER) == 2


async def test_events_of_several_objects_within_the_window_become_one_restart(scene: Scene) -> None:
    owned = declarations.owned_secret()
    entry = {"vault": stack.VAULT, "object": "secret/other", "key": "other"}
    owned["metadata"]["annotations"] = {"keyvault-fanout.dev/objects": json.dumps([entry])}
    scene.stack.cluster.apply(owned)
    _deploy(scene, READER, seed.SECRET, OWNED)

    await scene.deliver(scene.event(scene.rotate()))
    await scene.deliver(scene.event(scene.rotate("other", tags=GRANT), name="other"))
    await jobs.empty(scene)

    assert {secret: _resource_version(scene, secret) for secret in (seed.SECRET, OWNED)} == {
        secret: restarted["resourceVersion"] for secret, restarted in _record(scene).items()
    }
    assert len(scene.jobs("restart")) >= 2
    assert _states(scene, READER) == 2


async def test_a_redelivery_and_a_repair_restart_nobody_again(scene: Scene) -> None:
    scene.stack.cluster.apply(declarations.owned_secret())
    _deploy(scene, READER, OWNED)
    event = scene.event(scene.rotate(tags=GRANT))
    await scene.deliver(event)
    await jobs.empty(scene)
    drifted = scene.stack.cluster.get("secrets", seed.NAMESPACE, OWNED)
    assert drifted is not None
    drifted["data"] = {seed.KEY: "ZHJpZnQ="}
    scene.stack.cluster.apply(drifted)

    statuses = [await scene.deliver(event) for _ in range(2)]
    await jobs.empty(scene)

    assert statuses == [202, 202]
    assert scene.value(OWNED) == scene.stack.vault.get(seed.OBJECT).value
    assert _states(scene, READER) == 2
