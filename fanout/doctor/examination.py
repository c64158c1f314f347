"""Everything that the doctor looks at: which checks there are, all at once, each with its own time-out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from azure.core.credentials_async import AsyncTokenCredential

from fanout.bus_reach import BusReach
from fanout.doctor import arm, bus, checks, clocks, clusters, delivery, identities, rights, vaults
from fanout.doctor.finding import Finding, Place, State
from fanout.errors import OperatorError
from shared import wiring
from shared.cluster_setting import AksAccess, ClusterSetting, ServerAccess
from shared.edges import credential, kube_access
from shared.edges.kube_api import KubeApi
from shared.model import ObjectType
from shared.settings import Settings
from shared.wiring import Assembly

ORDER = ("settings", "identity", "vault", "cluster", "topic", "queue", "event grid", "clocks")
"""In which findings are shown."""

_VAULT_SCOPE = "https://vault.azure.net/.default"
_BUS_SCOPE = "https://servicebus.azure.net/.default"

Work = Awaitable[Sequence[Finding]]


@dataclass(slots=True, kw_only=True)
class Examination:
    """What is looked at, and with which settings. `seconds` is for each check. Used once, inside the running loop."""

    settings: Settings
    environ: Mapping[str, str]
    clusters: frozenset[str]
    subscriptions: Sequence[str]
    seconds: float
    _held: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    _identities: dict[str, AsyncTokenCredential] = field(default_factory=dict)
    _object_id: str = ""

    async def findings(self) -> AsyncIterator[Sequence[Finding]]:
        """Yield what each check finds, as it ends: first who asks, then all others at once."""
        settings = self.settings
        told = f"{len(settings.vaults)} vaults, {len(settings.clusters)} clusters; every setting is well-formed"
        yield [Place("settings", "all").ok("settings", told)]
        async with self._held:
            app = wiring.assemble(settings, self.environ)
            self._held.push_async_callback(app.close)
            place = Place("identity", settings.client_id or "own")
            found, self._object_id = await identities.look(place, self._identity(""), self._scopes(), self.seconds)
            yield found
            work = [*self._vaults(app), *map(self._cluster, self._clusters), *self._bus(), *self._event_grid()]
            tasks = [asyncio.ensure_future(one) for one in [*work, self._clocks()]]
            try:
                for done in asyncio.as_completed(tasks):
                    yield await done
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _clusters(self) -> list[ClusterSetting]:
        return [one for one in self.settings.clusters if one.name in self.clusters]

    @property
    def _proxies(self) -> bool:
        return wiring.has_proxies(self.environ)

    def _identity(self, client_id: str) -> AsyncTokenCredential:
        """Return the identity of a client id, the app's own without one. Each is made once."""
        client_id = client_id or self.settings.client_id
        if client_id not in self._identities:
            made = credential.make(hosted=credential.is_hosted(self.environ), client_id=client_id)
            self._identities[client_id] = made
            self._held.push_async_callback(made.close)
        return self._identities[client_id]

    def _scopes(self) -> list[str]:
        accesses = [one.access for one in self._clusters]
        scopes = [_VAULT_SCOPE]
        if self.settings.bus.connection_string is None:
            scopes.append(_BUS_SCOPE)
        if any(isinstance(one, AksAccess | ServerAccess) for one in accesses):
            scopes.append(kube_access.AKS_SCOPE)
        if any(isinstance(one, AksAccess) for one in accesses) or self.subscriptions:
            scopes.append(f"{kube_access.RESOURCE_MANAGER}/.default")
        return scopes

    def _vaults(self, app: Assembly) -> list[Work]:
        work = list[Work]()
        for name, one in app.neighbours.vaults.items():
            place = Place("vault", name)
            tried = partial(
                checks.run, seconds=self.seconds, fix=partial(vaults.fix, vault=name, object_id=self._object_id)
            )
            work.append(tried(place, "list secrets", vaults.listed(place, one.vault)))
            work += [
                tried(place, f"read {type_}s", vaults.readable(place, one.vault, type_))
                for type_ in (ObjectType.SECRET, ObjectType.KEY, ObjectType.CERT)
            ]
        return work

    async def _cluster(self, setting: ClusterSetting) -> Sequence[Finding]:
        """Look whether a cluster can be reached, and only then at the rest: one cause is one finding."""
        place = Place("cluster", setting.name)
        connect = partial(kube_access.connect, setting, self._identity(setting.client_id), proxies=self._proxies)
        api = KubeApi(cluster=setting.name, connect=connect, concurrency=setting.concurrency)
        tried = partial(checks.run, place, seconds=self.seconds)
        try:
            first = await tried("reachable", clusters.reached(place, api))
            if any(one.state is not State.OK for one in first):
                return [*first, place.skipped("rights, csi driver", "the cluster was not reached")]
            rest = [
                tried(
                    f"rights for {feature.file}",
                    clusters.permitted(
                        place,
                        api,
                        feature,
                        settings=self.settings,
                        cluster=setting,
                        identity=self._object_id,
                    ),
                )
                for feature in rights.FEATURES
            ]
            rest.append(tried("csi driver", clusters.generation(place, api, setting)))
            return [*first, *[one for found in await asyncio.gather(*rest) for one in found]]
        finally:
            await api.close()

    def _bus(self) -> list[Work]:
        setting = self.settings.bus
        identity = self._identity(setting.client_id) if setting.connection_string is None else None
        reach = BusReach(setting, identity, timeout=self.settings.topic_timeout)
        self._held.push_async_callback(reach.aclose)
        topic, queue = Place("topic", setting.topic), Place("queue", setting.queue)
        tried = partial(checks.run, seconds=self.seconds)
        return [
            tried(topic, "send", bus.topic(topic, reach)),
            tried(topic, "watch", bus.watch(topic, reach, setting.watch)),
            tried(topic, "live page", bus.live(topic, reach, self.settings.live_subscription), fix=bus.fix_live),
            tried(queue, "send", bus.queue_send(queue, reach)),
            tried(queue, "receive", bus.queue_receive(queue, reach), fix=bus.fix_receiver),
            tried(queue, "duplicate detection", bus.made((topic, queue), setting, identity)),
        ]

    def _event_grid(self) -> list[Work]:
        if not self.subscriptions:
            return [_not_named()]
        return [
            checks.run(
                Place("event grid", one.rpartition("/")[2]), "read", self._subscription(one), seconds=self.seconds
            )
            for one in self.subscriptions
        ]

    async def _subscription(self, identifier: str) -> Sequence[Finding]:
        place = Place("event grid", identifier.rpartition("/")[2])
        try:
            document = await arm.read(identifier, self._identity(""), proxies=self._proxies)
        except OperatorError as error:
            return [place.failed("read", str(error), f"az resource show --ids {identifier}")]
        return list(delivery.judge(place, document))

    async def _clocks(self) -> Sequence[Finding]:
        names = [*[one.name for one in self.settings.vaults], *[one.name for one in self._clusters]]
        places = [Place("clocks", name) for name in names]
        asked = [
            *[clocks.of_vault(one.url, proxies=self._proxies) for one in self.settings.vaults],
            *map(self._clock, self._clusters),
        ]
        offsets = await asyncio.gather(*map(clocks.offset, asked), return_exceptions=True)
        return clocks.judge(places, offsets)

    async def _clock(self, setting: ClusterSetting) -> datetime | None:
        connection = await kube_access.connect(setting, self._identity(setting.client_id), proxies=self._proxies)
        try:
            return await clocks.of_cluster(connection)
        finally:
            await connection.api.close()


async def _not_named() -> Sequence[Finding]:
    fix = "fanout doctor --event-subscription RESOURCE_ID"
    return [Place("event grid", "subscription").skipped("delivery", "no --event-subscription was given", fix)]
