"""One path from end to end: the local stack's host, vault and bus, the app in its own process, a real API server."""

import base64
from pathlib import Path

import aiohttp
import yaml

from devstack import seed, stack
from devstack.host import start_process
from shared.edges import kube_secret
from tests.contract.cluster.backends import ApiServer
from tests.contract.cluster.conftest import make_namespace
from tests.contract.cluster.grants import grant
from tests.contract.cluster.manifests import placed
from tests.e2e.scene import FIRST, AheadClock, Scene
from tests.edges.clusters import kubeconfig


async def test_an_event_leads_to_a_written_secret_and_a_notice(apiserver: ApiServer, tmp_path: Path) -> None:
    """The app has the rights of the shipped manifests, and nothing but a kubeconfig tells it where the cluster is."""
    hand, user = apiserver.hand, apiserver.stranger()
    namespace = await make_namespace(hand)
    await grant(hand, user, ("rbac", "driver", "nudge"))
    access = kubeconfig(apiserver.url, token=user.token, ca_pem=apiserver.ca_pem)
    way = tmp_path / "kubeconfig"
    way.write_text(yaml.safe_dump(access), encoding="utf-8")
    clock = AheadClock()
    async with stack.start(clock=clock, kubeconfig=way) as running:
        first = running.vault.set_secret(seed.OBJECT, FIRST)
        for manifest in seed.manifests(vault=stack.VAULT, version=first, value=FIRST):
            if manifest["kind"] != "Namespace":
                await hand.make(manifest if manifest["kind"] == "CSIDriver" else placed(manifest, namespace))
        settings = {"BINDINGS": "csi", "RESTART_WORKLOADS": "off"}
        environment = stack.inherited() | running.environment | settings
        async with start_process(stack.APP, environment) as host, aiohttp.ClientSession() as session:
            scene = Scene(running, host, session, clock)
            version = scene.rotate()

            status = await scene.deliver(scene.event(version))

            await scene.eventually(lambda: bool(scene.told("target.refreshed")))
            (told,) = scene.told("target.refreshed")
            scene.hunt()
            refused = "403 Forbidden" in host.stderr_text()
        written = await hand.look(placed(seed.synced_secret(""), namespace))
        pods = [await hand.look(placed(seed.pod(name), namespace)) for name in seed.PODS]
        assert base64.b64decode(written["data"][seed.KEY]).decode() == running.vault.get(seed.OBJECT).value
        assert running.cluster.requests == ()

    assert (status, refused) == (202, False)
    assert (told["namespace"], told["secret"], told["version"]) == (namespace, seed.SECRET, version)
    assert kube_secret.MANAGER in {entry["manager"] for entry in written["metadata"]["managedFields"]}
    assert all("keyvault-fanout.dev/refreshed" in pod["metadata"]["annotations"] for pod in pods)
