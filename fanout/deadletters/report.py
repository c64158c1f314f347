"""What was found and done, as tables for people and as JSON for machines. Pure.

JSON is ASCII: an id is exact there, and cannot move a terminal's cursor.
"""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fanout import table
from fanout.deadletters import jobs
from fanout.deadletters.events import DeadEvent, EventLetter
from fanout.deadletters.jobs import JobLetter
from fanout.deadletters.verdict import Outcome, Status, Verdict

_PREFIX = "microsoft.keyvault."
_MOST_TARGETS = 3
_LONGEST = 500


def event_lines(letters: Sequence[EventLetter], container: str) -> list[str]:
    """Return one line for each event; a blob of which nothing can be said has one."""
    if not letters:
        return [f"Event Grid, container {table.cut(container)}: no dead letters"]
    headings = ("ID", "WHEN", "REASON", "ATTEMPTS", "LAST OUTCOME", "TYPE", "OBJECT", "VERSION", "REMARK")
    rows: list[Sequence[str]] = []
    for letter in letters:
        rows += [_event_row(letter, one) for one in letter.events]
        if not letter.events:
            rows.append((letter.id, _when(letter.modified), *[""] * 6, _remark(letter.verdict, letter.note)))
        elif letter.count > len(letter.events):
            rows.append((letter.id, *[""] * 7, f"and {letter.count - len(letter.events)} more events"))
    title = f"Event Grid, container {table.cut(container)}: {_counted(len(letters), 'blob')}"
    return [title, "", *table.lines(headings, rows)]


def job_lines(letters: Sequence[JobLetter], queue: str) -> list[str]:
    """Return one line for each dead letter."""
    if not letters:
        return [f"Service Bus, queue {queue}: no dead letters"]
    headings = (
        "ID",
        "ENQUEUED",
        "KIND",
        "CLUSTER",
        "OBJECT",
        "VERSION",
        "TARGETS",
        "ATTEMPT",
        "GAVE UP",
        "REASON",
        "DESCRIPTION",
        "REMARK",
    )
    title = f"Service Bus, queue {queue}: {_counted(len(letters), 'dead letter')}"
    return [title, "", *table.lines(headings, [_job_row(letter) for letter in letters])]


def outcome_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """Return one line for each dead letter, and a sum."""
    if not outcomes:
        return ["no dead letters"]
    rows = [(one.id, one.source, str(one.status), one.text) for one in outcomes]
    counts = Counter(one.status for one in outcomes)
    summary = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status])
    return [*table.lines(("ID", "KIND", "STATUS", "REMARK"), rows), "", summary]


def as_json(fields: dict[str, Any]) -> str:
    """Return a document."""
    return json.dumps(fields, indent=2, ensure_ascii=True)


def event_json(letter: EventLetter) -> dict[str, Any]:
    """Return a blob for machines."""
    return {
        "id": letter.id,
        "verdict": str(letter.verdict),
        "note": table.cut(letter.note),
        "bytes": letter.size,
        "modified": letter.modified and letter.modified.isoformat(),
        "count": letter.count,
        "events": [
            {
                "verdict": str(one.verdict),
                "note": table.cut(one.note),
                "when": one.when and one.when.isoformat(),
                "reason": one.reason,
                "attempts": one.attempts,
                "lastOutcome": one.outcome,
                "type": one.type,
                "object": one.object,
                "version": one.version,
            }
            for one in letter.events
        ],
    }


def job_json(letter: JobLetter) -> dict[str, Any]:
    """Return a dead letter of the queue for machines."""
    found, dead = letter.job, letter.dead
    fields: dict[str, Any] = {
        "id": letter.id,
        "verdict": str(letter.verdict),
        "note": table.cut(letter.note),
        "enqueued": dead.enqueued and dead.enqueued.isoformat(),
        "reason": dead.reason,
        "description": dead.description,
        "deliveries": dead.deliveries,
    }
    if found is not None:
        fields |= {
            "kind": jobs.kind(found),
            "cluster": found.cluster,
            "object": str(found.cause.object),
            "version": found.cause.version,
            "targets": list(jobs.targets(found)),
            "attempt": found.attempt,
            "gaveUp": getattr(found, "gave_up", ""),
            "began": found.began.isoformat(),
        }
    return fields


def outcome_json(one: Outcome) -> dict[str, Any]:
    """Return what became of a dead letter for machines."""
    return {"id": one.id, "kind": one.source, "status": str(one.status), "note": one.text[:_LONGEST]}


def _event_row(letter: EventLetter, one: DeadEvent) -> Sequence[str]:
    short = one.type[len(_PREFIX) :] if one.type.lower().startswith(_PREFIX) else one.type
    return (
        letter.id,
        _when(one.when or letter.modified),
        one.reason,
        "" if one.attempts is None else str(one.attempts),
        one.outcome,
        short,
        one.object,
        one.version,
        _remark(one.verdict, one.note),
    )


def _job_row(letter: JobLetter) -> Sequence[str]:
    found, dead = letter.job, letter.dead
    told: Sequence[str] = [""] * 7
    if found is not None:
        gave_up = str(getattr(found, "gave_up", ""))
        about = found.cause
        told = (
            jobs.kind(found),
            found.cluster,
            str(about.object),
            about.version,
            _targets(jobs.targets(found)),
            str(found.attempt),
            gave_up,
        )
    remark = _remark(letter.verdict, letter.note)
    return (letter.id, _when(dead.enqueued), *told, dead.reason, dead.description, remark)


def _targets(names: Sequence[str]) -> str:
    more = len(names) - _MOST_TARGETS
    return ", ".join(names[:_MOST_TARGETS]) + (f" and {more} more" if more > 0 else "") if names else "all"


def _remark(verdict: Verdict, note: str) -> str:
    if verdict is Verdict.OURS:
        return note
    return f"{verdict}: {note}" if note else str(verdict)


def _when(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
