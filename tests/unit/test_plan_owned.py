"""What to do about a Secret of which we are the only writer (design 3)."""

import json
from typing import Any

import pytest

from shared.csi.classes import TLS_TYPE
from shared.grant import TAG
from shared.model import ObjectType, SecretMaterial, SecretValue, VaultObject, VaultRead
from shared.observed import Owner, PodStatus, VaultAnswer
from shared.outcome import Mounts, ObjectVersion
from shared.owned import VERSIONS
from shared.reason import Reason
from shared.step import Keep, Leave, Step, Write
from shared.view import TargetView
from tests.builders import ABOUT, NAME, build_mount, build_secret

from .declare import WHERE, build_entry, declare, refuse
from .planning import (
    DOWN,
    GONE,
    NEWEST,
    TARGET,
    answer,
    answer_key,
    asked,
    data_of,
    decide,
    decide_alone,
    owned_secret,
    reason_of,
    see_owned,
    view,
)

GRANTED = {TAG: "aks-one/shop"}
SAID = '{"password":"kv-shop/secret/db-password/v2"}'
"""The versions annotation, once the newest version is written."""


def decide_granted(seen: TargetView, value: str = "after") -> Step:
    """Decide with a vault that grants the default object."""
    return decide(seen, {NEWEST: answer(value, tags=GRANTED)})


# What differs is written


def test_other_bytes_are_written_with_the_version_that_they_are() -> None:
    step = decide_granted(see_owned())

    assert data_of(step) == {"password": "after"}
    assert isinstance(step, Write)
    assert step.annotations == {VERSIONS: SAID}
    assert step.owner is Owner.OWNED
    assert (step.keys, step.holds) == (("password",), (ObjectVersion(object=ABOUT, version="v2"),))


def test_a_new_secret_without_data_is_filled() -> None:
    assert data_of(decide_granted(see_owned(secret=owned_secret(data={})))) == {"password": "after"}


def test_drift_is_written_although_the_annotation_says_that_it_is_right() -> None:
    step = decide_granted(see_owned(secret=owned_secret(data={"password": "drifted"}, versions=SAID)))

    assert data_of(step) == {"password": "after"}
    assert isinstance(step, Write)
    assert step.annotations == {}


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("", id="none yet"),
        pytest.param(SAID.replace("v2", "v1"), id="an older version of the same bytes"),
        pytest.param("no JSON", id="what is no annotation of ours"),
        pytest.param(json.dumps({**json.loads(SAID), "gone": "x"}), id="a key that is not declared"),
    ],
)
def test_where_only_the_annotation_differs_only_the_annotation_is_written(said: str) -> None:
    step = decide_granted(see_owned(secret=owned_secret(data={"password": "after"}, versions=said)))

    assert isinstance(step, Write)
    assert step.data == {}
    assert step.annotations == {VERSIONS: SAID}
    assert step.holds == (ObjectVersion(object=ABOUT, version="v2"),)


def test_what_agrees_in_bytes_and_annotation_is_kept() -> None:
    secret = owned_secret(data={"password": "after", "foreign": "stays"}, versions=SAID)

    step = decide_granted(see_owned(secret=secret))

    assert isinstance(step, Keep)
    assert step.owner is Owner.OWNED
    assert step.secret is secret


def test_an_entry_of_another_object_stays_as_the_annotation_says() -> None:
    declared = declare(build_entry(), build_entry("secret/other", "token"))
    said = '{"token":"kv-shop/secret/other/o7"}'

    step = decide_granted(see_owned(declared, secret=owned_secret(versions=said)))

    assert asked(see_owned(declared)) == {NEWEST}
    assert data_of(step) == {"password": "after"}
    assert isinstance(step, Write)
    assert json.loads(step.annotations[VERSIONS]) == {**json.loads(SAID), **json.loads(said)}


def test_entries_of_several_types_are_held_each_at_its_version() -> None:
    declared = declare(build_entry(), build_entry(f"key/{NAME}", "public"))
    key = VaultRead(type=ObjectType.KEY, name=NAME)
    granted = VaultAnswer(materials=answer_key().materials, tags=GRANTED)

    step = decide(see_owned(declared), {NEWEST: answer(tags=GRANTED), key: granted})

    assert isinstance(step, Write)
    assert step.keys == ("password", "public")
    assert step.holds == (
        ObjectVersion(object=ABOUT, version="v2"),
        ObjectVersion(object=VaultObject(vault="kv-shop", type=ObjectType.KEY, name=NAME), version="k1"),
    )


def test_no_volume_shows_an_owned_secret_through_a_class() -> None:
    step = decide_granted(see_owned())

    assert isinstance(step, Write)
    assert step.mounts == Mounts(expected={}, remounts=False)


# The grant is the vault owner's tag, and nothing else


@pytest.mark.parametrize(
    "statuses",
    [
        pytest.param([build_mount("v2")], id="a class"),
        pytest.param([build_mount("v2", class_name="web-secret")], id="a class of the Secret's name"),
        pytest.param([PodStatus(class_name="", versions={f"secret/{NAME}": "v2"})], id="a class without a name"),
    ],
)
def test_a_pod_that_mounted_the_object_proves_nothing_for_an_owned_secret(statuses: list[PodStatus]) -> None:
    step = decide_granted(see_owned(statuses=statuses))
    ungranted = decide(see_owned(statuses=statuses), {NEWEST: answer()})

    assert isinstance(step, Write)
    assert reason_of(ungranted) is Reason.NO_GRANT
    assert "pod" not in str(ungranted)
    assert "aks-one/shop" in str(ungranted)


@pytest.mark.parametrize("tag", ["", "aks-two/shop", "aks-one/other", "aks-one", "shop"])
def test_a_tag_that_lists_another_namespace_is_no_grant(tag: str) -> None:
    assert reason_of(decide(see_owned(), {NEWEST: answer(tags={TAG: tag})})) is Reason.NO_GRANT


def test_equal_bytes_are_not_confirmed_without_a_grant() -> None:
    secret = owned_secret(data={"password": "after"}, versions=SAID)

    assert reason_of(decide(see_owned(secret=secret), {NEWEST: answer()})) is Reason.NO_GRANT


def test_each_object_of_a_secret_needs_a_grant_of_its_own() -> None:
    declared = declare(build_entry(), build_entry(f"key/{NAME}", "public"))
    key = VaultRead(type=ObjectType.KEY, name=NAME)

    assert reason_of(decide(see_owned(declared), {NEWEST: answer(tags=GRANTED), key: answer_key()})) is Reason.NO_GRANT


# Whose Secret it is


def test_a_label_that_was_removed_since_the_list_ends_our_right_to_write() -> None:
    step = decide_alone(see_owned(secret=owned_secret(owned=False)))

    assert reason_of(step) is Reason.UNCONCERNED
    assert "keyvault-fanout.dev/owned" in str(step)


@pytest.mark.parametrize(
    ("marks", "word"),
    [
        pytest.param({"managed": True}, "the CSI driver", id="the driver"),
        pytest.param({"owner": Owner.EXTERNAL_SECRETS}, "external-secrets", id="External Secrets"),
        pytest.param({"owner": Owner.SYNC_CONTROLLER}, "secrets-store-sync-controller", id="the sync controller"),
        pytest.param({"managed": True, "owner": Owner.EXTERNAL_SECRETS}, "the CSI driver", id="both"),
    ],
)
def test_an_owned_secret_that_another_marked_is_contested_and_names_a_rival(marks: dict[str, Any], word: str) -> None:
    step = decide_alone(see_owned(secret=owned_secret(**marks)))

    assert isinstance(step, Leave)
    assert step.reason is Reason.CONTESTED
    rivals = {"the CSI driver", "external-secrets", "secrets-store-sync-controller"}
    assert [rival for rival in rivals if rival in step.detail] == [word]


def test_a_secret_that_is_gone_is_missing_and_never_created() -> None:
    assert reason_of(decide_alone(see_owned(secret=None))) is Reason.SECRET_MISSING


def test_an_immutable_secret_is_left_where_bytes_differ_only() -> None:
    other = owned_secret(immutable=True)
    equal = owned_secret(immutable=True, data={"password": "after"})

    assert reason_of(decide_granted(see_owned(secret=other))) is Reason.SECRET_IMMUTABLE
    step = decide_granted(see_owned(secret=equal))
    assert isinstance(step, Write)
    assert step.data == {}


# The declaration


def test_a_pinned_entry_is_not_stale() -> None:
    declared = declare(build_entry(version="0f3a"))

    assert reason_of(decide_alone(see_owned(declared))) is Reason.PINNED


def test_a_pin_beside_a_newest_version_leaves_its_key_alone() -> None:
    declared = declare(build_entry(), build_entry(key="before", version="0f3a"))
    said = f'{{"before":"kv-shop/secret/{NAME}/0f3a"}}'

    step = decide_granted(see_owned(declared, secret=owned_secret(versions=said)))

    assert asked(see_owned(declared)) == {NEWEST}
    assert data_of(step) == {"password": "after"}
    assert isinstance(step, Write)
    assert json.loads(step.annotations[VERSIONS]) == {**json.loads(SAID), **json.loads(said)}


def test_a_declaration_that_is_refused_is_complained_about_on_its_secret() -> None:
    secret = owned_secret()

    step = decide_alone(see_owned(refuse(json.dumps([build_entry(name="x")])), secret=secret))

    assert isinstance(step, Leave)
    assert step.reason is Reason.BAD_DECLARATION
    assert step.complaint is secret
    assert step.owner is Owner.OWNED
    assert step.detail.startswith(f"{WHERE}entry 1: ")


def test_a_refused_declaration_whose_secret_is_gone_is_only_missing() -> None:
    step = decide_alone(see_owned(refuse(json.dumps([build_entry(name="x")])), secret=None))

    assert isinstance(step, Leave)
    assert (step.reason, step.complaint) == (Reason.SECRET_MISSING, None)


def test_a_key_that_a_tls_secret_does_not_take_is_complained_about_too() -> None:
    """Only the Secret's type tells that the declaration is wrong, so it shows after the vault was asked."""
    secret = owned_secret(type=TLS_TYPE)

    step = decide_granted(see_owned(secret=secret))

    assert isinstance(step, Leave)
    assert step.reason is Reason.BAD_DECLARATION
    assert step.complaint is secret
    assert "password" in step.detail


def test_what_cannot_be_made_into_the_bytes_is_what_the_driver_would_fail_on() -> None:
    step = decide_granted(see_owned(declare(build_entry(encoding="base64"))), "MARKED!")

    assert isinstance(step, Leave)
    assert (step.reason, step.complaint) == (Reason.DRIVER_WOULD_FAIL, None)
    assert "MARKED" not in str(step)


@pytest.mark.parametrize(("error", "reason"), [(GONE, Reason.OBJECT_NOT_FOUND)])
def test_a_refusal_of_the_vault_that_stays_is_the_reason(error: Any, reason: Reason) -> None:
    assert reason_of(decide(see_owned(), {NEWEST: error})) is reason


def test_a_vault_that_does_not_answer_postpones() -> None:
    step = decide(see_owned(), {NEWEST: DOWN})

    assert str(step) == f"{TARGET}: later, vault-unreachable: {DOWN} (owner: keyvault-fanout)"


def test_a_class_and_a_declaration_for_one_secret_do_not_write_over_one_another() -> None:
    found = see_owned().found
    secret = build_secret(owned=True, managed=True)

    assert reason_of(decide_alone(view(*found, secret=secret))) is Reason.CONTESTED


def test_materials_are_compared_by_bytes_and_never_by_version() -> None:
    material = SecretMaterial(version="v3", value=SecretValue(b"before"))
    same = VaultAnswer(materials=(material,), tags=GRANTED)

    step = decide(see_owned(secret=owned_secret(versions=SAID)), {NEWEST: same})

    assert isinstance(step, Write)
    assert step.data == {}
    assert step.annotations == {VERSIONS: SAID.replace("v2", "v3")}
