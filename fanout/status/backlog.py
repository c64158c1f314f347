"""What the queue and the subscriptions keep, summed up. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fanout.bus_reach import Kept

MOST = 5000
"""Messages that are counted; more than that are so many or more."""

_KINDS = {"CheckJob": "check", "RefreshJob": "refresh", "RestartJob": "restart"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits in the queue, by kind; when the oldest was due, and how many are due by now."""

    kinds: Mapping[str, int]
    due: int
    oldest: datetime | None
    more: bool

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.kinds.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """The dead letters of one place, by the broker's reason."""

    place: str
    reasons: Mapping[str, int]
    more: bool

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.reasons.values())


def waiting(kept: Sequence[Kept], now: datetime) -> Waiting:
    """Sum up the queue. A subject that is none of ours is counted as `other`."""
    times = [one.due for one in kept if one.due is not None]
    return Waiting(
        kinds=Counter(_KINDS.get(one.subject, "other") for one in kept),
        due=sum(time <= now for time in times),
        oldest=min(times, default=None),
        more=len(kept) >= MOST,
    )


def dead(place: str, kept: Sequence[Kept]) -> Dead:
    """Sum up dead letters."""
    return Dead(place=place, reasons=Counter(one.reason or "no reason" for one in kept), more=len(kept) >= MOST)
