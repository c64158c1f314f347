"""One dead-letter blob of Event Grid's: the events in it, and why they were given up. Pure.

A blob holds an object or an array, in either schema. Why and when is beside the event, in camel case or, for
CloudEvents, in lower case (azure-platform 1.4).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fanout.deadletters.verdict import Known, Verdict
from shared import event
from shared.errors import MalformedEvent
from shared.event import MAX_EVENTS, IgnoredEvent, VaultEvent

LARGEST = 4 * 1024 * 1024
"""Bytes of a blob that is read: Event Grid's largest batch, four times over."""

_IDLE = "microsoft.keyvault.vaultaccesspolicychanged"
_LONGEST = 200
_MOST_ATTEMPTS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadEvent:
    """One event of a blob. What could not be read is empty or None. `payload` is the event for the flow."""

    verdict: Verdict
    note: str = ""
    type: str = ""
    object: str = ""
    version: str = ""
    reason: str = ""
    outcome: str = ""
    attempts: int | None = None
    when: datetime | None = None
    payload: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLetter:
    """One blob. `count` is how many events it has; a listing keeps only the first of them."""

    id: str
    verdict: Verdict
    note: str = ""
    size: int
    modified: datetime | None = None
    count: int = 0
    events: tuple[DeadEvent, ...] = ()


def read(name: str, content: bytes, known: Known, *, modified: datetime | None = None) -> EventLetter:
    """Say what a blob holds. Raises nothing, whatever it is."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return unread(name, Verdict.MALFORMED, "it is not JSON", size=len(content), modified=modified)
    envelopes = document if isinstance(document, list) else [document]
    if not 0 < len(envelopes) <= MAX_EVENTS:
        note = f"it holds {len(envelopes)} events; 1 to {MAX_EVENTS} are expected"
        return unread(name, Verdict.MALFORMED, note, size=len(content), modified=modified)
    events = tuple(_read_event(envelope, known) for envelope in envelopes)
    verdict, note = _sum_up(events)
    return EventLetter(
        id=name, verdict=verdict, note=note, size=len(content), modified=modified, count=len(events), events=events
    )


def unread(name: str, verdict: Verdict, note: str, *, size: int, modified: datetime | None = None) -> EventLetter:
    """Return a letter for a blob of which nothing can be said but why."""
    return EventLetter(id=name, verdict=verdict, note=note, size=size, modified=modified)


def _sum_up(events: Sequence[DeadEvent]) -> tuple[Verdict, str]:
    """Judge a blob by its events. One sort of verdict is the blob's own."""
    others = [one for one in events if one.verdict is not Verdict.OURS]
    if not others:
        return Verdict.OURS, ""
    if len(others) < len(events):
        return Verdict.PARTLY, f"{len(others)} of {len(events)} events are not ours or malformed"
    malformed = next((one for one in others if one.verdict is Verdict.MALFORMED), None)
    first = malformed or others[0]
    return first.verdict, first.note


def _read_event(envelope: object, known: Known) -> DeadEvent:
    try:
        happened = event.parse(envelope)
        payload = json.dumps(envelope)
    except MalformedEvent as error:
        return DeadEvent(verdict=Verdict.MALFORMED, note=str(error), **_told(envelope))
    except RecursionError:
        return DeadEvent(verdict=Verdict.MALFORMED, note="it is nested too deeply")
    if len(payload) > event.MAX_BYTES:
        note = f"one event has {len(payload)} bytes; {event.MAX_BYTES} at most are expected"
        return DeadEvent(verdict=Verdict.HUGE, note=note, **_told(envelope))
    verdict, note = _judge(happened, envelope, known)
    about = happened if isinstance(happened, VaultEvent) else None
    return DeadEvent(
        verdict=verdict,
        note=note,
        object=str(about.object) if about else "",
        version=about.version if about else "",
        payload=payload,
        **_told(envelope),
    )


def _judge(happened: VaultEvent | IgnoredEvent, envelope: object, known: Known) -> tuple[Verdict, str]:
    if isinstance(happened, IgnoredEvent):
        # The function ends a changed policy just so; other types may mean something to somebody else.
        ours = happened.type.lower() == _IDLE and _vault(envelope) in known.vaults
        return (Verdict.OURS if ours else Verdict.FOREIGN), happened.why
    host = known.vaults.get(happened.object.vault)
    if host is None:
        return Verdict.FOREIGN, f"{happened.object.vault} is not in KEY_VAULTS"
    if happened.host not in {"", host}:
        return Verdict.FOREIGN, f"its vault has another host than {happened.object.vault} in KEY_VAULTS"
    return Verdict.OURS, ""


def _vault(envelope: object) -> str:
    """Return the name of the vault that an event without an object is about."""
    data = envelope.get("data") if isinstance(envelope, Mapping) else None
    folded = {str(key).strip().lower(): value for key, value in data.items()} if isinstance(data, Mapping) else {}
    return _text(folded.get("vaultname")).lower()


def _told(envelope: object) -> dict[str, Any]:
    """Return what Event Grid wrote beside an event, of each field only what is of its type."""
    if not isinstance(envelope, Mapping):
        return {}
    folded = {str(key).lower(): value for key, value in envelope.items()}
    attempts = folded.get("deliveryattempts")
    counted = isinstance(attempts, int) and not isinstance(attempts, bool) and 0 <= attempts <= _MOST_ATTEMPTS
    return {
        "type": _text(envelope.get("type" if "specversion" in envelope else "eventType")),
        "reason": _text(folded.get("deadletterreason")),
        "outcome": _text(folded.get("lastdeliveryoutcome")),
        "attempts": attempts if counted else None,
        "when": _time(folded.get("lastdeliveryattempttime")) or _time(folded.get("publishtime")),
    }


def _text(value: object) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _time(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment and (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
