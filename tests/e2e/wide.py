"""Several clusters around one host: each is a scene of its own, with the same vault and the same topic."""

import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace

import aiohttp
import yaml

from devstack import seed, stack
from devstack.host import start_process
from devstack.kubernetes import Identity, KubernetesApi, everything
from tests.e2e.scene import AheadClock, Scene

TIMEOUT = 5.0
"""Seconds that the app gives each of the clusters to answer."""


@dataclass(frozen=True, slots=True)
class Wide:
    """Scenes by the names of their clusters. What is not about one of the clusters may be done through any of them."""

    scenes: dict[str, Scene]

    @property
    def any(self) -> Scene:
        """The scene for what is about the vault, the topic and the queue."""
        return next(iter(self.scenes.values()))

    def reset(self) -> None:
        """Seed anew, all clusters alike."""
        self.any.reset()
        version = self.any.stack.vault.get(seed.OBJECT).version
        for scene in self.scenes.values():
            scene.furnish(version)

    def hunt(self) -> None:
        """Look for planted values everywhere."""
        for scene in self.scenes.values():
            scene.hunt()


@contextlib.asynccontextmanager
async def play(names: Iterable[str], **changes: str) -> AsyncIterator[Wide]:
    """Start everything, with clusters of these names and in place of the stack's own; `changes` as in `scene.play`."""
    clock = AheadClock()
    async with contextlib.AsyncExitStack() as held:
        running = await held.enter_async_context(stack.start(clock=clock))
        stacks, settings = {}, []
        for name in names:
            owner = Identity(token=f"app-{name}", user=stack.APP_USER, allows=everything)
            tls = running.authority.server_context()
            api = await held.enter_async_context(KubernetesApi(name=name, identities=[owner], clock=clock, tls=tls))
            path = running.folder / f"{name}.yaml"
            kubeconfig = api.kubeconfig(owner.token, ca_pem=running.authority.ca_pem)
            path.write_text(yaml.safe_dump(kubeconfig), encoding="utf-8")
            settings.append({"name": name, "kubeconfig": str(path), "timeoutSeconds": TIMEOUT})
            stacks[name] = replace(running, cluster=api)
        environment = stack.inherited() | running.environment | {"CLUSTERS": json.dumps(settings)} | changes
        host = await held.enter_async_context(start_process(stack.APP, environment))
        session = await held.enter_async_context(aiohttp.ClientSession())
        wide = Wide({name: Scene(one, host, session, clock) for name, one in stacks.items()})
        wide.reset()
        yield wide
        wide.hunt()
