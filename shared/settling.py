"""How a step ends: from what was done to a `TargetOutcome`. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from shared import owned
from shared.errors import FanoutError, PermanentError
from shared.model import Target
from shared.nudge import Wake
from shared.observed import Owner
from shared.outcome import Action, Mounts, TargetOutcome
from shared.step import Hold, Keep, Leave, Nudge, Postpone, Write

TOLERANCE = timedelta(seconds=5)
"""How far the clocks of Key Vault and an API server may be apart, and that the latter keeps whole seconds."""


def written(step: Write, version: str, at: datetime) -> TargetOutcome:
    """End a target that was written; `version` is the Secret's new resourceVersion."""
    return TargetOutcome(
        target=step.target,
        action=Action.WRITTEN,
        at=at,
        owner=step.owner,
        holds=step.holds,
        keys=step.keys,
        resource_version=version,
        uid=_uid(step),
        changed=bool(step.data),
        repaired=bool(step.data) and step.owner is Owner.OWNED and _said_so(step),
        wake=_wake(step.target, version, step.mounts) if step.data else None,
        mounts=step.mounts,
    )


def nudged(step: Nudge, at: datetime) -> TargetOutcome:
    """End a target whose owner was asked. What was asked for this state already has no mark to differ from."""
    state = step.served.version
    return TargetOutcome(
        target=step.target,
        action=Action.NUDGED,
        at=at,
        owner=step.owner,
        resource_version=step.held,
        delegates=tuple(replace(one, mark="") if one.asked == state else one for one in step.delegates),
        served=step.served,
    )


def settled(
    step: Keep | Hold | Leave | Postpone, version: str, happened: datetime | None, at: datetime
) -> TargetOutcome:
    """End a target that needs no write. `version` and `happened` are the event's.

    A Secret that holds the newest bytes already changed because of this event if its data changed since: an earlier
    delivery wrote it, or the driver was faster.
    """
    if isinstance(step, Keep):
        changed = step.secret.changed
        return TargetOutcome(
            target=step.target,
            action=Action.CURRENT,
            at=at,
            owner=step.owner,
            holds=step.holds,
            keys=step.keys,
            resource_version=step.secret.resource_version,
            uid=_uid(step),
            wrote=changed if step.secret.by_us else None,
            changed=changed is not None and happened is not None and changed + TOLERANCE >= happened,
            wake=_wake(step.target, step.secret.resource_version, step.mounts),
            mounts=step.mounts,
        )
    if isinstance(step, Leave):
        remounting = step.mounts is not None and step.mounts.remounts
        return TargetOutcome(
            target=step.target,
            action=Action.LEFT,
            at=at,
            owner=step.owner,
            reason=step.reason,
            detail=step.detail,
            wake=_wake(step.target, version, step.mounts) if step.mounts and remounting else None,
            mounts=step.mounts,
            complaint=step.complaint,
            served=step.served,
        )
    if isinstance(step, Hold):
        detail = f"held back until {step.until.isoformat()}"
        return TargetOutcome(
            target=step.target, action=Action.HELD, at=at, owner=step.owner, detail=detail, until=step.until
        )
    return replace(failed(step.target, step.error, at), owner=step.owner)


def queued(target: Target, at: datetime) -> TargetOutcome:
    """End a target that was too much for one invocation: it is not lost, a job of its own takes it up."""
    return TargetOutcome(target=target, action=Action.QUEUED, at=at, detail="too many at a time")


def failed(target: Target, error: FanoutError, at: datetime) -> TargetOutcome:
    """End a target on an error: tried again, unless no retry heals it."""
    final = isinstance(error, PermanentError)
    return TargetOutcome(
        target=target,
        action=Action.LEFT if final else Action.FAILED,
        at=at,
        reason=error.reason,
        detail=str(error),
        error=None if final else error,
    )


def _uid(step: Write | Keep) -> str:
    """Return what tells an owned Secret from one of the same name that was deleted: it is empty, and is filled anew."""
    return step.secret.uid if step.owner is Owner.OWNED else ""


def _said_so(step: Write) -> bool:
    """Tell whether an owned Secret said already that it holds these versions, under any key."""
    noted = owned.noted(step.secret.versions)
    return all(f"{held.object}/{held.version}" in noted for held in step.holds)


def _wake(target: Target, state: str, mounts: Mounts) -> Wake:
    """Name the pods that wait for a target: those that mount its Secret, and those whose class mounts anew."""
    classes = mounts.classes if mounts.remounts else frozenset[str]()
    return Wake(namespace=target.namespace, secret=target.secret, classes=classes, state=state)
