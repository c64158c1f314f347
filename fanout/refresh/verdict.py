"""What a look tells of a target: whether it holds the version, and whether its pods show it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from fanout.prospect import Prospect, Verb
from shared.check import Shown
from shared.delegate import Progress, Standing
from shared.errors import FanoutError
from shared.observed import Driver


class State(StrEnum):
    """How far a target is."""

    DONE = "done"
    """It holds the version, and no pod shows another one."""
    HOLDS = "holds it"
    """It holds the version; some pods do not show it yet."""
    PENDING = "pending"
    HELD = "held"
    LEFT = "left"
    """Nothing is to be done here."""
    FAILED = "failed"
    """Somebody has to mend something first."""


_OPEN = {State.HOLDS, State.PENDING}
_BY_THEMSELVES = {str(Driver.V1_5), str(Driver.V1_6_STATIC)}
"""Drivers that a nudge does not reach: their pods mount anew at the driver's own rotation, or when they restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """One target after a look. `showing` of `mounting` pods show the version in their CSI volume."""

    prospect: Prospect
    state: State
    why: str
    showing: int = 0
    behind: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """Whether another look may tell more."""
        return self.state in _OPEN

    @property
    def patient(self) -> bool:
        """Whether what is open does not depend on this app: it is no failure that it lasts."""
        return self.state is State.HOLDS and self.prospect.owner in _BY_THEMSELVES


def judge(
    prospect: Prospect, shown: Shown | FanoutError | None, progress: Iterable[Progress | FanoutError | None]
) -> Followed:
    """Judge one target by what would be done now, by its pods' statuses and by what its owners say."""
    if prospect.verb is Verb.ASK:
        return _delegated(prospect, list(progress))
    if prospect.verb is Verb.HOLD:
        return Followed(prospect=prospect, state=State.HELD, why=prospect.why)
    if prospect.verb in {Verb.WRITE, Verb.LATER, Verb.UNSEEN}:
        return Followed(prospect=prospect, state=State.PENDING, why=prospect.why)
    if prospect.verb is Verb.LEAVE and (prospect.mounts is None or not prospect.mounts.expected):
        state = State.FAILED if prospect.wrong else State.LEFT
        return Followed(prospect=prospect, state=state, why=f"{prospect.reason}: {prospect.why}")
    return _mounted(prospect, shown)


def _mounted(prospect: Prospect, shown: Shown | FanoutError | None) -> Followed:
    if isinstance(shown, FanoutError):
        return Followed(prospect=prospect, state=State.HOLDS, why=f"whether its pods show it is not known: {shown}")
    if shown is None or (shown.all and not shown.showing):
        return Followed(prospect=prospect, state=State.DONE, why=f"{prospect.why}; no pod mounts it through the driver")
    if shown.all:
        return Followed(prospect=prospect, state=State.DONE, why=prospect.why, showing=shown.showing)
    slow = prospect.owner in _BY_THEMSELVES
    why = f"{prospect.why}; {len(shown.behind)} pods show another version in their files"
    if slow:
        why += f", until {prospect.owner} rotates by itself or they restart"
    return Followed(
        prospect=prospect, state=State.HOLDS, why=why, showing=shown.showing, behind=tuple(sorted(shown.behind))
    )


def _delegated(prospect: Prospect, progress: list[Progress | FanoutError | None]) -> Followed:
    """Judge a target that its owner fills. The bytes are the owner's affair: its status is what is known of them."""
    said = [one for one in progress if one is not None]
    failures = [one for one in said if isinstance(one, FanoutError)]
    if failures:
        return Followed(prospect=prospect, state=State.PENDING, why=f"its owner's status cannot be read: {failures[0]}")
    standings = [(one.standing, one.detail) for one in said if isinstance(one, Progress)]
    if standings and all(standing is Standing.SYNCED for standing, _ in standings):
        return Followed(prospect=prospect, state=State.DONE, why=f"{prospect.why}, which has looked since")
    waiting = ", ".join(sorted({f"{standing} {detail}".strip() for standing, detail in standings})) or "gone"
    return Followed(prospect=prospect, state=State.PENDING, why=f"{prospect.why}: {waiting}")
