"""Views of the default target, what the vault answers, and what is decided."""

from collections.abc import Mapping
from typing import Any

from shared import binding, owned, plan
from shared.declarations import Found
from shared.delegate import Delegate, Resource
from shared.errors import FanoutError, PermanentError, TransientError
from shared.external_secrets.matching import RefusedDelegate
from shared.model import KeyMaterial, ObjectType, SecretMaterial, SecretValue, Target, VaultObject, VaultRead
from shared.observed import ClassView, Driver, KubernetesSecret, Owner, VaultAnswer
from shared.owned import Declaration, RefusedDeclaration
from shared.reason import Reason
from shared.step import Leave, Step, Write
from shared.view import TargetView, VaultView
from tests.builders import ABOUT, HOST, NAME, build_class, build_mount, build_secret
from tests.fakes import NOW

from .declare import declare

TARGET = Target(cluster="aks-one", namespace="shop", secret="web-secret")
SECRET = build_secret()
NEWEST = VaultRead(type=ObjectType.SECRET, name=NAME)
DOWN = TransientError("kv-shop: no answer", reason=Reason.VAULT_UNREACHABLE)
GONE = PermanentError("kv-shop: 404", reason=Reason.OBJECT_NOT_FOUND)


def view(*found: Found, **fields: Any) -> TargetView:
    """See the default target; `secret` is what there is of it."""
    defaults: dict[str, Any] = {"driver": Driver.UNKNOWN, "secret": None}
    return TargetView(target=TARGET, found=found, **{**defaults, **fields})


def see(*classes: ClassView, about: VaultObject = ABOUT, **fields: Any) -> TargetView:
    """See the Secret of the default class, mounted, as it was before."""
    found = binding.find(classes or (build_class(),), about, HOST)
    defaults: dict[str, Any] = {"driver": Driver.V1_5, "secret": SECRET, "statuses": [build_mount("v1")]}
    return view(*found, **{**defaults, **fields})


def owned_secret(**fields: Any) -> KubernetesSecret:
    """Build an owned Secret as it was before."""
    return build_secret(**{"managed": False, "owned": True, **fields})


def see_owned(declared: Declaration | RefusedDeclaration | None = None, **fields: Any) -> TargetView:
    """See an owned Secret."""
    found = owned.find([declared or declare()], ABOUT)
    return view(*found, **{"secret": owned_secret(), **fields})


def delegate(name: str = "web", **fields: Any) -> Delegate:
    """Build an ExternalSecret that fills the default Secret."""
    defaults: dict[str, Any] = {"owner": Owner.EXTERNAL_SECRETS, "secret_name": "web-secret"}
    return Delegate(resource=resource(name), **{**defaults, **fields})


def sync(**fields: Any) -> Delegate:
    """Build a SecretSync that fills the default Secret."""
    syncs = Resource(
        group_version="secret-sync.x-k8s.io/v1alpha1", plural="secretsyncs", namespace="shop", name="web-secret"
    )
    return Delegate(owner=Owner.SYNC_CONTROLLER, resource=syncs, secret_name="web-secret", **fields)


def refused_delegate() -> RefusedDelegate:
    """Build an ExternalSecret that is not followed."""
    detail = "data[0]: remoteRef is no mapping"
    return RefusedDelegate(
        owner=Owner.EXTERNAL_SECRETS, resource=resource("web"), secret_name="web-secret", detail=detail
    )


def resource(name: str) -> Resource:
    """Name an ExternalSecret."""
    return Resource(group_version="external-secrets.io/v1", plural="externalsecrets", namespace="shop", name=name)


def answer(
    value: str = "after", *, version: str = "v2", tags: Mapping[str, str] | None = None, **fields: Any
) -> VaultAnswer:
    """Answer with one version of a secret."""
    material = SecretMaterial(version=version, value=SecretValue(value.encode()))
    return VaultAnswer(materials=(material,), tags=tags or {}, **fields)


def answer_key(version: str = "k1") -> VaultAnswer:
    """Answer with one version of a key."""
    return VaultAnswer(materials=(KeyMaterial(version=version, jwk={"kty": "RSA", "n": "uS5-8_OQ0g", "e": "AQAB"}),))


def decide(
    seen: TargetView,
    answers: Mapping[VaultRead, VaultAnswer | FanoutError] | None = None,
    *,
    confirmed: bool | FanoutError = True,
    about: VaultObject = ABOUT,
    version: str = "v2",
) -> Step:
    """Plan one target; every read has an answer, every claim is confirmed unless told otherwise."""
    told = {read: answer() for read in plan.reads(about, [seen])} | dict(answers or {})
    vault = VaultView(answers=told, confirmed=dict.fromkeys(plan.claims(about, [seen]), confirmed))
    (step,) = plan.plan_refresh(about, version, [seen], vault, NOW).steps
    return step


def decide_with_newest(seen: TargetView, about: VaultObject = ABOUT, version: str = "v2") -> Step:
    """Plan one target for which the vault is asked what it serves, and for nothing else."""
    assert asked(seen, about) == {VaultRead(type=ObjectType.SECRET, name=about.name)}
    return decide(seen, {NEWEST: answer(version=version)}, about=about)


def decide_alone(seen: TargetView, about: VaultObject = ABOUT) -> Step:
    """Plan one target for which the vault is not asked."""
    assert asked(seen, about) == set()
    assert plan.claims(about, [seen]) == frozenset()
    (step,) = plan.plan_refresh(about, "v2", [seen], VaultView(answers={}, confirmed={}), NOW).steps
    return step


def asked(seen: TargetView, about: VaultObject = ABOUT) -> set[VaultRead]:
    """Return what the vault is asked for a target."""
    return set(plan.reads(about, [seen]))


def data_of(step: Step) -> dict[str, str]:
    """Return what a step writes."""
    assert isinstance(step, Write), step
    return {key: value.reveal().decode() for key, value in step.data.items()}


def reason_of(step: Step) -> Reason:
    """Return why a target is left."""
    assert isinstance(step, Leave), step
    assert step.detail
    return step.reason
