"""What to do about a Secret of the CSI driver: every reason, in the order of the checks."""

from typing import Any

import pytest

from shared import plan
from shared.csi.classes import SecretProviderClass
from shared.errors import ConfigurationError, PermanentError, TransientError
from shared.model import ObjectType, VaultObject, VaultRead
from shared.observed import Driver, PodStatus, VaultAnswer
from shared.outcome import ObjectVersion
from shared.reason import Reason
from shared.step import Keep, Leave, Postpone, Write
from shared.view import TargetView, VaultView
from tests.builders import (
    ABOUT,
    NAME,
    build_class,
    build_mount,
    build_refused_class,
    build_secret,
    build_secret_object,
)
from tests.fakes import NOW

from .planning import (
    NEWEST,
    SECRET,
    TARGET,
    answer,
    answer_key,
    data_of,
    decide,
    decide_alone,
    reason_of,
    see,
)

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
        ABOUT,
        "v2",
        views,
        VaultView(answers={NEWEST: answer()}, confirmed=dict.fromkeys(plan.claims(ABOUT, views), True)),
        NOW,
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
    assert reason_of(decide_alone(precluded()[reason])) is reason


def test_a_refused_secret_that_is_not_there_is_only_missing() -> None:
    assert reason_of(decide(see(build_refused_class(), secret=None))) is Reason.SECRET_MISSING
    assert reason_of(decide(see(build_refused_class(secrets=()), secret=None))) is Reason.DRIVER_WOULD_FAIL


def test_a_foreign_secret_is_named_before_its_type() -> None:
    view = see(secret=build_secret(managed=False, type="kubernetes.io/tls"))

    assert reason_of(decide(view)) is Reason.SECRET_NOT_MANAGED


def test_one_class_with_another_type_is_enough_to_leave_the_secret() -> None:
    other = build_class(name="other", secrets=[build_secret_object(type_="kubernetes.io/basic-auth", password=NAME)])

    assert reason_of(decide(see(build_class(), other))) is Reason.SECRET_OTHER_TYPE


# What the vault tells


@pytest.mark.parametrize("reason", [Reason.OBJECT_NOT_FOUND, Reason.OBJECT_DISABLED, Reason.VAULT_REFUSED])
def test_a_refusal_of_the_vault_that_stays_is_the_reason(reason: Reason) -> None:
    refused = PermanentError("kv-shop: refused", reason=reason)

    assert reason_of(decide(see(), {NEWEST: refused})) is reason
    assert reason_of(decide(see(statuses=[]), {NEWEST: refused})) is reason


@pytest.mark.parametrize("kind", [TransientError, ConfigurationError])
def test_a_refusal_that_passes_postpones(kind: type[TransientError | ConfigurationError]) -> None:
    error = kind("kv-shop: 403", reason=Reason.VAULT_FORBIDDEN)

    assert decide(see(), {NEWEST: error}) == Postpone(target=TARGET, owner=Driver.V1_5, error=error)


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
    statuses = [PodStatus(class_name="web", versions={f"secret/{NAME}": "v1", f"key/{NAME}": "k1"})]

    step = decide(see(cls, statuses=statuses), {key: answer_key()})

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


@pytest.mark.parametrize("fields", [{"secret": build_secret(immutable=True)}, {"driver": Driver.V1_6_STATIC}])
def test_without_a_grant_that_is_the_reason(fields: dict[str, Any]) -> None:
    assert reason_of(decide(see(statuses=[], **fields))) is Reason.NO_GRANT


def test_a_plan_needs_nothing_for_no_targets() -> None:
    assert plan.plan_refresh(ABOUT, "v2", [], VaultView(answers={}, confirmed={}), NOW).steps == ()
    assert not plan.reads(ABOUT, [])
    assert not plan.claims(ABOUT, [])
