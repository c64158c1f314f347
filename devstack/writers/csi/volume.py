"""One pod's volume of one class: what its node has mounted, and the controller that writes Secrets from it.

Two loops run beside each other, as they do on a node. `node` mounts, and mounts anew: on 1.5's tick, or when the
kubelet republishes. `controller` writes the class's Secrets from the files as they are mounted, new or old.
"""

import asyncio
import logging
import random
from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp

from devstack.seed import DRIVER
from devstack.writers import classes
from devstack.writers.classes import Content
from devstack.writers.cluster import Cluster, Document, path_of
from devstack.writers.csi import manifests, secrets
from devstack.writers.csi.pace import Generation, Pace
from devstack.writers.refusals import RefusedError
from devstack.writers.vault import Vault

_log = logging.getLogger(__name__)

_LABELS = {manifests.MANAGED: "true"}
_ENDED = ("Succeeded", "Failed")
_OWNER = ("apiVersion", "kind", "name", "uid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What all volumes of a driver share. `held` are the names of the pods that do not fetch."""

    cluster: Cluster
    vault: Vault
    generation: Generation
    rotation: bool
    pace: Pace
    held: set[str]


class Volume:
    """`pod` is its last known state; the loops are the driver's to run and to end."""

    def __init__(self, installation: Installation, pod: Document, name: str, class_: str) -> None:
        self.pod = pod
        self.class_ = class_
        self._it = installation
        self._name = name
        self._content: Content | None = None
        self._changed_at = 0.0
        namespace = pod["metadata"]["namespace"]
        self._class_path = path_of(classes.API_VERSION, classes.PLURAL, namespace, class_)
        self._statuses = path_of(classes.API_VERSION, manifests.STATUSES, namespace)
        self._status = f"{self._statuses}/{manifests.status_name(pod, class_)}"

    @property
    def versions(self) -> dict[str, str]:
        """The mounted version of each object, by its id; empty before the first mount."""
        return dict(self._content.versions) if self._content else {}

    async def publish(self) -> float | None:
        """Do the node's next round: the first mount, a tick of 1.5's rotation, or 1.6's NodePublishVolume."""
        it = self._it
        if self._content is None:
            await self._mount(await self._class())
        elif it.generation.republishes:
            await self._republish()
        else:
            await self._rotate()
        if not it.rotation:
            return None
        return it.pace.sync * random.uniform(1.0, 1.5) if it.generation.republishes else it.pace.poll  # noqa: S311

    async def reconcile(self) -> float:
        """Write the class's Secrets from the files that are mounted here, as the controller does at every look."""
        if self._content is None or has_ended(self.pod):
            return self._it.pace.requeue
        if await self._it.cluster.get(self._status) is not None:
            write = secrets.CONTROLLERS[self._it.generation]
            for secret in classes.secrets_of(await self._class(), self._content.files, _LABELS):
                await write(self._it.cluster, secret)
        return self._it.pace.requeue

    async def complete_owners(self) -> None:
        """Give the class's Secrets the pod's owners, or the pod status where the pod has none."""
        status = await self._it.cluster.get(self._status)
        if self._content is None or status is None:
            return
        found = self.pod["metadata"].get("ownerReferences") or [status | status["metadata"]]
        owners = [{field: owner[field] for field in _OWNER} for owner in found]
        for secret in classes.secrets_of(await self._class(), self._content.files, _LABELS):
            await secrets.complete_owners(self._it.cluster, secret, owners)

    async def remove_status(self) -> None:
        """Stand in for the garbage collector: take away the status of a pod that has gone."""
        status = await self._it.cluster.get(self._status)
        owners = status["metadata"].get("ownerReferences", []) if status else []
        if self.pod["metadata"]["uid"] in {owner["uid"] for owner in owners}:
            await self._it.cluster.delete(self._status)

    async def _republish(self) -> None:
        """1.6: mount anew if the content has not changed for one interval; an error is masked, the old files stay."""
        due = self._changed_at + self._it.pace.poll
        if self._keeps() or asyncio.get_running_loop().time() < due:
            return
        try:
            await self._mount(await self._class())
        except (RefusedError, aiohttp.ClientError, TimeoutError) as error:
            _log.info("masked, the old files of %s stay: %s", self.pod["metadata"]["name"], error)

    async def _rotate(self) -> None:
        """1.5: fetch whatever the age, then patch the Secrets; a pod whose status is gone has dropped out."""
        if self._keeps() or await self._it.cluster.get(self._status) is None:
            return
        class_ = await self._class()
        content = await self._mount(class_)
        for secret in classes.secrets_of(class_, content.files, _LABELS):
            await secrets.patch_rotated(self._it.cluster, secret)

    async def _mount(self, class_: Document) -> Content:
        """Fetch all, take it over if anything differs, and record the versions."""
        fetched = await self._it.vault.fetch(class_)
        if self._content is None or self._content.files != fetched.files:
            self._changed_at = asyncio.get_running_loop().time()
        self._content = fetched
        await self._record()
        return fetched

    async def _record(self) -> None:
        wanted = manifests.pod_status(self.pod, self.class_, volume=self._name, versions=self.versions)
        current = await self._it.cluster.get(self._status)
        if current is None:
            await self._it.cluster.create(self._statuses, wanted)
            return
        metadata = current["metadata"]
        changed = {
            "labels": metadata.get("labels", {}) | wanted["metadata"]["labels"],
            "ownerReferences": wanted["metadata"]["ownerReferences"],
        }
        replacement = current | {"metadata": metadata | changed, "status": wanted["status"]}
        if replacement != current:
            await self._it.cluster.replace(self._status, replacement)

    async def _class(self) -> Document:
        class_ = await self._it.cluster.get(self._class_path)
        if class_ is None:
            raise RefusedError(f"no SecretProviderClass {self.class_}")
        return class_

    def _keeps(self) -> bool:
        """Answer whether the volume stays as it is: nothing rotates, the pod is held, or it has ended."""
        return not self._it.rotation or self.pod["metadata"]["name"] in self._it.held or has_ended(self.pod)


def has_ended(pod: Document) -> bool:
    """Answer whether a pod's containers have all ended for good."""
    return pod.get("status", {}).get("phase") in _ENDED


def volumes_of(pod: Document) -> Iterable[tuple[str, str]]:
    """Return name and class of each volume that the driver mounts for a pod: of a class only the first."""
    if has_ended(pod):
        return []
    found: dict[str, str] = {}
    for volume in pod.get("spec", {}).get("volumes") or ():
        csi = volume.get("csi") or {}
        class_ = (csi.get("volumeAttributes") or {}).get("secretProviderClass")
        if csi.get("driver") == DRIVER and class_:
            found.setdefault(class_, volume["name"])
    return [(name, class_) for class_, name in found.items()]
