"""The right to restart workloads in a cluster: a Lease there, which one process at a time holds.

`deploy/kubernetes/restart.yaml` makes its namespace. Who holds it writes until when; who finds it run out takes it with
a guarded write, so that of two only one gets it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared import parts
from shared.edges.kube_api import Json, KubeApi, path
from shared.errors import ConflictError

NAMESPACE = "keyvault-fanout"
NAME = "restarts"
SECONDS = 60
"""Longer than any job takes, so that a holder that died is waited for no longer than that."""

_LEASES = path("coordination.k8s.io/v1", "leases", namespace=NAMESPACE)
_LEASE = path("coordination.k8s.io/v1", "leases", namespace=NAMESPACE, name=NAME)


async def hold(api: KubeApi, holder: str) -> bool:
    """Take the Lease; False where somebody else has it. Raises `ConfigurationError` where its namespace is missing."""
    now = datetime.now(UTC)
    taken: Json = {"holderIdentity": holder, "leaseDurationSeconds": SECONDS, "renewTime": _instant(now)}
    found = await api.get(_LEASE)
    if found is None:
        manifest = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": NAME}, "spec": taken}
        if await api.create(_LEASES, manifest):
            return True
        # Somebody was faster, or this was made already and only the answer was lost.
        found = await api.get(_LEASE)
    spec = parts.mapping(found, "spec")
    if parts.text(spec, "holderIdentity") not in {"", holder} and _lasts(spec, now):
        return False
    version = parts.text(found, "metadata", "resourceVersion")
    if not version:
        return False  # it has gone again, or it is no Lease: nothing would guard the write
    try:
        await api.merge_patch(_LEASE, {"metadata": {"resourceVersion": version}, "spec": taken}, attempts=1)
    except ConflictError:
        return False
    return True


async def release(api: KubeApi, holder: str) -> None:
    """Give the Lease back if it is still this holder's."""
    found = await api.get(_LEASE)
    if found is None or parts.mapping(found, "spec").get("holderIdentity") != holder:
        return
    version = parts.mapping(found, "metadata").get("resourceVersion")
    try:
        await api.merge_patch(
            _LEASE, {"metadata": {"resourceVersion": version}, "spec": {"holderIdentity": ""}}, attempts=1
        )
    except ConflictError:
        return  # somebody has taken it since, because it had run out


def _lasts(spec: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether a Lease is good. One whose time cannot be read, or lies further ahead than one lasts, is not."""
    renewed = parts.time(spec, "renewTime")
    return renewed is not None and abs(now - renewed) < timedelta(seconds=SECONDS)


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
