"""What is done behind the servers' backs between two measurements.

Scenes are set, secrets rotated, delays planned, traffic counted. It runs in the servers' process; `servers` offers it
to the measuring one.
"""

import asyncio
import base64
import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks import relays
from devstack import stack
from devstack.faults import Fault
from devstack.keyvault import Refusal
from devstack.kubernetes import KubernetesApi
from devstack.servicebus import Operation

GRANT = {"keyvault-fanout-allow": "*/*"}
"""The tag by which a vault's owner lets every namespace have an object."""

_SAME_BATCH = 0.001


class Backstage:
    """The hands behind the servers. Every public method is a verb of `servers`; arguments and answers are JSON."""

    def __init__(self, running: stack.Stack, clusters: Sequence[KubernetesApi]) -> None:
        self._stack = running
        self._clusters = clusters
        self._count = itertools.count(1)
        self._relays: list[asyncio.Server] = []

    def apply(self, manifests: Sequence[dict[str, Any]], clusters: Sequence[int] = (0,)) -> None:
        """Put objects into clusters."""
        for number in clusters:
            for manifest in manifests:
                self._clusters[number].apply(manifest)

    def rotate(self, names: Sequence[str]) -> list[str]:
        """Give secrets a new value each and return their versions."""
        return [self._stack.vault.set_secret(name, f"value-{next(self._count)}", tags=GRANT) for name in names]

    def delay(self, vault: float = 0.0, cluster: float = 0.0, bus: float = 0.0) -> None:
        """Let every request wait so many seconds from now on; a batch of messages waits once."""
        self._stack.vault.faults.clear()
        self._stack.bus.faults.clear()
        if vault:
            self._stack.vault.faults.plan(lambda _: True, Fault(delay=vault), times=None)
        if bus:
            self._stack.bus.faults.plan(_once_a_batch(bus), Fault(delay=bus), times=None)
        for one in self._clusters:
            one.faults.clear()
            if cluster:
                one.faults.plan(lambda _: True, Fault(delay=cluster), times=None)

    def clear(self) -> None:
        """Forget every object, message, delay and count."""
        self._stack.vault.clear()
        self._stack.bus.clear()
        self.delay()
        for one in self._clusters:
            one.clear()
        self.counts()

    def counts(self) -> dict[str, int]:
        """Return what was asked of each server since the last time, by verb and kind, and forget it."""
        found: Counter[str] = Counter(f"vault {read.operation}" for read in self._stack.vault.reads)
        for one in self._clusters:
            found.update(f"{request.verb} {request.resource}" for request in one.requests if request.resource)
            one.clear_requests()
        self._stack.vault.clear_reads()
        return dict(sorted(found.items()))

    def told(self) -> list[list[str]]:
        """Return cluster, namespace, Secret and version of each notice about a target, duplicates left out."""
        return [
            [str(message.application_properties[name]) for name in ("cluster", "namespace", "secret", "version")]
            for message in self._stack.bus.accepted(stack.TOPIC)
            if not message.duplicate and message.application_properties["noticeType"] == "target.refreshed"
        ]

    def stale(self, targets: Sequence[Mapping[str, Any]]) -> int:
        """Count the Secrets (cluster, namespace, secret, key, object) that do not hold the newest value."""
        return sum(not self._is_newest(target) for target in targets)

    async def relay(self, port: int, seconds: float) -> int:
        """Listen on a port that leads to another one of loopback, each byte delayed by so much each way."""
        listening = await relays.listen(port, seconds)
        self._relays.append(listening)
        return int(listening.sockets[0].getsockname()[1])

    def quiet(self) -> None:
        """Forget the messages so far, so that a long run does not fill the memory."""
        self._stack.bus.clear()

    def _is_newest(self, target: Mapping[str, Any]) -> bool:
        found = self._clusters[target["cluster"]].get("secrets", target["namespace"], target["secret"])
        try:
            newest = self._stack.vault.get(target["object"]).value
        except Refusal:
            return False
        return found is not None and (found.get("data") or {}).get(target["key"]) == _base64(newest)


def _base64(value: str | None) -> str:
    return base64.b64encode((value or "").encode()).decode("ascii")


def _once_a_batch(seconds: float) -> Callable[[Operation], bool]:
    """Choose one message of each batch: the broker asks about all of them, one right after the other's delay."""
    loop = asyncio.get_running_loop()
    until = 0.0

    def chosen(operation: Operation) -> bool:
        nonlocal until
        now = loop.time()
        if operation.kind != "send" or now < until:
            return False
        until = now + seconds + _SAME_BATCH
        return True

    return chosen
