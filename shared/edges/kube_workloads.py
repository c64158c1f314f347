"""Which workloads of a cluster opted in to restarts: their metadata is listed, and only those that did are read.

A kind that the identity may not list is passed over, with one warning: many clusters have no Rollouts and grant none,
and restarts are asked for by few.
"""

import asyncio
import logging
from collections.abc import Sequence

from shared import parts, workload
from shared.edges import kube_pages
from shared.edges.kube_api import METADATA_LIST, KubeApi, path
from shared.errors import ConfigurationError
from shared.reason import Reason
from shared.rollout import KINDS, Kind
from shared.workload import Workload

_log = logging.getLogger(__name__)


class Workloads:
    """The workloads of one cluster."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api
        self._forbidden: set[Kind] = set()

    async def opted_in(self) -> Sequence[Workload]:
        """Return the workloads of all namespaces that opted in. Requests are bounded by the API's own concurrency."""
        listed = await asyncio.gather(*[self._list(kind) for kind in KINDS])
        places = [(kind, *place) for kind, found in zip(KINDS, listed, strict=True) for place in found]
        read = await asyncio.gather(*[self._read(*place) for place in places])
        return [one for one in read if one is not None]

    async def _list(self, kind: Kind) -> Sequence[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        try:
            where = path(kind.group_version, kind.plural)
            async for manifest in kube_pages.objects(self._api, where, accept=METADATA_LIST):
                meta = parts.mapping(manifest, "metadata")
                if workload.OPT_IN in parts.mapping(meta, "annotations"):
                    found.append((str(meta.get("namespace", "")), str(meta.get("name", ""))))
        except ConfigurationError as error:
            if error.reason is not Reason.CLUSTER_FORBIDDEN:
                raise
            if kind not in self._forbidden:
                self._forbidden.add(kind)
                advice = "apply deploy/kubernetes/restart.yaml, or set RESTART_WORKLOADS to off"
                _log.warning("%s; no %s is restarted: %s", error, kind, advice)
            return ()
        self._forbidden.discard(kind)
        return found

    async def _read(self, kind: Kind, namespace: str, name: str) -> Workload | None:
        manifest = await self._api.get(path(kind.group_version, kind.plural, namespace=namespace, name=name))
        return workload.read(kind, manifest) if manifest else None
