"""The driver on all nodes, or on one: a volume for every pod that mounts a class, and what wakes it."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from devstack.writers import classes
from devstack.writers.access import Access
from devstack.writers.cluster import Document, path_of
from devstack.writers.csi import manifests
from devstack.writers.csi.pace import Generation, Pace
from devstack.writers.csi.volume import Installation, Volume, volumes_of
from devstack.writers.informer import Key, key_of
from devstack.writers.loop import Loop
from devstack.writers.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mounted:
    volume: Volume
    node: Loop
    controller: Loop


class Driver(Writer):
    """One installation. `node` names the only node that it runs on, or is "" for all.

    When the block is entered, every pod's first mount has been tried, and the Secrets written as at any start of the
    driver: in 1.6 from the files, also where they existed. What was mounted before is not remembered, so the mounts
    show the vault as it is now.
    """

    agent = "csi-secrets-store/controller"

    def __init__(
        self,
        access: Access,
        *,
        generation: Generation,
        rotation: bool,
        pace: Pace | None = None,
        namespace: str = "",
        node: str = "",
    ) -> None:
        super().__init__(access, namespace=namespace)
        self._generation = generation
        self._rotation = rotation
        self._pace = pace or Pace()
        self._node = node
        self._held: set[str] = set()
        self._mounted: dict[Key, dict[str, _Mounted]] = {}

    def manifests(self) -> list[Document]:
        """Return the CSIDriver and the DaemonSet of this installation, for `KubernetesApi.apply`."""
        return [
            manifests.csi_driver(self._generation, rotation=self._rotation),
            manifests.daemon_set(self._generation, rotation=self._rotation, poll=self._pace.poll),
        ]

    def hold(self, pod: str) -> None:
        """Let a pod's volumes keep what they have mounted, whatever the kubelet or the rotation wants."""
        self._held.add(pod)

    def release(self, pod: str) -> None:
        """Let a held pod's volumes fetch again: at their next round, not before."""
        self._held.discard(pod)

    def versions(self, pod: str) -> dict[str, str]:
        """Return the mounted version of each object of a pod, by its id (`secret/NAME`)."""
        return {
            id_: version
            for (_, name), mounted in self._mounted.items()
            for each in mounted.values()
            for id_, version in each.volume.versions.items()
            if name == pod
        }

    async def replay(self) -> None:
        """Look at every pod status once, from the files that are mounted, as a restarted driver does."""
        controllers = [mounted.controller for mounted in self._all()]
        for controller in controllers:
            controller.wake()
        await asyncio.gather(*(controller.passed() for controller in controllers))

    def loops(self) -> Iterable[Loop]:
        """Return each volume's node and controller."""
        return [loop for mounted in self._all() for loop in (mounted.node, mounted.controller)]

    async def begin(self) -> None:
        """Mount what is there, then look at every pod status once."""
        self._it = Installation(
            cluster=self.cluster,
            vault=self.vault,
            generation=self._generation,
            rotation=self._rotation,
            pace=self._pace,
            held=self._held,
        )
        pods = self.follow(path_of("v1", "pods", self._namespace), self._see_pod)
        await pods.synced.wait()
        statuses = path_of(classes.API_VERSION, manifests.STATUSES, self._namespace)
        await self.follow(statuses, self._see_status).synced.wait()
        await asyncio.gather(*(mounted.node.tried() for mounted in self._all()))
        await self.replay()
        self.repeat(self._complete_owners, retry=self._pace.owners, delay=self._pace.owners)

    def _all(self) -> list[_Mounted]:
        return [each for mounted in self._mounted.values() for each in mounted.values()]

    def _see_pod(self, before: Document | None, after: Document | None) -> None:
        """Mount and unmount; let the kubelet sync a pod whose annotations, labels or spec changed, not its status."""
        if before is not None and (after is None or before["metadata"]["uid"] != after["metadata"]["uid"]):
            self._unmount(before)
            before = None
        if after is None or (self._node and after["spec"].get("nodeName") != self._node):
            return
        mounted = self._mounted.setdefault(key_of(after), {})
        for name, class_ in volumes_of(after):
            if class_ not in mounted:
                mounted[class_] = self._start(Volume(self._it, after, name, class_))
        for each in mounted.values():
            each.volume.pod = after
            if before is not None and self._generation.republishes and _content(before) != _content(after):
                each.node.wake()

    def _start(self, volume: Volume) -> _Mounted:
        node = self.repeat(volume.publish, retry=self._pace.retry)
        return _Mounted(volume=volume, node=node, controller=self.repeat(volume.reconcile, retry=self._pace.retry))

    def _unmount(self, pod: Document) -> None:
        for mounted in self._mounted.pop(key_of(pod), {}).values():
            mounted.node.cancel()
            mounted.controller.cancel()
            self.repeat(mounted.volume.remove_status, retry=self._pace.retry)

    def _see_status(self, _: Document | None, after: Document | None) -> None:
        """Wake the controller for a status that was made or changed, by whomever."""
        if after is None:
            return
        status = after.get("status", {})
        key = (after["metadata"]["namespace"], str(status.get("podName")))
        mounted = self._mounted.get(key, {}).get(str(status.get("secretProviderClassName")))
        if mounted is not None:
            mounted.controller.wake()

    async def _complete_owners(self) -> float:
        for mounted in self._all():
            await mounted.volume.complete_owners()
        return self._pace.owners


def _content(pod: Document) -> tuple[object, ...]:
    """Return what the kubelet compares (podsDifferSemantically)."""
    metadata = pod["metadata"]
    return metadata.get("annotations"), metadata.get("labels"), pod.get("spec")
