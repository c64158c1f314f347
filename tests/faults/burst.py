"""A burst: many objects, several versions of each, faults of every neighbour meanwhile, all chosen by a seed."""

import asyncio
import base64
import random
import time
from dataclasses import dataclass

from devstack import eventgrid, seed, stack
from devstack.faults import Fault
from devstack.keyvault.objects import Request as VaultRequest
from devstack.kubernetes import Request as ClusterRequest
from devstack.servicebus import Operation
from tests.e2e.scene import MARK

from .breaking import answer
from .estate import Estate

AT_ONCE = 24
_IN_NAMESPACE = 10
"""Objects whose classes share a namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What a burst came to."""

    events: int
    seconds: float
    settled: float
    redelivered: int
    faults: int
    jobs: int
    dead: int

    def __str__(self) -> str:
        return (
            f"{self.events} events in {self.seconds:.1f} s ({self.events / self.seconds:.0f} a second), all settled "
            f"after {self.settled:.1f} s; {self.faults} faults met, {self.jobs} jobs, {self.redelivered} redeliveries, "
            f"{self.dead} dead letters"
        )


class Burst:
    """`objects` secrets, each with a class, a mount and a Secret of its own, and events about `versions` of each."""

    def __init__(self, estate: Estate, *, objects: int, versions: int, chosen: int) -> None:
        self._estate = estate
        self._chance = random.Random(chosen)
        self._names = [f"object-{number}" for number in range(objects)]
        self._versions = versions
        self._faults = 0

    def furnish(self) -> None:
        """Put the objects into the vault, and what is bound to them into the cluster."""
        running = self._estate.scene.stack
        for number, name in enumerate(self._names):
            value = f"{MARK}-first"
            version = running.vault.set_secret(name, value)
            for manifest in _bound(name, version, value):
                manifest["metadata"]["namespace"] = self._namespace(number)
                running.cluster.apply(manifest)

    async def run(self) -> Numbers:
        """Deliver all events, redeliver what came back, and do the jobs until there is none."""
        self._break()
        coming = [name for name in self._names for _ in range(self._versions)]
        self._chance.shuffle(coming)
        began, back = time.perf_counter(), 0
        events = len(coming)

        async def post() -> None:
            nonlocal back
            while coming:
                event = self._event(coming.pop())
                while await self._estate.deliver(event) != 202:
                    back += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(post())
        delivered = time.perf_counter() - began
        await self._estate.work_all()
        return Numbers(
            events=events,
            seconds=delivered,
            settled=time.perf_counter() - began,
            redelivered=back,
            faults=self._faults,
            jobs=len(self._estate.scene.jobs("refresh")),
            dead=len(self._estate.scene.stack.bus.messages(f"{stack.QUEUE}/$DeadLetterQueue")),
        )

    def lost(self) -> list[str]:
        """Return the objects whose Secret is not the newest, went back meanwhile, or was not told of."""
        scene, wrong = self._estate.scene, []
        told = {(one["secret"], one["version"]) for one in scene.told("target.refreshed")}
        for number, name in enumerate(self._names):
            newest = scene.stack.vault.get(name)
            held = self._past(number)
            ages = [int(value.rpartition("-")[2]) for value in held[1:]]
            if held[-1] != newest.value or ages != sorted(ages) or (name, newest.version) not in told:
                wrong.append(name)
        return wrong

    def _past(self, number: int) -> list[str]:
        """Return every value that a Secret has had, oldest first; they end in a number that counts up."""
        states = self._estate.scene.stack.cluster.history_of("secrets", self._namespace(number), self._names[number])
        return [base64.b64decode(state["data"][seed.KEY]).decode() for state in states]

    def _event(self, name: str) -> eventgrid.Event:
        return self._estate.scene.event(self._estate.scene.rotate(name), name=name)

    def _namespace(self, number: int) -> str:
        return f"space-{number // _IN_NAMESPACE}"

    def _break(self) -> None:
        """Let every 7th read of a value be throttled, every 11th patch fail, every 13th send be cut off."""
        running, counts = (
            self._estate.scene.stack,
            {name: self._chance.randrange(7) for name in ("vault", "patch", "send")},
        )

        def hits(kind: str, *, counted: bool, every: int) -> bool:
            counts[kind] += counted
            hit = counted and counts[kind] % every == 0
            self._faults += hit
            return hit

        def reads(request: VaultRequest) -> bool:
            return hits("vault", counted=request.operation == "get", every=7)

        def patches(request: ClusterRequest) -> bool:
            return hits("patch", counted=request.verb == "patch", every=11)

        transfer = _Transfer()

        def sends(operation: Operation) -> bool:
            return operation.kind == "send" and hits("send", counted=transfer.begins(), every=13)

        running.vault.faults.plan(reads, answer(429), times=None)
        running.cluster.faults.plan(patches, answer(500), times=None)
        running.bus.faults.plan(sends, Fault(drop=True), times=None)


class _Transfer:
    """Tells where a batch begins: its messages are asked about one after the other, without a pause.

    Counted by messages, a batch of more than twelve would be cut off every time.
    """

    def __init__(self) -> None:
        self._under_way = False

    def begins(self) -> bool:
        """Tell whether this message is the first one of its batch."""
        if self._under_way:
            return False
        self._under_way = True
        asyncio.get_running_loop().call_soon(self._end)
        return True

    def _end(self) -> None:
        self._under_way = False


def _bound(name: str, version: str, value: str) -> list[seed.Manifest]:
    class_ = seed.provider_class(vault=stack.VAULT)
    class_["spec"]["parameters"]["objects"] = class_["spec"]["parameters"]["objects"].replace(seed.OBJECT, name)
    class_["spec"]["secretObjects"] = [
        {"secretName": name, "type": "Opaque", "data": [{"key": seed.KEY, "objectName": name}]}
    ]
    mount = seed.pod_status(name, version=version)
    mount["status"] |= {"secretProviderClassName": name, "objects": [{"id": f"secret/{name}", "version": version}]}
    manifests = [class_, mount, seed.synced_secret(value)]
    for manifest in manifests:
        manifest["metadata"]["name"] = name
    return manifests
