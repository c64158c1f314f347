"""Several clusters: all at once, one vault read, and one that is down costs the others nothing."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest_asyncio
import yaml

from devstack import seed, stack
from devstack.faults import Fault
from devstack.host import start_process
from devstack.kubernetes import Identity, KubernetesApi, everything
from tests.e2e.scene import MARK, Scene

NAMES = ("east", "west", "north")


@dataclass(frozen=True, slots=True)
class Wide:
    """A scene with more clusters than the stack's own."""

    scene: Scene
    clusters: dict[str, KubernetesApi]

    def holding(self, cluster: str) -> object:
        """Return what the Secret of a cluster holds, as stored."""
        secret = self.clusters[cluster].get("secrets", seed.NAMESPACE, seed.SECRET)
        assert secret is not None
        return secret["data"]


@pytest_asyncio.fixture
async def wide() -> AsyncIterator[Wide]:
    async with contextlib.AsyncExitStack() as held:
        running = await held.enter_async_context(stack.start())
        version = running.vault.set_secret(seed.OBJECT, f"{MARK}-first")
        clusters, settings = {}, []
        for name in NAMES:
            owner = Identity(token=name, user="keyvault-fanout", allows=everything)
            api = KubernetesApi(name=name, identities=[owner], tls=running.authority.server_context())
            clusters[name] = await held.enter_async_context(api)
            for manifest in seed.manifests(vault=stack.VAULT, version=version, value=f"{MARK}-first"):
                api.apply(manifest)
            path = running.folder / f"{name}.yaml"
            path.write_text(yaml.safe_dump(api.kubeconfig(name, ca_pem=running.authority.ca_pem)), encoding="utf-8")
            settings.append({"name": name, "kubeconfig": str(path), "timeoutSeconds": 1.5})
        environment = stack.inherited() | running.environment | {"CLUSTERS": json.dumps(settings)}
        host = await held.enter_async_context(start_process(stack.APP, environment))
        session = await held.enter_async_context(aiohttp.ClientSession())
        yield Wide(Scene(running, host, session), clusters)
        assert MARK not in host.stderr_text()


async def test_all_clusters_are_refreshed_after_one_vault_read(wide: Wide) -> None:
    scene = wide.scene
    for _ in range(2):
        # The first event opens connections, which may take longer than clusters wait for one another.
        scene.stack.vault.clear_reads()
        version = scene.rotate()
        assert await scene.deliver(scene.event(version)) == 202

    assert [(read.operation, read.version) for read in scene.stack.vault.reads] == [("get", "")]
    assert wide.holding("east") == wide.holding("west") == wide.holding("north")
    told = {one["cluster"] for one in scene.told("target.refreshed") if one["version"] == version}
    assert told == set(NAMES)


async def test_a_cluster_that_is_down_fails_alone_and_is_caught_up_by_the_redelivery(wide: Wide) -> None:
    scene = wide.scene
    await wide.clusters["west"].stop()
    event = scene.event(scene.rotate())

    failed = await scene.deliver(event)
    told_meanwhile = {one["cluster"] for one in scene.told("target.refreshed")}
    await wide.clusters["west"].start()
    healed = await scene.deliver(event)

    assert (failed, healed) == (500, 202)
    assert told_meanwhile == {"east", "north"}
    assert wide.holding("west") == wide.holding("east")


async def test_a_cluster_that_does_not_answer_is_given_up_after_its_own_time(wide: Wide) -> None:
    scene = wide.scene
    wide.clusters["north"].faults.plan(lambda _: True, Fault(delay=30), times=None)

    status = await scene.deliver(scene.event(scene.rotate()))

    assert status == 500
    assert {one["cluster"] for one in scene.told("target.refreshed")} == {"east", "west"}
    await scene.logged("north: not looked through in time")
