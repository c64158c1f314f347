"""A stack whose host may die at any moment, and a second vault and a second cluster that have nothing to do with it."""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import aiohttp
import yaml

from devstack import eventgrid, seed, stack
from devstack.keyvault import KeyVault
from devstack.kubernetes import Identity, KubernetesApi, everything
from tests.e2e import declarations
from tests.e2e.scene import MARK, AheadClock, Scene

from .hosts import Host, Nursery, nursery

OTHER_VAULT = "kv-other"
OTHER_CLUSTER = "aks-other"
OTHER_SECRET = "other-secret"
OTHER_CLASS = "other-class"

LOCK = 60.0
"""Seconds that a job is locked; Azure's default, and the stack's."""

PACE = {"RETRY_DELAY_SECONDS": "20", "TOPIC_TIMEOUT_SECONDS": "6", "VAULT_TIMEOUT_SECONDS": "4"}
"""What waits long enough that nothing is tried again before a test moves the clock, and fails soon."""


@dataclass(slots=True, kw_only=True)
class Estate:
    """The scene, its present host, and the neighbours that stay well."""

    scene: Scene
    other_vault: KeyVault
    other_cluster: KubernetesApi
    nursery: Nursery
    host: Host

    def hunt(self) -> None:
        """Look for planted values in all that the app has said, sent or written so far."""
        for cluster in (self.scene.stack.cluster, self.other_cluster):
            scene = Scene(replace(self.scene.stack, cluster=cluster), self.host, self.scene.session)
            scene.answers += self.scene.answers
            scene.hunt()

    async def renew(self) -> None:
        """Seed everything anew around a host that has just started."""
        await self.host.stop()
        self.hunt()
        self.refurnish()
        await self._bear()

    def refurnish(self) -> None:
        """Seed everything anew; the host keeps its connections and what it knows."""
        self.scene.clock.ahead = 0
        self.scene.reset()
        self.scene.answers.clear()
        self.other_vault.clear()
        other = self.other_cluster
        other.clear()
        other.clear_requests()
        first, mine = f"{MARK}-first", self.scene.stack.vault.get(seed.OBJECT).version
        for manifest in seed.manifests(vault=stack.VAULT, version=mine, value=first):
            other.apply(manifest)
        version = self.other_vault.set_secret(seed.OBJECT, first)
        for manifest in _bound_to_the_other(version, first):
            other.apply(manifest)
        for manifest in (declarations.workload(), declarations.lease_namespace()):
            self.scene.stack.cluster.apply(manifest)

    def restarts(self) -> int:
        """Count how often the workload was restarted: how often the mark on its pods changed."""
        states = self.scene.stack.cluster.history_of("deployments", seed.NAMESPACE, declarations.READER)
        marks = [state["spec"]["template"]["metadata"].get("annotations") for state in states]
        return sum(before != after for before, after in itertools.pairwise(marks))

    async def bear_again(self) -> None:
        """Start a host in place of one that died."""
        await self.host.gone()
        self.hunt()
        await self._bear()

    async def _bear(self) -> None:
        self.scene.host = self.host = await self.nursery.bear()

    async def deliver(self, event: eventgrid.Event) -> int:
        """Deliver once and return the answer, 0 where there is none because the process died."""
        try:
            return await self.scene.deliver(event)
        except aiohttp.ClientError:
            return 0

    def rotate_other(self) -> eventgrid.Event:
        """Give the secret of the other vault a new value and return the event."""
        version = self.other_vault.set_secret(seed.OBJECT, f"{MARK}-other")
        return eventgrid.key_vault_event(
            "SecretNewVersionCreated",
            vault_name=OTHER_VAULT,
            vault_url=self.other_vault.url,
            name=seed.OBJECT,
            version=version,
            time=time.time(),
        )

    def holds(self, cluster: KubernetesApi, secret: str = seed.SECRET) -> str:
        """Return the value that a Secret of one of the clusters holds."""
        return Scene(replace(self.scene.stack, cluster=cluster), self.host, self.scene.session).value(secret)

    def pass_time(self) -> None:
        """Let the time come at which the next job is due."""
        clock = self.scene.clock
        due = [one.scheduled_for or 0.0 for one in self.scene.stack.bus.scheduled(stack.QUEUE)]
        if due:
            clock.ahead += max(0.0, min(due) - clock())

    def end_locks(self) -> None:
        """Let the time come at which no job is locked any more: who worked at one is gone."""
        if any(one.locked for one in self.scene.stack.bus.messages(stack.QUEUE)):
            self.scene.clock.ahead += LOCK

    def after_a_moment(self, what: Callable[[], None]) -> None:
        """Do something as soon as whatever is being answered just now is answered."""
        asyncio.get_running_loop().call_later(0.1, what)

    async def work_until(self, done: Callable[[], bool]) -> None:
        """Let the time pass, job by job, until something is so.

        A message that is locked is being worked at, so the time stands still meanwhile. But not for ever: the SDK's
        receiver loses a message now and then that reaches it between two of its calls, and then its lock has to end.
        """
        bus, ends = self.scene.stack.bus, time.monotonic() + _PATIENCE
        since, before = time.monotonic(), self._locks()
        while not done():
            if not bus.messages(stack.QUEUE):
                self.pass_time()
            if self._locks() != before:
                since, before = time.monotonic(), self._locks()
            elif time.monotonic() - since > _LOST:
                self.end_locks()
            assert time.monotonic() < ends, f"{bus.messages(stack.QUEUE)}\n{self.host.stderr_text()}"
            await asyncio.sleep(0.01)

    def _locks(self) -> list[object]:
        return [one.lock and one.lock.token for one in self.scene.stack.bus.messages(stack.QUEUE)]

    async def work_all(self) -> None:
        """Let the time pass until the queue is empty."""
        bus = self.scene.stack.bus
        await self.work_until(lambda: not bus.messages(stack.QUEUE) and not bus.scheduled(stack.QUEUE))


_PATIENCE = 60
_LOST = 3.0
"""Seconds after which a locked message that nobody settles is taken for lost."""


def _bound_to_the_other(version: str, value: str) -> list[seed.Manifest]:
    """Return a class about the other vault, its mount, and its Secret."""
    class_ = seed.provider_class(vault=OTHER_VAULT)
    class_["metadata"]["name"] = OTHER_CLASS
    class_["spec"]["secretObjects"][0]["secretName"] = OTHER_SECRET
    mount = seed.pod_status("other-0", version=version)
    mount["metadata"]["name"] = "other-0"
    mount["status"]["secretProviderClassName"] = OTHER_CLASS
    secret = seed.synced_secret(value)
    secret["metadata"]["name"] = OTHER_SECRET
    return [class_, mount, secret]


@contextlib.asynccontextmanager
async def play(*, alone: bool = False, **changes: str) -> AsyncIterator[Estate]:
    """Start everything; `alone` leaves the second cluster out of the app's settings, `changes` are further ones."""
    clock = AheadClock()
    async with contextlib.AsyncExitStack() as held:
        running = await held.enter_async_context(stack.start(clock=clock))
        owner = Identity(token="app-other", user=stack.APP_USER, allows=everything)
        tls = running.authority.server_context()
        cluster = KubernetesApi(name=OTHER_CLUSTER, identities=[owner], clock=clock, tls=tls)
        vault = KeyVault(name=OTHER_VAULT, tls=tls, issuer=running.identity.issuer, clock=clock)
        await held.enter_async_context(cluster)
        await held.enter_async_context(vault)
        path = running.folder / "other.yaml"
        path.write_text(yaml.safe_dump(cluster.kubeconfig(owner.token, ca_pem=running.authority.ca_pem)))
        (first,) = json.loads(running.environment["CLUSTERS"])
        clusters = [first | {"timeoutSeconds": 4}]
        clusters += [] if alone else [{"name": OTHER_CLUSTER, "kubeconfig": str(path), "timeoutSeconds": 5}]
        listed = f"{running.environment['KEY_VAULTS']},{OTHER_VAULT}={vault.url}"
        environment = {
            **stack.inherited(),
            **running.environment,
            "CLUSTERS": json.dumps(clusters),
            "KEY_VAULTS": listed,
            **PACE,
            **changes,
        }
        born = await held.enter_async_context(nursery(environment, running.folder))
        session = await held.enter_async_context(aiohttp.ClientSession())
        host = await born.bear()
        estate = Estate(
            scene=Scene(running, host, session, clock),
            other_vault=vault,
            other_cluster=cluster,
            nursery=born,
            host=host,
        )
        estate.refurnish()
        yield estate
        await estate.host.stop()
        estate.hunt()
