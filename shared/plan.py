"""What to do: from what was observed to a `RefreshPlan`. Pure; printing the plan is the dry run.

For every target exactly one step: `Write`, `Keep` (it holds the bytes already), `Leave` (never, with the reason) or
`Postpone` (a neighbour failed for now). The order of the questions is the order of the checks in `_decide`: nothing
is computed for a namespace before its grant is proven.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared import grant
from shared.binding import Binding, Found, MountOnly, Refused
from shared.csi import render
from shared.csi.classes import ClassObject
from shared.errors import FanoutError, PermanentError
from shared.model import SecretValue, Target, VaultObject, VaultRead
from shared.observed import Claim, Driver, KubernetesSecret, PodStatus, VaultAnswer
from shared.outcome import ObjectVersion
from shared.reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """One target as it was seen: what concerns it, the Secret (None: there is none), and its namespace's mounts."""

    target: Target
    found: tuple[Found, ...]
    driver: Driver
    secret: KubernetesSecret | None = None
    statuses: Sequence[PodStatus] = ()

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """The bindings among what concerns it."""
        return tuple(item for item in self.found if isinstance(item, Binding))


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultView:
    """What the vault answered: to each read, and whether it knows the versions that pod statuses speak of."""

    answers: Mapping[VaultRead, VaultAnswer | FanoutError]
    confirmed: Mapping[Claim, bool | FanoutError]


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Put `data` into the Secret that was seen. `remounts` are the classes whose pods a nudge makes mount anew."""

    target: Target
    driver: Driver
    secret: KubernetesSecret
    data: Mapping[str, SecretValue]
    keys: tuple[str, ...]
    holds: tuple[ObjectVersion, ...]
    remounts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """The Secret holds these versions already."""

    target: Target
    driver: Driver
    secret: KubernetesSecret
    keys: tuple[str, ...]
    holds: tuple[ObjectVersion, ...]
    remounts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Nothing is written, and no retry would change that."""

    target: Target
    driver: Driver
    reason: Reason
    detail: str
    remounts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Postpone:
    """Nothing can be done now, because a neighbour failed."""

    target: Target
    error: FanoutError


Step = Write | Keep | Leave | Postpone


@dataclass(frozen=True, slots=True)
class RefreshPlan:
    """One step for each target of a cluster."""

    steps: tuple[Step, ...]


def reads(views: Sequence[TargetView]) -> frozenset[VaultRead]:
    """Return what has to be asked of the vault before these targets can be decided."""
    return frozenset(
        item.read for view in views if _preclude(view) is None for binding in view.bindings for item in binding.objects
    )


def claims(views: Sequence[TargetView]) -> frozenset[Claim]:
    """Return what pod statuses say was mounted, to be confirmed by the vault."""
    found = (
        grant.claim(item, binding.cls.name, view.statuses)
        for view in views
        if _preclude(view) is None
        for binding in view.bindings
        for item in binding.objects
    )
    return frozenset(item for item in found if item is not None)


def plan_refresh(about: VaultObject, views: Sequence[TargetView], vault: VaultView) -> RefreshPlan:
    """Decide about every target. Raises nothing: what cannot be computed is a step with its reason."""
    return RefreshPlan(tuple(_preclude(view) or _decide(about, view, vault) for view in views))


def _preclude(view: TargetView) -> Leave | None:
    """Leave a target for what the cluster alone tells."""
    obstacle = _obstacle(view.secret, view.bindings) if view.bindings else _unbound(view)
    if obstacle is None:
        return None
    reason, detail = obstacle
    remounts = _remounts(view) if reason is Reason.MOUNT_ONLY else frozenset[str]()
    return Leave(target=view.target, driver=view.driver, reason=reason, detail=detail, remounts=remounts)


def _remounts(view: TargetView) -> frozenset[str]:
    """Name the classes whose pods mount anew when they are nudged: only a rotating driver of 1.6 or later does so."""
    if view.driver is not Driver.V1_6_ROTATING:
        return frozenset()
    return frozenset(item.cls.name for item in view.found if not isinstance(item, Refused))


def _unbound(view: TargetView) -> tuple[Reason, str]:
    item = view.found[0]
    if isinstance(item, MountOnly):
        return Reason.MOUNT_ONLY, f"{item.cls} puts it into files only"
    if isinstance(item, Refused) and (view.secret or not item.secret_name):
        return item.error.reason, str(item.error)
    if isinstance(item, Refused):
        return Reason.SECRET_MISSING, "there is no such Secret"
    return Reason.PINNED, f"{item.cls} pins a version"


def _obstacle(secret: KubernetesSecret | None, bindings: Sequence[Binding]) -> tuple[Reason, str] | None:
    if secret is None:
        return Reason.SECRET_MISSING, "there is no such Secret"
    if not secret.managed:
        return Reason.SECRET_NOT_MANAGED, "the Secret does not carry the CSI driver's label"
    for binding in bindings:
        if binding.secret.type != secret.type:
            detail = f"the Secret is of type {secret.type[:80]!r}, {binding.cls} wants {binding.secret.type[:80]!r}"
            return Reason.SECRET_OTHER_TYPE, detail
    return None


def _decide(about: VaultObject, view: TargetView, vault: VaultView) -> Step:
    """Decide about a target whose Secret may be written to as far as the cluster tells."""
    secret = view.secret
    assert secret is not None  # noqa: S101 - `_preclude` left those without; this tells the type checker
    try:
        data = _data(about, view, vault)
        holds = _holds(about, view, vault)
    except PermanentError as error:
        return Leave(target=view.target, driver=view.driver, reason=error.reason, detail=str(error))
    except FanoutError as error:
        return Postpone(target=view.target, error=error)
    keys = tuple(data)
    different = {key: value for key, value in data.items() if secret.data.get(key) != value}
    if not different:
        return Keep(
            target=view.target, driver=view.driver, secret=secret, keys=keys, holds=holds, remounts=_remounts(view)
        )
    if secret.immutable:
        return Leave(
            target=view.target,
            driver=view.driver,
            reason=Reason.SECRET_IMMUTABLE,
            detail="the Secret is immutable and holds other bytes",
        )
    if view.driver is Driver.V1_6_STATIC:
        return Leave(
            target=view.target,
            driver=view.driver,
            reason=Reason.DRIVER_WOULD_REVERT,
            detail="every node would put the mounted bytes back within five minutes",
        )
    return Write(
        target=view.target,
        driver=view.driver,
        secret=secret,
        data=different,
        keys=keys,
        holds=holds,
        remounts=_remounts(view),
    )


def _data(about: VaultObject, view: TargetView, vault: VaultView) -> dict[str, SecretValue]:
    """Compute the data keys that the object feeds, over all classes that name the Secret."""
    data: dict[str, SecretValue] = {}
    for binding in view.bindings:
        _check_grants(view, binding, vault)
        for key, value in _render(about, binding, vault).items():
            if data.setdefault(key, value) != value:
                raise PermanentError(f"two classes feed {key} with different bytes", reason=Reason.CONTESTED)
    return data


def _check_grants(view: TargetView, binding: Binding, vault: VaultView) -> None:
    """Raise unless every object of a binding is granted to the target's namespace (design 5)."""
    for item in binding.objects:
        claim = grant.claim(item, binding.cls.name, view.statuses)
        confirmed = vault.confirmed[claim] if claim else False
        if confirmed is True:
            continue
        answer = _answer(item, vault)
        if grant.allows(answer.tags, cluster=view.target.cluster, namespace=view.target.namespace):
            continue
        if isinstance(confirmed, FanoutError):
            raise confirmed
        raise PermanentError(
            f"no pod of {view.target.namespace} mounted {item.status_id} of this vault through {binding.cls.name}, "
            f"and the object's tag {grant.TAG} does not list {view.target.cluster}/{view.target.namespace}",
            reason=Reason.NO_GRANT,
        )


def _answer(item: ClassObject, vault: VaultView) -> VaultAnswer:
    answer = vault.answers[item.read]
    if isinstance(answer, FanoutError):
        raise answer
    return answer


def _render(about: VaultObject, binding: Binding, vault: VaultView) -> dict[str, SecretValue]:
    answers = {item.read: _answer(item, vault).materials for item in binding.objects}
    mounted = render.files(binding.cls, answers, only=about.name)
    return render.secret_data(binding.cls, binding.secret, mounted, keys=binding.keys)


def _holds(about: VaultObject, view: TargetView, vault: VaultView) -> tuple[ObjectVersion, ...]:
    """Name the objects that follow the newest version, each once, with the version that was rendered."""
    held: dict[VaultObject, str] = {}
    for binding in view.bindings:
        for item in binding.feeding:
            fed = VaultObject(vault=about.vault, type=item.read.type, name=item.read.name)
            held.setdefault(fed, _answer(item, vault).version)
    return tuple(ObjectVersion(object=fed, version=version) for fed, version in held.items())
