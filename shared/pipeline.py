"""The whole story of one event: parse, look, read, decide, write, tell.

What can never succeed is recorded and ended here (design 2.7). What may succeed later becomes a job on the queue.
Raised, after everything else was done and all in one `ExceptionGroup`, is only what the queue did not take, a deadline
that passed, or a fault of our own: then Event Grid delivers the event again.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from shared import event, measure, record, trace
from shared.delivery import Delivery, own_read
from shared.errors import (
    FanoutError,
    MalformedEvent,
    TransientError,
    describe_fault,
)
from shared.event import EventKind, IgnoredEvent, VaultEvent
from shared.job import RefreshJob
from shared.neighbours import Limits, ListedVault, Neighbours
from shared.reading import SharedReads
from shared.reason import Reason
from shared.trace import Hop

_AT_ONCE = 64
"""Events under way at a time in one process; the others wait within their own deadline."""


def utc_now() -> datetime:
    """Answer the time."""
    return datetime.now(UTC)


class Pipeline:
    """The flow with its neighbours. One for each event loop; any number of events at once."""

    def __init__(self, neighbours: Neighbours, limits: Limits, *, now: Callable[[], datetime] = utc_now) -> None:
        self._neighbours = neighbours
        self._limits = limits
        self._now = now
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def handle(self, payload: str | bytes) -> None:
        """Handle what Event Grid delivered: one event, or an array of them.

        Returns when every effect is done, can never be, or is a job on the queue. Raises an `ExceptionGroup` of
        `FanoutError`s for what Event Grid has to bring back: what the queue did not take, what was not done within the
        deadline, a fault of our own.
        """
        try:
            envelopes = event.split(payload)
        except MalformedEvent as error:
            record.refused(error)
            measure.unread("refused")
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
        with trace.processed(Hop.EVENT, happened, {trace.EVENT_KIND: str(happened.kind)}) as span:
            cause = replace(happened, trace=trace.current() or happened.trace)
            delivery, errors = await self._attempt(cause, listed, ends)
            result = "failed" if errors else "postponed" if delivery.again else "done"
            span.set_attribute(trace.RESULT, result)
            if errors:
                trace.fail(span, str(errors[0].reason))
            seconds = time.perf_counter() - began
            record.ended(happened, delivery.outcomes, errors, told=delivery.told, seconds=seconds)
        measure.event(happened, result=result, seconds=seconds)
        return errors

    async def _attempt(
        self, happened: VaultEvent, listed: ListedVault, ends: float
    ) -> tuple[Delivery, list[FanoutError]]:
        """Do all that an event asks for; return what was achieved and what has to be tried again."""
        now = self._now()
        origin = RefreshJob(cause=happened, cluster="", began=now, due=now)
        delivery = Delivery(
            origin=origin,
            listed=listed,
            neighbours=self._neighbours,
            limits=self._limits,
            now=self._now,
            ends=ends,
            outcomes=[],
        )
        errors: list[FanoutError] = []
        try:
            async with asyncio.timeout_at(ends), self._turns:
                if happened.kind is EventKind.NEW_VERSION:
                    await self._refresh(delivery, errors)
                else:
                    errors += await delivery.of_object(None)
        except TimeoutError:
            errors.append(TransientError(f"not done within {self._limits.deadline:g} s", reason=Reason.DEADLINE))
        except Exception as fault:  # noqa: BLE001 - the host would log its text, which may quote a value
            record.fault(happened, describe_fault(fault))
            errors.append(TransientError(f"a fault of this program: {type(fault).__name__}", reason=Reason.UNEXPECTED))
        return delivery, errors

    def _listed(self, happened: VaultEvent) -> ListedVault | None:
        """Return the event's vault if it is on the list, under the host that the event names."""
        listed = self._neighbours.vaults.get(happened.object.vault)
        if listed is not None and happened.host in {"", listed.host}:
            return listed
        record.unlisted(happened, listed.host if listed else "")
        measure.unread("unlisted")
        return None

    async def _refresh(self, delivery: Delivery, errors: list[FanoutError]) -> None:
        """Refresh all clusters at once, or give each a job where there are many; tell of the object beside."""
        clusters = self._neighbours.clusters
        direct = len(clusters) <= self._limits.pace.direct
        own = own_read(delivery.origin)
        shared = SharedReads(
            delivery.listed.vault,
            observers=len(clusters) if direct else 0,
            own=own,
            announced=delivery.origin.cause.version,
        )
        work = [delivery.to_cluster(cluster, shared) for cluster in clusters] if direct else []
        if not direct:
            work.append(delivery.share_out(clusters))
        try:
            results = await asyncio.gather(delivery.of_object(shared if own else None), *work, return_exceptions=True)
        finally:
            await shared.close()
        errors += [error for result in results if not isinstance(result, BaseException) for error in result]
        faults = [result for result in results if isinstance(result, BaseException)]
        if faults:
            # A fault of this program, met only after the others were done: the event comes back.
            raise faults[0]


def _understand(envelope: object) -> VaultEvent | None:
    """Read an event and record that it came; what is malformed or asks for nothing ends here."""
    try:
        happened = event.parse(envelope)
    except MalformedEvent as error:
        record.refused(error)
        measure.unread("refused")
        return None
    if isinstance(happened, IgnoredEvent):
        record.ignored(happened)
        measure.unread("ignored")
        return None
    record.came(happened)
    return happened
