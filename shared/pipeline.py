"""The whole story of one event: parse, look, read, decide, write, tell.

What can never succeed is recorded and ended here (design 2.7). What may succeed later is raised after everything else
was done, all of it in one `ExceptionGroup`, so that Event Grid delivers the event again.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared import event, notice, record, refresh, waking
from shared.errors import (
    FanoutError,
    MalformedEvent,
    PermanentError,
    TransientError,
    describe_fault,
)
from shared.event import EventKind, IgnoredEvent, VaultEvent
from shared.model import ObjectType, VaultRead
from shared.outcome import TargetOutcome
from shared.ports import Bus, Cluster, Vault
from shared.reading import SharedReads
from shared.reason import Reason

_AT_ONCE = 64
"""Events under way at a time in one process; the others wait within their own deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedVault:
    """A vault on the configured list: its client, its URL, and the host that events have to name."""

    vault: Vault
    url: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Everyone the flow speaks to. `vaults` by name in lower case: nobody else is ever contacted."""

    vaults: Mapping[str, ListedVault]
    clusters: Sequence[Cluster]
    bus: Bus


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds that one event may take, and how many of them are kept for telling; whether pods are woken."""

    deadline: float
    telling: float
    nudging: bool = True


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Pipeline:
    """The flow with its neighbours. One for each event loop; any number of events at once."""

    def __init__(self, neighbours: Neighbours, limits: Limits, *, now: Callable[[], datetime] = _utc_now) -> None:
        self._neighbours = neighbours
        self._limits = limits
        self._now = now
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def handle(self, payload: str | bytes) -> None:
        """Handle what Event Grid delivered: one event, or an array of them.

        Returns when every effect is done, or can never be. Raises an `ExceptionGroup` of `FanoutError`s when something
        has to be tried again.
        """
        try:
            envelopes = event.split(payload)
        except MalformedEvent as error:
            record.refused(error)
            return
        failures = await asyncio.gather(*[self._handle_one(envelope) for envelope in envelopes])
        errors = [error for group in failures for error in group]
        if errors:
            raise ExceptionGroup(f"{len(errors)} effects have to be tried again", errors[: record.MOST_NAMED])

    async def _handle_one(self, envelope: object) -> list[FanoutError]:
        """Handle one event and return what has to be tried again."""
        began = time.perf_counter()
        ends = asyncio.get_running_loop().time() + self._limits.deadline
        happened = _understand(envelope)
        listed = self._listed(happened) if happened else None
        if happened is None or listed is None:
            return []
        telling = _Telling(self._neighbours.bus)
        outcomes: list[TargetOutcome] = []
        try:
            async with asyncio.timeout_at(ends), self._turns:
                if happened.kind is EventKind.NEW_VERSION:
                    await self._refresh(happened, listed, telling, outcomes, ends=ends - self._limits.telling)
                else:
                    await telling.tell(
                        [notice.about_object(happened, version=happened.version, vault_url=listed.url, at=self._now())]
                    )
        except TimeoutError:
            telling.errors.append(
                TransientError(f"not done within {self._limits.deadline:g} s", reason=Reason.DEADLINE)
            )
        except Exception as fault:  # noqa: BLE001 - the host would log its text, which may quote a value
            record.fault(happened, describe_fault(fault))
            telling.errors.append(
                TransientError(f"a fault of this program: {type(fault).__name__}", reason=Reason.UNEXPECTED)
            )
        errors = [*telling.errors, *[outcome.error for outcome in outcomes if outcome.error is not None]]
        record.ended(happened, outcomes, errors, told=telling.told, seconds=time.perf_counter() - began)
        return errors

    def _listed(self, happened: VaultEvent) -> ListedVault | None:
        """Return the event's vault if it is on the list, under the host that the event names."""
        listed = self._neighbours.vaults.get(happened.object.vault)
        if listed is not None and happened.host in {"", listed.host}:
            return listed
        record.unlisted(happened, listed.host if listed else "")
        return None

    async def _refresh(
        self,
        happened: VaultEvent,
        listed: ListedVault,
        telling: "_Telling",
        outcomes: list[TargetOutcome],
        *,
        ends: float,
    ) -> None:
        """Refresh all clusters at once, until `ends`; tell of each as soon as it is done."""
        clusters = self._neighbours.clusters
        own = _own_read(happened)
        shared = SharedReads(listed.vault, observers=len(clusters), own=own, announced=happened.version)
        errand = refresh.Errand(
            about=happened.object,
            version=happened.version,
            vault=listed.vault,
            vault_host=listed.host,
            ends=ends,
            now=self._now,
        )

        async def one_cluster(cluster: Cluster) -> None:
            done = await refresh.refresh_cluster(errand, cluster, shared)
            outcomes.extend(done)
            for outcome in done:
                record.target(happened, outcome)
            await asyncio.gather(
                telling.tell([told for outcome in done for told in notice.about_target(happened, outcome)]),
                self._wake(happened, cluster, done, ends=errand.ends),
            )

        try:
            results = await asyncio.gather(
                self._tell_of_object(happened, listed, telling, shared if own else None),
                *[one_cluster(cluster) for cluster in clusters],
                return_exceptions=True,
            )
        finally:
            await shared.close()
        faults = [result for result in results if isinstance(result, BaseException)]
        if faults:
            # A fault of this program, met only after the others were done: the event comes back.
            raise faults[0]

    async def _wake(
        self, happened: VaultEvent, cluster: Cluster, done: Sequence[TargetOutcome], *, ends: float
    ) -> None:
        """Wake the pods that wait for what was done. What fails here is only slower."""
        wakes = [outcome.wake for outcome in done if outcome.wake is not None]
        if not wakes or not self._limits.nudging:
            return
        limit = min(ends, asyncio.get_running_loop().time() + cluster.timeout)
        woken = await waking.wake(cluster, wakes, ends=limit)
        record.woken(happened, cluster.name, woken)

    async def _tell_of_object(
        self, happened: VaultEvent, listed: ListedVault, telling: "_Telling", shared: SharedReads | None
    ) -> None:
        """Say which version the vault serves now; for a key, which the app may not read, the event's."""
        version = happened.version
        if shared is not None:
            answer = await shared.own()
            if isinstance(answer, PermanentError):
                record.untold(happened, answer)
                return
            if isinstance(answer, FanoutError):
                telling.errors.append(answer)
                return
            version = answer.version
        await telling.tell([notice.about_object(happened, version=version, vault_url=listed.url, at=self._now())])


def _understand(envelope: object) -> VaultEvent | None:
    """Read an event and record that it came; what is malformed or asks for nothing ends here."""
    try:
        happened = event.parse(envelope)
    except MalformedEvent as error:
        record.refused(error)
        return None
    if isinstance(happened, IgnoredEvent):
        record.ignored(happened)
        return None
    record.came(happened)
    return happened


def _own_read(happened: VaultEvent) -> VaultRead | None:
    """Return the read that verifies the object's own notice. A certificate is read as the secret of its name.

    A key that no class binds is not read: that takes a role (Key Vault Crypto User) which nothing else needs.
    """
    if happened.object.type is ObjectType.KEY:
        return None
    return VaultRead(type=ObjectType.SECRET, name=happened.object.name)


class _Telling:
    """What one event tells: how much was told, and what could not be."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.told = 0
        self.errors: list[FanoutError] = []

    async def tell(self, notices: Sequence[notice.ChangeNotice]) -> None:
        """Publish, and keep the failure: the other clusters' notices still go out."""
        try:
            await self._bus.publish(notices)
        except PermanentError as error:
            record.unsendable(error)
        except FanoutError as error:
            self.errors.append(error)
        else:
            self.told += len(notices)
