"""What to do about a target: every reason, in the order of the checks, and nothing computed without a grant."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from shared import binding, plan
from shared.csi.classes import SecretProviderClass
from shared.errors import ConfigurationError, FanoutError, PermanentError, TransientError
from shared.grant import TAG
from shared.model import KeyMaterial, ObjectType, SecretMaterial, SecretValue, Target, VaultObject, VaultRead
from shared.observed import Claim, ClassView, Driver, PodStatus, VaultAnswer
from shared.outcome import ObjectVersion
from shared.plan import Keep, Leave, Postpone, Step, TargetView, VaultView, Write
from shared.reason import Reason
from tests.builders import (
    ABOUT,
    HOST,
    NAME,
    build_class,
    build_mount,
    build_refused_class,
    build_secret,
    build_secret_object,
)

TARGET = Target(cluster="aks-one", namespace="shop", secret="web-secret")
SECRET = build_secret()
NEWEST = VaultRead(type=ObjectType.SECRET, name=NAME)
DOWN = TransientError("kv-shop: no answer", reason=Reason.VAULT_UNREACHABLE)
GONE = PermanentError("kv-shop: 404", reason=Reason.OBJECT_NOT_FOUND)


def see(*views: ClassView, **fields: Any) -> TargetView:
    """See the target of the default world, mounted, with the Secret as it was before."""
    found = tuple(binding.find(views or (build_class(),), ABOUT, HOST))
    defaults: dict[str, Any] = {"driver": Driver.V1_5, "secret": SECRET, "statuses": [build_mount("v1")]}
    return TargetView(target=TARGET, found=found, **{**defaults, **fields})


def answer(value: str = "after", *, version: str = "v2", tags: Mapping[str, str] | None = None) -> VaultAnswer:
    """Answer with one version."""
    material = SecretMaterial(version=version, value=SecretValue(value.encode()))
    return VaultAnswer(materials=(material,), tags=tags or {})


def decide(
    view: TargetView,
    answers: Mapping[VaultRead, VaultAnswer | FanoutError] | None = None,
    *,
    confirmed: bool | FanoutError = True,
) -> Step:
    """Plan one target; every read has an answer, every claim is confirmed unless told otherwise."""
    told = {read: answer() for read in plan.reads([view])} | dict(answers or {})
    vault = VaultView(answers=told, confirmed=dict.fromkeys(plan.claims([view]), confirmed))
    (step,) = plan.plan_refresh(ABOUT, [view], vault).steps
    return step


def data_of(step: Step) -> dict[str, str]:
    """Return what a step writes."""
    assert isinstance(step, Write)
    return {key: value.reveal().decode() for key, value in step.data.items()}


def reason_of(step: Step) -> Reason:
    """Return why a target is left."""
    assert isinstance(step, Leave)
    assert step.detail
    return step.reason


class Untouchable(dict[VaultRead, Any]):
    """Answers that must not be asked for."""

    def __missing__(self, read: VaultRead) -> Any:
        pytest.fail(f"{read} was asked for")


# The steps


def test_different_bytes_are_written() -> None:
    step = decide(see())

    assert data_of(step) == {"password": "after"}
    assert isinstance(step, Write)
    assert step.secret is SECRET
    assert step.keys == ("password",)
    assert step.holds == (ObjectVersion(object=ABOUT, version="v2"),)


def test_equal_bytes_are_kept() -> None:
    step = decide(see(), {NEWEST: answer("before")})

    assert isinstance(step, Keep)
    assert step.keys == ("password",)
    assert step.holds == (ObjectVersion(object=ABOUT, version="v2"),)


def test_only_the_keys_that_differ_are_written() -> None:
    cls = build_class(secrets=[build_secret_object(first=NAME, second=NAME)])
    secret = build_secret(data={"first": "after", "second": "before", "foreign": "stays"})

    step = decide(see(cls, secret=secret))

    assert data_of(step) == {"second": "after"}
    assert isinstance(step, Write)
    assert step.keys == ("first", "second")


def test_a_key_that_the_secret_lacks_is_written() -> None:
    assert data_of(decide(see(secret=build_secret(data={})))) == {"password": "after"}


def test_every_step_belongs_to_its_view() -> None:
    views = [see(), see(secret=None), see(build_class(secrets=[]))]

    steps = plan.plan_refresh(
        ABOUT, views, VaultView(answers={NEWEST: answer()}, confirmed=dict.fromkeys(plan.claims(views), True))
    ).steps

    assert [type(step) for step in steps] == [Write, Leave, Leave]


# What the cluster alone tells


def precluded() -> dict[Reason, TargetView]:
    """Return a view for each reason that needs no vault; the grant is there."""
    return {
        Reason.MOUNT_ONLY: see(build_class(secrets=[])),
        Reason.DRIVER_WOULD_FAIL: see(build_refused_class()),
        Reason.PINNED: see(build_class(objects=[{"objectName": NAME, "objectVersion": "v1"}])),
        Reason.SECRET_MISSING: see(secret=None),
        Reason.SECRET_NOT_MANAGED: see(secret=build_secret(managed=False)),
        Reason.SECRET_OTHER_TYPE: see(secret=build_secret(type="kubernetes.io/tls")),
    }


@pytest.mark.parametrize("reason", precluded())
def test_the_vault_is_not_asked_for_what_the_cluster_tells(reason: Reason) -> None:
    view = precluded()[reason]

    assert plan.reads([view]) == frozenset()
    assert plan.claims([view]) == frozenset()
    (step,) = plan.plan_refresh(ABOUT, [view], VaultView(answers=Untouchable(), confirmed={})).steps
    assert reason_of(step) is reason


def test_a_refused_secret_that_is_not_there_is_only_missing() -> None:
    assert reason_of(decide(see(build_refused_class(), secret=None))) is Reason.SECRET_MISSING
    assert reason_of(decide(see(build_refused_class(secrets=()), secret=None))) is Reason.DRIVER_WOULD_FAIL


def test_a_foreign_secret_is_named_before_its_type() -> None:
    view = see(secret=build_secret(managed=False, type="kubernetes.io/tls"))

    assert reason_of(decide(view)) is Reason.SECRET_NOT_MANAGED


def test_one_class_with_another_type_is_enough_to_leave_the_secret() -> None:
    other = build_class(name="other", secrets=[build_secret_object(type_="kubernetes.io/basic-auth", password=NAME)])

    assert reason_of(decide(see(build_class(), other))) is Reason.SECRET_OTHER_TYPE


# The grant


def test_a_mount_that_the_vault_confirms_is_a_grant() -> None:
    assert plan.claims([see()]) == {Claim(type=ObjectType.SECRET, name=NAME, versions=frozenset({"v1"}))}
    assert isinstance(decide(see(), confirmed=True), Write)


@pytest.mark.parametrize("tags", [{}, {TAG: "aks-two/shop"}, {TAG: "aks-one/other"}, {"another": "*/*"}])
@pytest.mark.parametrize("statuses", [[], [build_mount("v1", class_name="other")], [build_mount("v1", name="other")]])
def test_asking_is_no_grant(statuses: Sequence[PodStatus], tags: Mapping[str, str]) -> None:
    step = decide(see(statuses=statuses), {NEWEST: answer(tags=tags)})

    assert reason_of(step) is Reason.NO_GRANT


def test_a_mount_of_a_version_that_this_vault_never_had_is_no_grant() -> None:
    assert reason_of(decide(see(), confirmed=False)) is Reason.NO_GRANT


def test_the_owners_tag_is_a_grant_without_any_mount() -> None:
    assert isinstance(decide(see(statuses=[]), {NEWEST: answer(tags={TAG: "aks-one/shop"})}), Write)


def test_the_owners_tag_stands_in_for_a_claim_that_cannot_be_confirmed() -> None:
    assert isinstance(decide(see(), {NEWEST: answer(tags={TAG: "*/shop"})}, confirmed=DOWN), Write)


def test_a_claim_that_cannot_be_confirmed_now_is_tried_again() -> None:
    assert decide(see(), confirmed=DOWN) == Postpone(target=TARGET, error=DOWN)


def test_equal_bytes_are_not_confirmed_without_a_grant() -> None:
    """Whether a namespace's guess is right is told to nobody."""
    step = decide(see(statuses=[]), {NEWEST: answer("before")})

    assert reason_of(step) is Reason.NO_GRANT


def test_nothing_is_computed_without_a_grant() -> None:
    """A value that cannot be rendered would be refused, if anybody looked at it."""
    cls = build_class(objects=[{"objectName": NAME, "objectEncoding": "base64"}])

    assert reason_of(decide(see(cls), {NEWEST: answer("no base64!")})) is Reason.DRIVER_WOULD_FAIL
    assert reason_of(decide(see(cls, statuses=[]), {NEWEST: answer("no base64!")})) is Reason.NO_GRANT


def test_each_class_of_a_secret_needs_a_grant() -> None:
    other = build_class(name="other", secrets=[build_secret_object(second=NAME)])

    assert reason_of(decide(see(build_class(), other))) is Reason.NO_GRANT
    both = [build_mount("v1"), build_mount("v1", class_name="other")]
    assert data_of(decide(see(build_class(), other, statuses=both))) == {"password": "after", "second": "after"}


def test_each_object_that_decides_about_a_file_needs_a_grant() -> None:
    """A history with the same path may win over the plain object, so its bytes may be the ones that go out."""
    cls = build_class(
        objects=[
            {"objectName": "other", "objectAlias": "pw", "objectVersionHistory": 2},
            {"objectName": NAME, "objectAlias": "pw/0"},
        ],
        secrets=[build_secret_object(password="pw/0")],
    )
    other = Claim(type=ObjectType.SECRET, name="other", versions=frozenset({"v1"}))

    assert plan.reads([see(cls)]) == {NEWEST, VaultRead(type=ObjectType.SECRET, name="other", history=2)}
    assert reason_of(decide(see(cls))) is Reason.NO_GRANT
    granted = see(cls, statuses=[build_mount("v1"), build_mount("v1", name="other")])
    assert other in plan.claims([granted])
    assert data_of(decide(granted)) == {"password": "after"}


# What the vault tells


@pytest.mark.parametrize("reason", [Reason.OBJECT_NOT_FOUND, Reason.OBJECT_DISABLED, Reason.VAULT_REFUSED])
def test_a_refusal_of_the_vault_that_stays_is_the_reason(reason: Reason) -> None:
    refused = PermanentError("kv-shop: refused", reason=reason)

    assert reason_of(decide(see(), {NEWEST: refused})) is reason
    assert reason_of(decide(see(statuses=[]), {NEWEST: refused})) is reason


@pytest.mark.parametrize("kind", [TransientError, ConfigurationError])
def test_a_refusal_that_passes_postpones(kind: type[TransientError | ConfigurationError]) -> None:
    error = kind("kv-shop: 403", reason=Reason.VAULT_FORBIDDEN)

    assert decide(see(), {NEWEST: error}) == Postpone(target=TARGET, error=error)


def test_an_encoding_is_applied_before_bytes_are_compared() -> None:
    cls = build_class(objects=[{"objectName": NAME, "objectEncoding": "base64"}])

    assert data_of(decide(see(cls), {NEWEST: answer("YWZ0ZXI=")})) == {"password": "after"}
    assert isinstance(decide(see(cls), {NEWEST: answer("YmVmb3Jl")}), Keep)


def test_a_history_writes_the_newest_that_it_names() -> None:
    cls = build_class(
        objects=[{"objectName": NAME, "objectVersionHistory": 2}],
        secrets=[build_secret_object(now=f"{NAME}/0", then=f"{NAME}/1")],
    )
    both = VaultAnswer(materials=answer("new", version="v2").materials + answer("old", version="v1").materials)

    step = decide(see(cls), {VaultRead(type=ObjectType.SECRET, name=NAME, history=2): both})

    assert data_of(step) == {"now": "new", "then": "old"}
    assert isinstance(step, Write)
    assert step.holds == (ObjectVersion(object=ABOUT, version="v2"),)


def test_a_secret_holds_each_object_of_the_name_at_its_own_version() -> None:
    cls = build_class(
        objects=[{"objectName": NAME}, {"objectName": NAME, "objectType": "key", "objectAlias": "public"}],
        secrets=[build_secret_object(password=NAME, public="public")],
    )
    key = VaultRead(type=ObjectType.KEY, name=NAME)
    public = KeyMaterial(version="k1", jwk={"kty": "RSA", "n": "uS5-8_OQ0g", "e": "AQAB"})
    statuses = [PodStatus(class_name="web", versions={f"secret/{NAME}": "v1", f"key/{NAME}": "k1"})]

    step = decide(see(cls, statuses=statuses), {key: VaultAnswer(materials=(public,))})

    assert isinstance(step, Write)
    assert set(step.data) == {"password", "public"}
    assert {(held.object.type, held.version) for held in step.holds} == {
        (ObjectType.SECRET, "v2"),
        (ObjectType.KEY, "k1"),
    }
    assert {held.object for held in step.holds} == {ABOUT, VaultObject(vault="kv-shop", type=ObjectType.KEY, name=NAME)}


# Several classes for one Secret


def two_classes(second: SecretProviderClass) -> TargetView:
    """See one Secret that two classes feed, both mounted."""
    return see(build_class(), second, statuses=[build_mount("v1"), build_mount("v1", class_name="second")])


def test_two_classes_that_agree_about_a_key_are_one() -> None:
    step = decide(two_classes(build_class(name="second")))

    assert data_of(step) == {"password": "after"}
    assert isinstance(step, Write)
    assert len(step.holds) == 1


def test_two_classes_that_differ_about_a_key_are_contested() -> None:
    second = build_class(name="second", objects=[{"objectName": NAME, "objectEncoding": "hex"}])

    assert reason_of(decide(two_classes(second), {NEWEST: answer("6162")})) is Reason.CONTESTED


def test_a_refused_entry_beside_a_good_one_does_not_stop_it() -> None:
    view = see(build_refused_class(), build_class())

    assert isinstance(decide(view), Write)


# What the Secret and the driver allow, once it is known that bytes differ


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"secret": build_secret(immutable=True)}, Reason.SECRET_IMMUTABLE),
        ({"driver": Driver.V1_6_STATIC}, Reason.DRIVER_WOULD_REVERT),
        ({"secret": build_secret(immutable=True), "driver": Driver.V1_6_STATIC}, Reason.SECRET_IMMUTABLE),
    ],
)
def test_what_forbids_writing_forbids_nothing_where_bytes_are_equal(fields: dict[str, Any], reason: Reason) -> None:
    assert reason_of(decide(see(**fields))) is reason
    assert isinstance(decide(see(**fields), {NEWEST: answer("before")}), Keep)


@pytest.mark.parametrize("driver", [Driver.V1_5, Driver.V1_6_ROTATING, Driver.UNKNOWN])
def test_the_other_generations_are_written_to(driver: Driver) -> None:
    assert isinstance(decide(see(driver=driver)), Write)


@pytest.mark.parametrize("fields", [{"secret": build_secret(immutable=True)}, {"driver": Driver.V1_6_STATIC}])
def test_without_a_grant_that_is_the_reason(fields: dict[str, Any]) -> None:
    assert reason_of(decide(see(statuses=[], **fields))) is Reason.NO_GRANT


def test_a_plan_can_be_printed_without_showing_a_value() -> None:
    view = see(secret=build_secret(data={"password": "hunter2-before"}))

    printed = repr(decide(view, {NEWEST: answer("hunter2-after")}))

    assert "Write(" in printed
    assert "hunter2" not in printed


def test_a_plan_needs_nothing_for_no_targets() -> None:
    assert plan.plan_refresh(ABOUT, [], VaultView(answers={}, confirmed={})).steps == ()
    assert not plan.reads([])
    assert not plan.claims([])
