"""Findings as a list for a person, or as JSON. Pure: foreign texts are made fit for a terminal here."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from fanout import table
from fanout.doctor.finding import Finding, State
from shared.record import plain


def lines(findings: Sequence[Finding]) -> list[str]:
    """Return a table, then each thing to mend with its fix, what failed first, and a sum."""
    rows = [(str(one.state), one.area, one.subject, one.check, one.detail) for one in findings]
    shown = table.lines(("STATE", "AREA", "NAME", "CHECK", "FOUND"), rows, whole=4)
    for state, heading in ((State.FAILED, "To mend:"), (State.NOTE, "Worth knowing:")):
        fixes: dict[str, list[str]] = {}
        for one in findings:
            if one.state is state and one.fix:
                fixes.setdefault(one.fix, []).append(f"{one.subject}, {one.check}")
        if fixes:
            shown += ["", heading]
        for fix, places in fixes.items():
            shown += [f"  {plain('; '.join(places))}", f"    {plain(fix)}"]
    counts = Counter(one.state for one in findings)
    return [*shown, "", ", ".join(f"{counts[state]} {state}" for state in State if counts[state])]


def as_json(one: Finding) -> dict[str, Any]:
    """Return a finding for machines."""
    return {
        "area": one.area,
        "name": one.subject,
        "check": one.check,
        "state": str(one.state),
        "detail": plain(one.detail),
        "fix": one.fix,
    }
