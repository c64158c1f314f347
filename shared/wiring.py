"""The one place that reads the environment and builds the clients: once per process and event loop, on first use.

Settings are read when the app loads, so that a wrong one stops it there with its name. Clients are made on the first
event, inside the running loop, because aiohttp and AMQP objects belong to the loop that made them.
"""

import asyncio
import logging
import os
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from shared import driver, exporting
from shared.cluster_setting import ClusterSetting
from shared.csi import classes
from shared.edges import credential, kube_access
from shared.edges.bus import ServiceBusQueue, ServiceBusTopic, ServiceBusWatch
from shared.edges.bus_client import Reached
from shared.edges.cluster import KubernetesCluster
from shared.edges.kube_api import KubeApi
from shared.edges.vault import KeyVault
from shared.neighbours import Limits, ListedVault, Neighbours
from shared.pipeline import Pipeline, utc_now
from shared.settings import Settings
from shared.sweeping import Sweeper
from shared.working import Worker

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


class Fanout:
    """The app: settings now, one pipeline for each event loop later."""

    def __init__(self, settings: Settings, *, hosted: bool, proxies: bool) -> None:
        self._settings = settings
        self._hosted = hosted
        self._proxies = proxies
        self._assembled: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Assembly] = weakref.WeakKeyDictionary()

    @property
    def event_queue(self) -> str:
        """The queue that Event Grid delivers to; empty where it calls the function."""
        return self._settings.bus.events

    @property
    def operator_http(self) -> bool:
        """Whether an operator may ask over HTTP."""
        return self._settings.operator_http

    @property
    def live_page(self) -> bool:
        """Whether the app serves the live page."""
        return bool(self._settings.live_subscription)

    async def handle(self, payload: str) -> None:
        """Handle one delivery of Event Grid's. Raises what has to be tried again (see `Pipeline.handle`)."""
        await self._assembly().pipeline.handle(payload)

    async def work(self, body: bytes) -> None:
        """Do one job of the queue. Raises what has to come again (see `Worker.handle`)."""
        await self._assembly().worker.handle(body)

    async def sweep(self) -> None:
        """Find what no event told. Raises what failed, after the rest was done (see `Sweeper.run`)."""
        await self._assembly().sweeper.run()

    async def close(self) -> None:
        """Close the clients of the running loop; the next event would make new ones."""
        assembly = self._assembled.pop(asyncio.get_running_loop(), None)
        if assembly is not None:
            await assembly.close()

    def _assembly(self) -> "Assembly":
        loop = asyncio.get_running_loop()
        assembly = self._assembled.get(loop)
        if assembly is None:
            assembly = self._assembled[loop] = Assembly(self._settings, hosted=self._hosted, proxies=self._proxies)
            assembly.open_ahead()
        return assembly


class Assembly:
    """Every client of one loop, and the flows that use them. Made inside the running loop."""

    def __init__(self, settings: Settings, *, hosted: bool, proxies: bool) -> None:
        identity = credential.make(hosted=hosted, client_id=settings.client_id)
        bus_id = settings.bus.client_id
        bus_identity = credential.make(hosted=hosted, client_id=bus_id) if bus_id else identity
        vaults = {
            listed.name: ListedVault(
                vault=KeyVault(
                    name=listed.name,
                    url=listed.url,
                    credential=identity,
                    timeout=settings.vault_timeout,
                    proxies=proxies,
                ),
                url=listed.url,
                host=listed.host,
            )
            for listed in settings.vaults
        }
        others = {one.client_id for one in settings.clusters if one.client_id}
        identities = {client_id: credential.make(hosted=hosted, client_id=client_id) for client_id in sorted(others)}
        clusters = [
            _cluster(one, partial(kube_access.connect, one, identities.get(one.client_id, identity), proxies=proxies))
            for one in settings.clusters
        ]
        timeout = settings.topic_timeout
        reached: Reached = {
            "connection_string": settings.bus.connection_string,
            "namespace": settings.bus.namespace,
            "credential": bus_identity,
        }
        bus = ServiceBusTopic(topic=settings.bus.topic, timeout=timeout, **reached)
        queue = ServiceBusQueue(queue=settings.bus.queue, timeout=timeout, **reached)
        self._closing: list[Any] = [*[one.vault for one in vaults.values()], *clusters, bus, queue, identity]
        self._closing += identities.values()
        if bus_identity is not identity:
            self._closing.append(bus_identity)
        limits = Limits(
            deadline=settings.deadline,
            telling=settings.topic_timeout,
            nudging=settings.nudging,
            pace=settings.pace,
            lookback=settings.lookback,
            heartbeat=settings.heartbeat,
            named=settings.metrics_name_objects,
        )
        watched = settings.bus.watch
        watch = (
            ServiceBusWatch(topic=settings.bus.topic, subscription=watched, timeout=timeout, **reached)
            if watched
            else None
        )
        neighbours = Neighbours(vaults=vaults, clusters=clusters, bus=bus, queue=queue, watch=watch)
        self._outlets = (bus, queue)
        self.neighbours, self.limits = neighbours, limits
        self.pipeline = Pipeline(neighbours, limits)
        self.worker = Worker(neighbours, limits, now=utc_now)
        self.sweeper = Sweeper(neighbours, limits, now=utc_now)
        if watch is not None:
            self._closing.append(watch)

    def open_ahead(self) -> None:
        """Begin to open what is sent to: beside the first look at the clusters, and beside one another.

        Each takes the SDK half a second, and as much again to close, so whoever will send nothing leaves it.
        """
        for outlet in self._outlets:
            outlet.open_ahead()

    async def close(self) -> None:
        """Close every client; one that fails to does not keep the others open."""
        await asyncio.gather(*[client.close() for client in self._closing], return_exceptions=True)


def _cluster(setting: ClusterSetting, connect: Callable[[], Any]) -> KubernetesCluster:
    api = KubeApi(cluster=setting.name, connect=connect, concurrency=setting.concurrency)
    flags = setting.provider
    provider = classes.Provider(
        cloud=flags.cloud,
        construct_pem_chain=flags.construct_pem_chain,
        separate_files=flags.separate_files,
        azure_stack_suffix=flags.azure_stack_suffix,
    )
    return KubernetesCluster(
        setting.name,
        api,
        timeout=setting.timeout,
        provider=provider,
        bindings=setting.bindings,
        driver=driver.parse_override(setting.driver),
    )


def assemble(settings: Settings, environ: Mapping[str, str]) -> Assembly:
    """Return the clients and flows of the running loop, for who needs more of them than `Fanout` does; `close` them."""
    return Assembly(settings, hosted=credential.is_hosted(environ), proxies=has_proxies(environ))


def has_proxies(environ: Mapping[str, str]) -> bool:
    """Tell whether requests go through a proxy."""
    return any(environ.get(name) for name in _PROXIES)


def from_environment(environ: Mapping[str, str] | None = None) -> Fanout:
    """Read the settings. Raises `SettingsError` that names the first which is missing or wrong."""
    mapping = os.environ if environ is None else environ
    # At INFO the SDKs log every request; what an operator needs is in our own lines.
    logging.getLogger("azure").setLevel(logging.WARNING)
    settings = Settings.from_mapping(mapping)
    # Before the first event: most processes live for a single one, and what is not set up measures nothing.
    exporting.set_up(mapping)
    return Fanout(
        settings,
        hosted=credential.is_hosted(mapping),
        proxies=has_proxies(mapping),
    )
