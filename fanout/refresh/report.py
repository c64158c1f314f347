"""How far a refresh is, as a table or as JSON. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from fanout import prospect, table
from fanout.refresh.verdict import Followed, State
from shared.record import plain


def summary(found: Sequence[Followed]) -> str:
    """Return a sum by state, and how many pods show the version."""
    counts = Counter(one.state for one in found)
    targets = ", ".join(f"{counts[state]} {state}" for state in State if counts[state]) or "no target"
    behind, showing = sum(len(one.behind) for one in found), sum(one.showing for one in found)
    return f"{targets}; {showing} of {showing + behind} pods show it" if showing + behind else targets


def lines(found: Sequence[Followed]) -> list[str]:
    """Return a line for each target, and a sum."""
    if not found:
        return ["no target: nothing in these clusters binds it"]
    rows = [
        (
            one.prospect.target.cluster,
            one.prospect.target.namespace,
            one.prospect.target.secret,
            one.prospect.owner,
            str(one.state),
            f"{one.showing}/{one.showing + len(one.behind)}" if one.showing or one.behind else "",
            one.why,
        )
        for one in found
    ]
    headings = ("CLUSTER", "NAMESPACE", "SECRET", "OWNER", "STATE", "PODS", "WHY")
    return [
        *table.lines(headings, rows, whole=6),
        "",
        summary(found),
        *prospect.remedies(one.prospect for one in found),
    ]


def as_json(one: Followed) -> dict[str, Any]:
    """Return a target for machines."""
    target = one.prospect.target
    return {
        "cluster": target.cluster,
        "namespace": target.namespace,
        "secret": target.secret,
        "owner": one.prospect.owner,
        "state": str(one.state),
        "podsShowing": one.showing,
        "podsBehind": list(one.behind),
        "reason": one.prospect.reason and str(one.prospect.reason),
        "why": plain(one.why),
        "remedy": one.prospect.remedy,
    }
