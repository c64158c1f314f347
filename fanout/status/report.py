"""What was seen, as tables or as JSON. Pure."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fanout import table
from fanout.status.backlog import Dead, Waiting
from fanout.status.holding import Holding, State
from fanout.status.survey import Seen
from shared.errors import FanoutError
from shared.model import VaultObject
from shared.record import plain


def lines(seen: Seen, waiting: Waiting | None, dead: Sequence[Dead]) -> list[str]:
    """Return a table of objects, one of targets, and what waits or was given up."""
    shown = ["no object is bound by these clusters" if seen.whole else "not looked through to the end"]
    if seen.holdings:
        shown = [*_objects(seen), "", *_targets(seen.holdings)]
    if seen.heard is not None:
        newest = _when(seen.heard.newest) or "none"
        shown += ["", f"newest event that the watch keeps: {newest}"]
    if waiting is not None:
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(waiting.kinds.items())) or "none"
        oldest = f"; {waiting.due} due by now, the oldest {_when(waiting.oldest)}" if waiting.total else ""
        shown += ["", f"jobs waiting: {kinds}{' or more' if waiting.more else ''}{oldest}"]
    for one in dead:
        reasons = ", ".join(f"{number} {plain(reason)}" for reason, number in sorted(one.reasons.items())) or "none"
        shown.append(f"dead letters of {one.place}: {reasons}{' or more' if one.more else ''}")
    return shown


def _objects(seen: Seen) -> list[str]:
    rows = []
    for about in dict.fromkeys(one.bound.listed.object for one in seen.holdings):
        mine = [one for one in seen.holdings if one.bound.listed.object == about]
        counts = Counter(one.state for one in mine)
        listed = mine[0].bound.listed
        states = ", ".join(f"{counts[state]} {state}" for state in State if counts[state])
        rows.append((str(about), _version(seen, about), _when(listed.created), _told(seen, about), states, _pods(mine)))
    return table.lines(("OBJECT", "NEWEST VERSION", "MADE", "TOLD", "TARGETS", "PODS"), rows)


def _targets(holdings: Sequence[Holding]) -> list[str]:
    rows = [
        (
            str(one.bound.listed.object),
            one.bound.target.cluster,
            one.bound.target.namespace,
            one.bound.target.secret,
            one.owner,
            str(one.state),
            _pods([one]),
            one.why,
        )
        for one in holdings
    ]
    headings = ("OBJECT", "CLUSTER", "NAMESPACE", "SECRET", "OWNER", "STATE", "PODS", "WHY")
    return table.lines(headings, rows, whole=7)


def _version(seen: Seen, about: VaultObject) -> str:
    version = seen.versions[about]
    return "not known" if isinstance(version, FanoutError) else version


def _told(seen: Seen, about: VaultObject) -> str:
    """Say whether the newest version was told of, and why: because of an event, or because a sweep found it."""
    if seen.heard is None:
        return ""
    by_event = seen.heard.versions.get((about, _version(seen, about)))
    return "not kept" if by_event is None else "after an event" if by_event else "by a sweep"


def _pods(holdings: Sequence[Holding]) -> str:
    shown = [one.shown for one in holdings if one.shown is not None]
    showing, behind = sum(one.showing for one in shown), sum(len(one.behind) for one in shown)
    return f"{showing}/{showing + behind}" if showing + behind else ""


def _when(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def as_json(seen: Seen, waiting: Waiting | None, dead: Sequence[Dead], errors: Sequence[str]) -> dict[str, Any]:
    """Return everything for machines."""
    return {
        "objects": [
            {
                "object": str(about),
                "version": None if isinstance(version, FanoutError) else version,
                "told": _told(seen, about) or None,
                "targets": [_target(one) for one in seen.holdings if one.bound.listed.object == about],
            }
            for about, version in seen.versions.items()
        ],
        "newestEvent": seen.heard.newest.isoformat() if seen.heard and seen.heard.newest else None,
        "jobs": waiting
        and {
            "kinds": dict(waiting.kinds),
            "due": waiting.due,
            "oldest": waiting.oldest.isoformat() if waiting.oldest else None,
            "more": waiting.more,
        },
        "deadLetters": [{"place": one.place, "reasons": dict(one.reasons), "more": one.more} for one in dead],
        "errors": list(errors),
    }


def _target(one: Holding) -> dict[str, Any]:
    target = one.bound.target
    return {
        "cluster": target.cluster,
        "namespace": target.namespace,
        "secret": target.secret,
        "owner": one.owner,
        "state": str(one.state),
        "why": plain(one.why),
        "podsShowing": one.shown.showing if one.shown else None,
        "podsBehind": sorted(one.shown.behind) if one.shown else None,
        "wrong": one.wrong,
    }
