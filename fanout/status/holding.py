"""Whether a target holds the newest version of an object, by metadata alone. Pure.

The sweep's rule (`sweep.is_suspect`): a Secret whose data changed after the newest version was made holds it, as far as
anybody can tell. It may be wrong in both directions: somebody may have written other bytes since, and a Secret may hold
the newest bytes from before. `fanout plan` compares the bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fanout.estate import Bound
from shared import sweep
from shared.binding import Binding, MountOnly, Refused
from shared.check import Shown
from shared.declarations import Found
from shared.delegate import Delegate
from shared.errors import FanoutError
from shared.external_secrets.matching import RefusedDelegate
from shared.observed import Driver, ListedObject, Owner, SecretState
from shared.owned import OwnedBinding, OwnedPinned, OwnedRefused


class State(StrEnum):
    """What is known of a target."""

    HOLDS = "holds it"
    STALE = "stale"
    MISSING = "no Secret"
    FILES = "files only"
    WAITS = "not yet"
    """The newest version may not be used before a time."""
    REFUSED = "refused"
    DISABLED = "disabled"
    UNKNOWN = "unknown"


_WRONG = {State.STALE, State.REFUSED, State.DISABLED, State.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One target. `shown` tells of its pods, where any mount the object through the driver."""

    bound: Bound
    owner: str
    state: State
    why: str
    shown: Shown | None = None
    rotating: bool = False

    @property
    def wrong(self) -> bool:
        """Whether somebody should look: pods that only the driver's own rotation renews are no fault."""
        return self.state in _WRONG or (self.rotating and self.shown is not None and not self.shown.all)


def owner_of(found: Sequence[Found], driver: Driver) -> str:
    """Name who fills a target; several where they are contested."""
    owners = dict.fromkeys(
        str(Owner.OWNED)
        if isinstance(item, OwnedBinding | OwnedPinned | OwnedRefused)
        else str(item.owner if isinstance(item, Delegate | RefusedDelegate) else driver)
        for item in found
    )
    return ", ".join(owners)


def judge(
    bound: Bound, state: SecretState | FanoutError | None, now: datetime, *, newest: str | FanoutError
) -> tuple[State, str]:
    """Return what the metadata tells, and why. `newest` is the version's id, or why it is not known."""
    listed = bound.listed
    refusal = next(filter(None, map(_refusal, bound.found)), "")
    if refusal:
        return State.REFUSED, refusal
    if not listed.enabled:
        return State.DISABLED, "the newest version is disabled; the vault serves no older one instead"
    if listed.not_before is not None and listed.not_before > now:
        return State.WAITS, f"the newest version may not be used before {listed.not_before.isoformat()}"
    if isinstance(newest, FanoutError):
        return State.UNKNOWN, str(newest)
    if not bound.target.secret or all(isinstance(one, MountOnly) for one in bound.found):
        return State.FILES, "it is in files only; its pods show which version"
    return _by_secret(bound.found, state, listed)


def _refusal(found: Found) -> str:
    """Say why a declaration is not followed, nothing where it is."""
    if isinstance(found, Refused | OwnedRefused):
        return f"{found.error.reason}: {found.error}"
    return found.detail if isinstance(found, RefusedDelegate) else ""


def _by_secret(
    found: tuple[Found, ...], state: SecretState | FanoutError | None, listed: ListedObject
) -> tuple[State, str]:
    if isinstance(state, FanoutError):
        return State.UNKNOWN, str(state)
    if state is None:
        return State.MISSING, "there is no such Secret; its owner makes it, this app never does"
    if not any(isinstance(item, Binding | OwnedBinding | Delegate) for item in found):
        return State.HOLDS, "its declaration pins a version"
    changed = "at a time that it does not tell" if state.changed is None else f"{state.changed:%Y-%m-%d %H:%M:%S}"
    if sweep.is_suspect(found, state, listed):
        return State.STALE, f"its data changed last {changed}; fanout plan compares the bytes"
    return State.HOLDS, f"its data changed {changed}"
