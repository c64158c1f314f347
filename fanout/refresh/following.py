"""Look at the targets of an object again and again, until nothing more is to be seen or the time is over.

Each look compares the bytes as a refresh would, which costs one read of the vault for all clusters, and one list of
pod statuses for each namespace. Nothing is written.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from fanout import foresight
from fanout.foresight import Foresight, Subject
from fanout.prospect import Prospect
from fanout.refresh import verdict
from fanout.refresh.verdict import Followed
from shared import check
from shared.check import Shown
from shared.delegate import Delegate, Progress, Resource
from shared.errors import FanoutError
from shared.gathering import each
from shared.model import Target
from shared.ports import Cluster
from shared.settling import TOLERANCE
from shared.wiring import Assembly

_FIRST = 0.5
_LONGEST = 5.0
"""Seconds between two looks, growing from one to the other."""

_Asked = Mapping[tuple[str, Resource], tuple[Delegate, datetime]]


@dataclass(slots=True, kw_only=True)
class Following:
    """What is followed. `before` is what was foreseen before anything was done: what owners had seen by then."""

    app: Assembly
    subject: Subject
    clusters: Sequence[Cluster]
    only: Collection[Target] | None
    before: Foresight
    began: datetime
    found: tuple[Followed, ...] | None = None
    """What the last look found; None before the first one."""

    async def until_done(self, *, limit: float, say: Callable[[Sequence[Followed]], None]) -> None:
        """Look until nothing is open, `limit` seconds at most; `say` hears of each look."""
        loop = asyncio.get_running_loop()
        ends, wait = loop.time() + limit, _FIRST
        found = await self.look()
        say(found)
        while any(one.open for one in found) and loop.time() + wait < ends:
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, _LONGEST)
            found = await self.look()
            say(found)

    async def look(self) -> Sequence[Followed]:
        """Look once."""
        app = self.app
        seen = await foresight.foresee(app.neighbours, app.limits, self.subject, self.clusters, self.only)
        ends = asyncio.get_running_loop().time() + app.limits.deadline
        by_cluster = {
            cluster.name: (cluster, [one for one in seen.prospects if one.target.cluster == cluster.name])
            for cluster in self.clusters
        }
        looks = [self._cluster(cluster, prospects, ends) for cluster, prospects in by_cluster.values()]
        self.found = tuple(one for found in await asyncio.gather(*looks) for one in found)
        return self.found

    async def _cluster(self, cluster: Cluster, prospects: Sequence[Prospect], ends: float) -> list[Followed]:
        mounting = sorted({one.target.namespace for one in prospects if one.mounts and one.mounts.expected})
        asked = self._asked()
        wanted = {
            (cluster.name, delegate.resource): asked.get((cluster.name, delegate.resource), (delegate, self.began))
            for one in prospects
            for delegate in one.delegates
        }
        statuses, pods, progress = await asyncio.gather(
            each({name: cluster.pod_statuses(name) for name in mounting}, cluster.name, ends=ends),
            each({name: cluster.pods(name) for name in mounting}, cluster.name, ends=ends),
            each({key: cluster.progress(*found) for key, found in wanted.items()}, cluster.name, ends=ends),
        )

        def shown(one: Prospect) -> Shown | FanoutError | None:
            if one.mounts is None or not one.mounts.expected:
                return None
            listed, running = statuses[one.target.namespace], pods[one.target.namespace]
            if isinstance(listed, FanoutError):
                return listed
            # Where pods may not be listed, the statuses of finished ones count as those of running ones.
            names = None if isinstance(running, FanoutError) else frozenset(pod.name for pod in running)
            return check.count(one.mounts, listed, names)

        def said(one: Prospect) -> list[Progress | FanoutError | None]:
            return [progress[cluster.name, delegate.resource] for delegate in one.delegates]

        return [verdict.judge(one, shown(one), said(one)) for one in prospects]

    def _asked(self) -> _Asked:
        """Tell since when a look of each owner counts: one that was asked for this version before may have looked."""
        found: dict[tuple[str, Resource], tuple[Delegate, datetime]] = {}
        for one in self.before.prospects:
            for delegate in one.delegates:
                made = one.served.created if one.served else None
                again = one.served is not None and delegate.asked == one.served.version
                known = replace(delegate, mark="") if again else delegate
                since = min(self.began, made - TOLERANCE) if made and not known.mark else self.began
                found[one.target.cluster, delegate.resource] = known, since
        return found
