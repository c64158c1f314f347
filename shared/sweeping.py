"""The sweep: find what no event told, and put it on the queue. Effects through the ports only.

It lists every vault (no values) and every cluster's declarations, looks at the metadata of the Secrets that they name,
and gives the suspects of each object and cluster a job: the flow then compares their bytes with the vault's. So the
vault is asked for pages of properties, for the version lists of what changed, and for one value for each such job.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from shared import chain, declarations, followup, measure, notice, observe, record, record_sweep, sweep, trace
from shared.declarations import Found
from shared.errors import ConfigurationError, FanoutError
from shared.event import EventKind, VaultEvent
from shared.gathering import each
from shared.index import Index
from shared.job import RefreshJob
from shared.model import Target, VaultObject
from shared.neighbours import Limits, ListedVault, Neighbours
from shared.notice import ChangeNotice
from shared.observed import ListedObject, SecretState
from shared.pace import REMEMBERED
from shared.ports import Cluster, Heard
from shared.reason import Reason
from shared.sweep import Swept
from shared.trace import Hop

_AT_ONCE = 200
"""Secrets whose metadata is asked for at a time."""

_SPREAD = 0.05
"""Seconds between two jobs, so that a sweep after an outage does not meet the vault all at once."""


class Sweeper:
    """Sweeps. One for each event loop."""

    def __init__(self, neighbours: Neighbours, limits: Limits, *, now: Callable[[], datetime]) -> None:
        self._neighbours = neighbours
        self._limits = limits
        self._now = now

    async def run(self) -> Swept:
        """Sweep all vaults and clusters once.

        What fails costs only itself. Raises an `ExceptionGroup` of all that failed, after the rest was done, so that
        the invocation is seen to fail.
        """
        with trace.span(Hop.SWEEP) as span:
            swept = await self._run()
            if swept.errors:
                trace.fail(span, str(swept.errors[0].reason))
        if swept.errors:
            raise ExceptionGroup(f"{len(swept.errors)} parts of the sweep failed", swept.errors[: record.MOST_NAMED])
        return swept

    async def _run(self) -> Swept:
        swept, began = Swept(), self._now()
        ends = asyncio.get_running_loop().time() + self._limits.sweep
        vaults = self._neighbours.vaults
        lists = {name: one.vault.inventory() for name, one in vaults.items()}
        listed = await each(lists, "vaults", ends=ends, late=Reason.VAULT_UNREACHABLE)
        objects = [one for found in listed.values() if not isinstance(found, FanoutError) for one in found]
        swept.errors += [found for found in listed.values() if isinstance(found, FanoutError)]
        swept.objects = len(objects)
        answered = [name for name, found in listed.items() if not isinstance(found, FanoutError)]
        serving = [one for one in objects if one.enabled and (one.not_before is None or one.not_before <= began)]
        suspects = await asyncio.gather(
            *[self._of_cluster(cluster, serving, swept, ends) for cluster in self._neighbours.clusters]
        )
        recent = [one for one in serving if self._is_recent(one, began)]
        versions = await self._versions(
            {*(one.object for one in recent), *(one for found in suspects for one in found)}, swept, ends
        )
        causes = {one.object: _cause(one, versions[one.object], began) for one in serving if versions.get(one.object)}
        await self._schedule(suspects, causes, swept, began)
        await self._watch([causes[one.object] for one in recent if one.object in causes], swept, began)
        seconds = (self._now() - began).total_seconds()
        record_sweep.swept(swept, seconds=seconds)
        measure.swept(swept, seconds=seconds)
        measure.expiry(objects, answered, self._now(), named=self._limits.named)
        return swept

    async def _of_cluster(
        self, cluster: Cluster, serving: Sequence[ListedObject], swept: Swept, ends: float
    ) -> Mapping[VaultObject, list[Target]]:
        """Return the suspects of one cluster by object."""
        declared, missed = await observe.list_declared(cluster, None, ends=ends)
        swept.errors += missed
        index = Index(declared)
        named: list[tuple[ListedObject, Target, tuple[Found, ...]]] = []
        for one in serving:
            host = self._neighbours.vaults[one.object.vault].host
            found = declarations.find(index.about(one.object), one.object, host, pinned=True)
            targets = declarations.by_target(cluster.name, declarations.within_limits(found))
            named += [(one, target, items) for target, items in targets if target.secret]
            await asyncio.sleep(0)  # so that a large cluster holds nobody else up
        swept.targets += len(named)
        suspects: dict[VaultObject, list[Target]] = {}
        states: dict[Target, SecretState | FanoutError | None] = {}
        for start in range(0, len(named), _AT_ONCE):
            part = named[start : start + _AT_ONCE]
            new = {target for _, target, _ in part} - states.keys()
            calls = {target: cluster.secret_state(target.namespace, target.secret) for target in new}
            states |= await each(calls, cluster.name, ends=ends)
            for one, target, items in part:
                state = states[target]
                if isinstance(state, FanoutError):
                    swept.errors.append(state)
                elif state is not None and sweep.is_suspect(items, state, one):
                    suspects.setdefault(one.object, []).append(target)
        swept.suspects += sum(map(len, suspects.values()))
        return suspects

    def _is_recent(self, listed: ListedObject, began: datetime) -> bool:
        return listed.created is not None and listed.created >= began - timedelta(seconds=self._limits.lookback)

    async def _versions(self, wanted: set[VaultObject], swept: Swept, ends: float) -> Mapping[VaultObject, str]:
        """Ask for the newest version of what changed lately or is suspect."""
        calls = {about: self._neighbours.vaults[about.vault].vault.newest(about) for about in wanted}
        found = await each(calls, "vaults", ends=ends, late=Reason.VAULT_UNREACHABLE)
        swept.errors += [one for one in found.values() if isinstance(one, FanoutError)]
        return {about: one for about, one in found.items() if isinstance(one, str)}

    async def _schedule(
        self,
        suspects: Sequence[Mapping[VaultObject, list[Target]]],
        causes: Mapping[VaultObject, VaultEvent],
        swept: Swept,
        began: datetime,
    ) -> None:
        jobs: list[RefreshJob] = []
        for found, cluster in zip(suspects, self._neighbours.clusters, strict=True):
            for about, targets in found.items():
                if about in causes:
                    names = [(target.namespace, target.secret) for target in targets]
                    jobs += followup.shares(causes[about], cluster.name, names, began)
        spread = _SPREAD * len(jobs)
        jobs = [followup.at(job, began + timedelta(seconds=spread * random.random())) for job in jobs]  # noqa: S311 - jitter
        try:
            if jobs:
                with trace.sending(Hop.SCHEDULE, len(jobs)):
                    await self._neighbours.queue.schedule(jobs)
        except FanoutError as error:
            swept.errors.append(error)
        else:
            measure.scheduled(jobs)
            swept.jobs = len(jobs)

    async def _watch(self, recent: Sequence[VaultEvent], swept: Swept, began: datetime) -> None:
        """Compare what changed with what was told, tell the rest, and hear whether events still come.

        What changed a moment ago is left to its event, which may be under way.
        """
        watch, silence = self._neighbours.watch, self._limits.heartbeat
        heard: Heard | None = None
        if watch is not None:
            try:
                heard = await watch.heard()
            except FanoutError as error:
                swept.errors.append(error)  # all of it is told then: the topic drops what was told already
        if heard is not None and silence and (heard.newest is None or _age(heard.newest, began) > silence):
            record_sweep.silent(heard.newest)
            text = f"no event arrived for more than {silence:g} s"
            swept.errors.append(ConfigurationError(text, reason=Reason.EVENTS_SILENT))
        told = heard.versions if heard else frozenset()
        settled = [one for one in recent if one.time is not None and _age(one.time, began) > self._limits.grace]
        untold = [one for one in settled if (one.object, one.version) not in told]
        if heard is not None:
            swept.missed = [one.object for one in untold]
            measure.missed(swept.missed, self._neighbours.vaults)
            measure.silence(min(_age(heard.newest, began) if heard.newest else REMEMBERED, REMEMBERED))
        notices = [self._notice(self._neighbours.vaults[one.object.vault], one) for one in untold]
        try:
            if notices:
                with trace.sending(Hop.TELL, len(notices)):
                    await self._neighbours.bus.publish(notices)
        except FanoutError as error:
            swept.errors.append(error)

    def _notice(self, listed: ListedVault, cause: VaultEvent) -> ChangeNotice:
        return notice.about_object(
            cause, version=cause.version, vault_url=listed.url, at=self._now(), origin=notice.Origin.SWEEP
        )


def _age(moment: datetime, now: datetime) -> float:
    return (now - moment).total_seconds()


def _cause(listed: ListedObject, version: str, began: datetime) -> VaultEvent:
    """Make up the event that did not come."""
    return VaultEvent(
        id=chain.sweep_id(began),
        kind=EventKind.NEW_VERSION,
        object=listed.object,
        version=version,
        time=listed.created,
        trace=trace.current(),
    )
