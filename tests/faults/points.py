"""Points at which a process can die: before and after the effect of each of its calls.

A call is met at the server. Before its effect: the process is killed and the connection cut. After it: the process is
stopped, the request takes its effect, then the process is killed; it never sees the answer.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from devstack import stack
from devstack.faults import Fault
from devstack.keyvault.objects import Request as VaultRequest
from devstack.kubernetes import Request as ClusterRequest
from devstack.servicebus import Operation

from .estate import Estate
from .hosts import Host

Neighbour = Literal["vault", "cluster", "broker"]

_AFTER = 0.02
"""Seconds for a request to take its effect, while the process that made it stands still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The `index`th call of a process to a neighbour (`name` is only to be read), before or after its effect."""

    neighbour: Neighbour
    index: int
    name: str
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} call {self.index} of the {self.neighbour}, {self.name}"


class Calls:
    """Watches every call that the app makes to any neighbour, and lets its process die at one of them."""

    def __init__(self, estate: Estate) -> None:
        self.seen: list[tuple[Neighbour, str]] = []
        self._estate = estate

    def watch(self) -> None:
        """Count calls from now on."""
        self._plan(lambda _neighbour, _name: False, Fault())

    def arm(self, point: Point, *, beside: int = 0) -> None:
        """Let the present host die at a point; the first `beside` calls of the broker are a test's own."""
        host, count = self._estate.host, -1 - (beside if point.neighbour == "broker" else 0)

        def here(neighbour: Neighbour, _: str) -> bool:
            nonlocal count
            count += neighbour == point.neighbour
            if neighbour != point.neighbour or count != point.index:
                return False
            _end(host, after=point.after)
            return True

        self._plan(here, Fault(drop=True, after=point.after))

    def disarm(self) -> None:
        """Let everybody live."""
        running = self._estate.scene.stack
        running.vault.faults.clear()
        running.cluster.faults.clear()
        running.bus.faults.clear()

    def points(self) -> list[Point]:
        """Return all points of the calls seen."""
        counts: dict[Neighbour, int] = {}
        found: list[Point] = []
        for neighbour, name in self.seen:
            index = counts[neighbour] = counts.get(neighbour, -1) + 1
            found += [Point(neighbour=neighbour, index=index, name=name, after=after) for after in (False, True)]
        return found

    def _plan(self, matches: Callable[[Neighbour, str], bool], fault: Fault) -> None:
        running = self._estate.scene.stack

        def meet(neighbour: Neighbour, name: str) -> bool:
            self.seen.append((neighbour, name))
            return matches(neighbour, name)

        def vault(request: VaultRequest) -> bool:
            return meet("vault", f"{request.operation} {request.name}")

        def cluster(request: ClusterRequest) -> bool:
            own = request.user == stack.APP_USER and request.verb != "watch"  # may be opened after the answer
            return own and meet("cluster", f"{request.verb} {request.resource} {request.name}".rstrip())

        def broker(operation: Operation) -> bool:
            counts = operation.kind in {"send", "settle"}
            return counts and meet("broker", f"{operation.kind} {operation.entity}")

        running.vault.faults.plan(vault, fault, times=None)
        running.cluster.faults.plan(cluster, fault, times=None)
        running.bus.faults.plan(broker, fault, times=None)


async def walk(
    estates: Sequence[Estate], points: Iterable[Point], die: Callable[[Estate, Point], Awaitable[None]]
) -> None:
    """Visit every point, several at a time, each in an estate that is used for nothing else meanwhile.

    Most of a visit is waiting: the SDK takes half a second to open a sender, and a cold process opens two.
    """
    left = deque(points)

    async def visit(estate: Estate) -> None:
        while left:
            await die(estate, left.popleft())

    async with asyncio.TaskGroup() as group:
        for estate in estates:
            group.create_task(visit(estate))


def _end(host: Host, *, after: bool) -> None:
    if after:
        host.freeze()
        asyncio.get_running_loop().call_later(_AFTER, host.kill)
    else:
        host.kill()
