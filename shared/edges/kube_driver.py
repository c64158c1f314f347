"""What runs the CSI driver in a cluster, asked of its CSIDriver object and its DaemonSets."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from shared import driver
from shared.driver import DriverFacts
from shared.edges import kube_pages
from shared.edges.kube_api import KubeApi, path
from shared.errors import ConfigurationError
from shared.observed import Driver
from shared.reason import Reason

_SYSTEM = "kube-system"


async def detect(api: KubeApi, override: Driver | None) -> DriverFacts:
    """Read what the identity may read, and tell what it says. What it may not read is as if it were not there."""
    if override is not None:
        return driver.detect(None, (), override)
    csidriver = await _readable(api, path("storage.k8s.io/v1", "csidrivers", name=driver.NAME))
    return driver.detect(csidriver, await _daemonsets(api))


async def _daemonsets(api: KubeApi) -> Sequence[Mapping[str, Any]]:
    """List the driver's DaemonSets by label; those of the static manifests have none and are read by name."""
    try:
        query = {"labelSelector": driver.SELECTOR}
        found = [one async for one in kube_pages.objects(api, path("apps/v1", "daemonsets"), query)]
    except ConfigurationError as error:
        if error.reason is not Reason.CLUSTER_FORBIDDEN:
            raise
        return []
    if found:
        return found
    places = [path("apps/v1", "daemonsets", namespace=_SYSTEM, name=name) for name in driver.UNLABELLED]
    named = await asyncio.gather(*[_readable(api, place) for place in places])
    return [one for one in named if one is not None]


async def _readable(api: KubeApi, where: str) -> Mapping[str, Any] | None:
    try:
        return await api.get(where)
    except ConfigurationError as error:
        if error.reason is not Reason.CLUSTER_FORBIDDEN:
            raise
        return None
