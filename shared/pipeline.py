"""The whole story of one event: parse, look, read, decide, write, tell.

What can never succeed is recorded and ended here (design 2.7). What may succeed later is raised after everything else
was done, all of it in one `ExceptionGroup`, so that Event Grid delivers the event again.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared import event, notice, refresh, waking
from shared.errors import (
    ConfigurationError,
    FanoutError,
    MalformedEvent,
    PermanentError,
    TransientError,
    describe_fault,
)
from shared.event import EventKind, IgnoredEvent, VaultEvent
from shared.model import ObjectType, VaultRead
from shared.outcome import Action, TargetOutcome
from shared.ports import Bus, Cluster, Vault
from shared.reading import SharedReads
from shared.reason import Reason, remedy

_log = logging.getLogger(__name__)

_AT_ONCE = 64
"""Events under way at a time in one process; the others wait within their own deadline."""

_MOST_NAMED = 20
"""Errors that are named one by one; the host logs every one that is raised."""


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
            _log.error("event refused: %s", error)
            return
        failures = await asyncio.gather(*[self._handle_one(envelope) for envelope in envelopes])
        errors = [error for group in failures for error in group]
        if errors:
            raise ExceptionGroup(f"{len(errors)} effects have to be tried again", errors[:_MOST_NAMED])

    async def _handle_one(self, envelope: object) -> list[FanoutError]:
        """Handle one event and return what has to be tried again."""
        began = time.perf_counter()
        try:
            happened = event.parse(envelope)
        except MalformedEvent as error:
            _log.error("event refused: %s", error)
            return []
        if isinstance(happened, IgnoredEvent):
            _log.info("event %r ignored: type %r, %s", happened.id, happened.type, happened.why)
            return []
        _log.info("event %r: %s of %s version %s", happened.id, happened.kind, happened.object, happened.version)
        for remark in happened.remarks:
            _log.warning("event %r: %s", happened.id, remark)
        listed = self._listed(happened)
        if listed is None:
            return []
        telling = _Telling(self._neighbours.bus)
        outcomes: list[TargetOutcome] = []
        try:
            async with asyncio.timeout(self._limits.deadline), self._turns:
                if happened.kind is EventKind.NEW_VERSION:
                    await self._refresh(happened, listed, telling, outcomes)
                else:
                    await telling.tell(
                        [notice.about_object(happened, version=happened.version, vault_url=listed.url, at=self._now())]
                    )
        except TimeoutError:
            telling.errors.append(
                TransientError(f"not done within {self._limits.deadline:g} s", reason=Reason.DEADLINE)
            )
        except Exception as fault:  # noqa: BLE001 - the host would log its text, which may quote a value
            _log.error("event %r: a fault of this program: %s", happened.id, describe_fault(fault))
            telling.errors.append(
                TransientError(f"a fault of this program: {type(fault).__name__}", reason=Reason.UNEXPECTED)
            )
        errors = [*telling.errors, *[outcome.error for outcome in outcomes if outcome.error is not None]]
        _record(happened, outcomes, telling, errors, seconds=time.perf_counter() - began)
        return errors

    def _listed(self, happened: VaultEvent) -> ListedVault | None:
        """Return the event's vault if it is on the list, under the host that the event names."""
        listed = self._neighbours.vaults.get(happened.object.vault)
        if listed is not None and happened.host in {"", listed.host}:
            return listed
        _log.error(
            "event %r refused: vault %s at %r is not on the list%s. %s",
            happened.id,
            happened.object.vault,
            happened.host,
            f" (it is, at {listed.host!r})" if listed else "",
            remedy(Reason.UNLISTED_VAULT),
        )
        return None

    async def _refresh(
        self, happened: VaultEvent, listed: ListedVault, telling: "_Telling", outcomes: list[TargetOutcome]
    ) -> None:
        """Refresh all clusters at once; tell of each as soon as it is done."""
        clusters = self._neighbours.clusters
        own = _own_read(happened)
        shared = SharedReads(listed.vault, observers=len(clusters), own=own, announced=happened.version)
        errand = refresh.Errand(
            about=happened.object,
            version=happened.version,
            vault=listed.vault,
            vault_host=listed.host,
            ends=asyncio.get_running_loop().time() + self._limits.deadline - self._limits.telling,
            now=self._now,
        )

        async def one_cluster(cluster: Cluster) -> None:
            done = await refresh.refresh_cluster(errand, cluster, shared)
            outcomes.extend(done)
            for outcome in done:
                _record_target(happened, outcome)
            await asyncio.gather(
                telling.tell([told for outcome in done for told in notice.about_target(happened, outcome)]),
                self._wake(happened, cluster, done, ends=errand.ends),
            )

        try:
            ends = await asyncio.gather(
                self._tell_of_object(happened, listed, telling, shared if own else None),
                *[one_cluster(cluster) for cluster in clusters],
                return_exceptions=True,
            )
        finally:
            await shared.close()
        faults = [end for end in ends if isinstance(end, BaseException)]
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
        _log.info("event %r: %s: %d pods woken", happened.id, cluster.name, woken.pods)
        for error in woken.errors:
            _log.warning(
                "event %r: a pod is woken by its kubelet only: %s. %s", happened.id, error, remedy(error.reason)
            )

    async def _tell_of_object(
        self, happened: VaultEvent, listed: ListedVault, telling: "_Telling", shared: SharedReads | None
    ) -> None:
        """Say which version the vault serves now; for a key, which the app may not read, the event's."""
        version = happened.version
        if shared is not None:
            answer = await shared.own()
            if isinstance(answer, PermanentError):
                _log.warning("event %r: %s. %s", happened.id, answer, remedy(answer.reason))
                return
            if isinstance(answer, FanoutError):
                telling.errors.append(answer)
                return
            version = answer.version
        await telling.tell([notice.about_object(happened, version=version, vault_url=listed.url, at=self._now())])


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
            _log.error("a notice can never be sent: %s", error)
        except FanoutError as error:
            self.errors.append(error)
        else:
            self.told += len(notices)


def _plain(text: str) -> str:
    """Make a text that quotes a manifest fit for one line of a log: no line ends, no escapes, not without end."""
    return "".join(character if character.isprintable() else "?" for character in text[:1000])


def _record_target(happened: VaultEvent, outcome: TargetOutcome) -> None:
    versions = ", ".join(f"{held.object} {held.version}" for held in outcome.holds)
    _log.info(
        "event %r: %s: %s",
        happened.id,
        outcome.target,
        f"{outcome.action} {versions}, resourceVersion {outcome.resource_version}"
        if outcome.holds
        else f"{outcome.action}, {outcome.reason}: {_plain(outcome.detail)}",
    )


def _record(
    happened: VaultEvent,
    outcomes: Sequence[TargetOutcome],
    telling: _Telling,
    errors: Sequence[FanoutError],
    *,
    seconds: float,
) -> None:
    """Log the end of an event: one line that counts, and one for each fault that somebody has to mend."""
    for error in errors:
        if isinstance(error, ConfigurationError):
            _log.error("event %r: %s. %s", happened.id, _plain(str(error)), remedy(error.reason))
    counts = Counter(outcome.action for outcome in outcomes)
    _log.log(
        logging.WARNING if errors else logging.INFO,
        "event %r ended after %.0f ms: %s, %d told%s",
        happened.id,
        seconds * 1000,
        ", ".join(f"{counts[action]} {action}" for action in Action),
        telling.told,
        f"; tried again for {len(errors)}, first: {_plain('; '.join(map(str, errors[:_MOST_NAMED])))}"
        if errors
        else "",
    )
