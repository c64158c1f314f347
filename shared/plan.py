"""What to do: from what was observed to a `RefreshPlan`. Pure; printing the plan is the dry run.

For every target exactly one step (`step`): write, leave what is right already, nudge the owner, hold what may not be
used yet, leave for a reason, or postpone because a neighbour failed. What the cluster alone tells comes before anything
is asked of the vault.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared import hold, rendering
from shared.binding import Binding, MountOnly, Refused
from shared.delegate import Delegate
from shared.errors import FanoutError, PermanentError
from shared.external_secrets.matching import RefusedDelegate
from shared.model import ObjectType, VaultObject, VaultRead
from shared.mounts import expected_mounts
from shared.observed import Claim, Driver, KubernetesSecret, Owner, VaultAnswer, Writer
from shared.outcome import Served
from shared.owned import OwnedBinding, OwnedPinned, OwnedRefused
from shared.reason import Reason
from shared.step import Hold, Keep, Leave, Nudge, Postpone, Step, Write
from shared.view import TargetView, VaultView, claim, each_object

_ANY_VERSION = "any"


@dataclass(frozen=True, slots=True)
class RefreshPlan:
    """One step for each target of a cluster."""

    steps: tuple[Step, ...]


def reads(about: VaultObject, views: Sequence[TargetView]) -> frozenset[VaultRead]:
    """Return what has to be asked of the vault before these targets can be decided."""
    asked: set[VaultRead] = set()
    for view in views:
        if _preclude(about, view, "") is None:
            asked.update(item.read for _, item in each_object(view))
            if _needs_tags(about, view):
                asked.add(_tagged(about))
    return frozenset(asked)


def claims(about: VaultObject, views: Sequence[TargetView]) -> frozenset[Claim]:
    """Return what pod statuses say was mounted, to be confirmed by the vault."""
    found = (
        claim(view, writable, item)
        for view in views
        if _preclude(about, view, "") is None
        for writable, item in each_object(view)
    )
    return frozenset(item for item in found if item is not None)


def plan_refresh(
    about: VaultObject, version: str, views: Sequence[TargetView], vault: VaultView, now: datetime
) -> RefreshPlan:
    """Decide about every target. Raises nothing: what cannot be computed is a step with its reason.

    `version` is the event's, which an owner is asked for; `now` tells which versions are held back.
    """
    return RefreshPlan(
        tuple(_preclude(about, view, version) or _decide(about, version, view, vault, now) for view in views)
    )


def _preclude(about: VaultObject, view: TargetView, version: str) -> Leave | None:
    """Leave a target for what the cluster alone tells."""
    kinds = {(type(item), _owner_of(item, view.driver)) for item in (*view.writables, *view.delegates)}
    if len(kinds) > 1:
        return _leave(view, Reason.CONTESTED, f"several owners fill it: {', '.join(map(str, _owners(view)))}")
    if view.delegates:
        return _unasked(view)
    if view.writables:
        obstacle = _obstacle(view)
        return _leave(view, *obstacle) if obstacle else None
    reason, detail = _unbound(view)
    if reason is Reason.MOUNT_ONLY and _awaits_nudge(about, view):
        return None
    mounts = expected_mounts(about, view, (), version) if reason is Reason.MOUNT_ONLY else None
    return replace(_leave(view, reason, detail), mounts=mounts if mounts and mounts.expected else None)


def _awaits_nudge(about: VaultObject, view: TargetView) -> bool:
    """Tell whether files alone show the object, and a nudge would mount what the vault serves: it is asked first.

    It may be held back. A key is not read for that (see `_needs_tags`).
    """
    if about.type is ObjectType.KEY:
        return False
    mounts = expected_mounts(about, view, (), _ANY_VERSION)
    return mounts.remounts and bool(mounts.expected)


def _leave(view: TargetView, reason: Reason, detail: str) -> Leave:
    complaint = view.secret if reason is Reason.BAD_DECLARATION else None
    return Leave(target=view.target, owner=_owner(view), reason=reason, detail=detail, complaint=complaint)


def _owners(view: TargetView) -> list[Writer]:
    return sorted({_owner_of(item, view.driver) for item in (*view.writables, *view.delegates)})


def _owner_of(item: object, driver: Driver) -> Writer:
    if isinstance(item, OwnedBinding | OwnedPinned | OwnedRefused):
        return Owner.OWNED
    return item.owner if isinstance(item, Delegate | RefusedDelegate) else driver


def _owner(view: TargetView) -> Writer:
    """Return who fills the target; a declaration that is refused or pinned fills nothing where another one does."""
    return _owner_of((*view.writables, *view.delegates, *view.found)[0], view.driver)


def _unbound(view: TargetView) -> tuple[Reason, str]:
    """Say why nothing of ours goes into a target; what somebody has to mend comes before what is meant."""
    item = min(view.found, key=lambda one: not isinstance(one, Refused | OwnedRefused | RefusedDelegate))
    if isinstance(item, MountOnly):
        return Reason.MOUNT_ONLY, f"{item.cls} puts it into files only"
    if isinstance(item, RefusedDelegate):
        return Reason.OWNER_FAILING, item.detail
    if isinstance(item, Refused | OwnedRefused):
        if view.secret or not item.secret_name:
            return item.error.reason, str(item.error)
        return Reason.SECRET_MISSING, "there is no such Secret"
    return Reason.PINNED, "its declaration pins a version"


def _unasked(view: TargetView) -> Leave | None:
    """Leave a target that its owner would not fill though it is asked, if it is known to be concerned."""
    deaf = all(delegate.ignores and not delegate.tags for delegate in view.delegates)
    return _ignored(view, view.delegates[0]) if deaf else None


def _ignored(view: TargetView, delegate: Delegate) -> Leave:
    return _leave(view, Reason.OWNER_IGNORES, f"{delegate.resource}: {delegate.ignores}")


def _obstacle(view: TargetView) -> tuple[Reason, str] | None:
    if view.secret is None:
        return Reason.SECRET_MISSING, "there is no such Secret"
    owned = any(isinstance(item, OwnedBinding) for item in view.writables)
    return _not_ours(view.secret) if owned else _not_the_drivers(view.secret, view)


def _not_ours(secret: KubernetesSecret) -> tuple[Reason, str] | None:
    """Tell why an owned Secret is not ours to write."""
    if not secret.owned:
        return Reason.UNCONCERNED, "the label keyvault-fanout.dev/owned is not on the Secret any more"
    if secret.managed or secret.owner is not Owner.NOBODY:
        rival = "the CSI driver" if secret.managed else secret.owner
        return Reason.CONTESTED, f"the Secret is marked by {rival} as well"
    return None


def _not_the_drivers(secret: KubernetesSecret, view: TargetView) -> tuple[Reason, str] | None:
    """Tell why the driver does not write a Secret that a class names, or not alone."""
    if not secret.managed:
        detail = f"the Secret does not carry the CSI driver's label; owner: {_marked(secret)}"
        return Reason.SECRET_NOT_MANAGED, detail
    if secret.owned or secret.owner is not Owner.NOBODY:
        return Reason.CONTESTED, "the Secret is marked by another owner as well as by the CSI driver"
    for item in view.writables:
        if isinstance(item, Binding) and item.secret.type != secret.type:
            detail = f"the Secret is of type {secret.type[:80]!r}, {item.cls} wants {item.secret.type[:80]!r}"
            return Reason.SECRET_OTHER_TYPE, detail
    return None


def _marked(secret: KubernetesSecret) -> str:
    """Name whose mark a Secret carries."""
    return "the CSI driver" if secret.managed else str(Owner.OWNED if secret.owned else secret.owner)


def _decide(about: VaultObject, version: str, view: TargetView, vault: VaultView, now: datetime) -> Step:
    """Decide about a target that the cluster alone does not preclude."""
    try:
        if view.delegates:
            return _ask(about, version, view, vault, now)
        if not view.writables:
            return _show(about, view, vault, now)
        assert view.secret is not None  # noqa: S101 - `_obstacle` left those without; this tells the type checker
        step = _compare(about, version, view, view.secret, vault)
        held = rendering.held(view, vault, now) if isinstance(step, Write) else None
        return Hold(target=view.target, owner=step.owner, until=held) if held else step
    except PermanentError as error:
        return _leave(view, error.reason, str(error))
    except FanoutError as error:
        return Postpone(target=view.target, owner=_owner(view), error=error)


def _show(about: VaultObject, view: TargetView, vault: VaultView, now: datetime) -> Step:
    """Let the pods mount anew what the vault serves, unless it is held back."""
    answer = vault.answer(_tagged(about))
    later = hold.until(answer, now)
    if later:
        return Hold(target=view.target, owner=_owner(view), until=later)
    reason, detail = _unbound(view)
    mounts = expected_mounts(about, view, (), answer.version)
    return replace(_leave(view, reason, detail), mounts=mounts, served=_served(answer))


def _served(answer: VaultAnswer) -> Served:
    return Served(version=answer.version, created=answer.created)


def _ask(about: VaultObject, version: str, view: TargetView, vault: VaultView, now: datetime) -> Step:
    """Nudge the owner, unless what the resource looks for by tags is not this object."""
    answer = vault.answer(_tagged(about)) if _needs_tags(about, view) else None
    concerned = [delegate for delegate in view.delegates if delegate.concerns(answer.tags if answer else {})]
    if not concerned:
        return _leave(view, Reason.UNCONCERNED, f"{view.delegates[0].resource} looks for other tags")
    asked = tuple(delegate for delegate in concerned if not delegate.ignores)
    if not asked:
        return _ignored(view, concerned[0])
    later = hold.until(answer, now) if answer else None
    if later:
        return Hold(target=view.target, owner=asked[0].owner, until=later)
    held = view.secret.resource_version if view.secret else view.held
    served = _served(answer) if answer and about.type is not ObjectType.KEY else Served(version=version)
    return Nudge(target=view.target, owner=asked[0].owner, delegates=asked, held=held, served=served)


def _needs_tags(about: VaultObject, view: TargetView) -> bool:
    """Tell whether somebody else's target depends on the object's tags: what it searches for, and if it is held back.

    A key is not read for that: it takes a role (Key Vault Crypto User) which nothing else needs.
    """
    if not view.writables and not view.delegates:
        return True
    return any(delegate.tags or about.type is not ObjectType.KEY for delegate in view.delegates)


def _tagged(about: VaultObject) -> VaultRead:
    """Return the read that tells an object's tags. External Secrets looks for secrets (and so for certificates)."""
    return VaultRead(type=ObjectType.SECRET, name=about.name)


def _compare(
    about: VaultObject, version: str, view: TargetView, secret: KubernetesSecret, vault: VaultView
) -> Write | Keep | Leave:
    """Compare what the Secret should hold with what it holds."""
    data = rendering.data(about, view, secret, vault)
    holds = rendering.holds(about, view, vault)
    owner, mounts = _owner(view), expected_mounts(about, view, holds, version)
    different = {key: value for key, value in data.items() if secret.data.get(key) != value}
    annotations = rendering.annotations(view, secret, vault)
    if not different and not annotations:
        return Keep(target=view.target, owner=owner, secret=secret, keys=tuple(data), holds=holds, mounts=mounts)
    if secret.immutable and different:
        return _leave(view, Reason.SECRET_IMMUTABLE, "the Secret is immutable and holds other bytes")
    if owner is Driver.V1_6_STATIC:
        detail = "every node would put the mounted bytes back within five minutes"
        return _leave(view, Reason.DRIVER_WOULD_REVERT, detail)
    return Write(
        target=view.target,
        owner=owner,
        secret=secret,
        data=different,
        annotations=annotations,
        keys=tuple(data),
        holds=holds,
        mounts=mounts,
    )
