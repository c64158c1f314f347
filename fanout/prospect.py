"""What would become of one target: a step of the plan, in words for people and fields for machines. Pure.

No value is in it: a step's data is counted by its keys and not looked at.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from fanout import table
from shared.delegate import Delegate
from shared.model import Target
from shared.observe import Unseen
from shared.outcome import TELLING, Mounts, Served
from shared.reason import Reason, remedy
from shared.record import plain
from shared.refresh import Prepared
from shared.step import Hold, Keep, Leave, Nudge, Postpone, Step, Write
from shared.view import TargetView


class Verb(StrEnum):
    """What would be done."""

    WRITE = "write"
    KEEP = "keep"
    ASK = "ask"
    HOLD = "hold"
    LEAVE = "leave"
    LATER = "later"
    UNSEEN = "unseen"


_WRONG = TELLING | {Reason.TOO_MANY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """One target and what would be done.

    `delegates` are those whose owner would be asked, for the version `served`. `view` is what was seen of the target;
    there is none of what could not be seen.
    """

    target: Target
    verb: Verb
    owner: str = ""
    why: str
    reason: Reason | None = None
    keys: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    until: str = ""
    mounts: Mounts | None = None
    delegates: tuple[Delegate, ...] = ()
    served: Served | None = None
    view: TargetView | None = field(default=None, repr=False)

    @property
    def wrong(self) -> bool:
        """Whether a neighbour failed, or somebody has to mend something before the target can be refreshed."""
        return self.verb in {Verb.LATER, Verb.UNSEEN} or self.reason in _WRONG

    @property
    def remedy(self) -> str:
        """What a person can do, or nothing."""
        return remedy(self.reason) if self.reason else ""


def of(prepared: Prepared) -> list[Prospect]:
    """Return what would become of each target of one cluster."""
    return [*_unseen(prepared.unseen), *[_of_step(step, view) for step, view in prepared.planned]]


def _unseen(unseen: Iterable[Unseen]) -> Iterable[Prospect]:
    """Say once for each target and reason what could not be looked at: a cluster that is down fails several lists."""
    gathered: dict[tuple[Target, Reason], list[str]] = {}
    for one in unseen:
        gathered.setdefault((one.target, one.error.reason), []).append(str(one.error))
    for (target, reason), texts in gathered.items():
        more = f", and {len(texts) - 1} more" if len(texts) > 1 else ""
        yield Prospect(target=target, verb=Verb.UNSEEN, why=texts[0] + more, reason=reason)


def _of_step(step: Step, view: TargetView) -> Prospect:
    common: dict[str, Any] = {"target": step.target, "owner": str(step.owner), "view": view}
    match step:
        case Write():
            differing = f"{_listed('key', sorted(step.data))} of it differ" if step.data else "only its note differs"
            holds = tuple(f"{one.object}/{one.version}" for one in step.holds)
            why = f"{differing}; then it holds {_versions(step)}"
            return Prospect(**common, verb=Verb.WRITE, why=why, keys=step.keys, holds=holds, mounts=step.mounts)
        case Keep():
            holds = tuple(f"{one.object}/{one.version}" for one in step.holds)
            why = f"it holds {_versions(step)}"
            return Prospect(**common, verb=Verb.KEEP, why=why, keys=step.keys, holds=holds, mounts=step.mounts)
        case Nudge():
            resources = ", ".join(str(one.resource) for one in step.delegates)
            why = f"its owner fills it: {resources}"
            return Prospect(**common, verb=Verb.ASK, why=why, delegates=step.delegates, served=step.served)
        case Hold():
            until = step.until.isoformat()
            return Prospect(**common, verb=Verb.HOLD, why=f"held back until {until}", until=until)
        case Leave():
            return Prospect(**common, verb=Verb.LEAVE, why=step.detail, reason=step.reason, mounts=step.mounts)
        case Postpone():
            return Prospect(**common, verb=Verb.LATER, why=str(step.error), reason=step.error.reason)


def _versions(step: Write | Keep) -> str:
    return ", ".join(f"{one.object.type} version {one.version}" for one in step.holds) or "what it should"


def _listed(noun: str, names: Sequence[str]) -> str:
    return f"{noun}{'' if len(names) == 1 else 's'} {', '.join(names)}"


def lines(prospects: Sequence[Prospect]) -> list[str]:
    """Return a table, a sum, and once what to do about each reason."""
    if not prospects:
        return ["no target: nothing in these clusters binds it"]
    rows = [
        (
            one.target.cluster,
            one.target.namespace,
            one.target.secret,
            one.owner,
            str(one.verb),
            f"{one.reason}: {one.why}" if one.reason else one.why,
        )
        for one in prospects
    ]
    counts = Counter(one.verb for one in prospects)
    summary = ", ".join(f"{counts[verb]} {verb}" for verb in Verb if counts[verb])
    headings = ("CLUSTER", "NAMESPACE", "SECRET", "OWNER", "ACTION", "WHY")
    return [*table.lines(headings, rows, whole=5), "", summary, *remedies(prospects)]


def remedies(prospects: Iterable[Prospect]) -> list[str]:
    """Return a line for each reason that somebody can do something about."""
    reasons = dict.fromkeys(one.reason for one in prospects if one.wrong and one.reason and one.remedy)
    return [f"{reason}: {remedy(reason)}" for reason in reasons]


def as_json(one: Prospect) -> dict[str, Any]:
    """Return it for machines."""
    return {
        "cluster": one.target.cluster,
        "namespace": one.target.namespace,
        "secret": one.target.secret,
        "owner": one.owner,
        "action": str(one.verb),
        "reason": one.reason and str(one.reason),
        "why": plain(one.why),
        "remedy": one.remedy,
        "keys": list(one.keys),
        "holds": list(one.holds),
        "until": one.until or None,
        "wrong": one.wrong,
    }
