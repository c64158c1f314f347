"""Bytes go into a namespace only with a grant (design 5), and nothing is computed without one."""

from collections.abc import Mapping, Sequence

import pytest

from shared import plan
from shared.grant import TAG
from shared.model import ObjectType, VaultRead
from shared.observed import Claim, Driver, PodStatus
from shared.reason import Reason
from shared.step import Postpone, Write
from tests.builders import ABOUT, NAME, build_class, build_mount, build_secret_object

from .planning import DOWN, NEWEST, TARGET, answer, data_of, decide, reason_of, see


def test_a_mount_that_the_vault_confirms_is_a_grant() -> None:
    assert plan.claims(ABOUT, [see()]) == {Claim(type=ObjectType.SECRET, name=NAME, versions=frozenset({"v1"}))}
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
    assert decide(see(), confirmed=DOWN) == Postpone(target=TARGET, owner=Driver.V1_5, error=DOWN)


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

    assert plan.reads(ABOUT, [see(cls)]) == {NEWEST, VaultRead(type=ObjectType.SECRET, name="other", history=2)}
    assert reason_of(decide(see(cls))) is Reason.NO_GRANT
    granted = see(cls, statuses=[build_mount("v1"), build_mount("v1", name="other")])
    assert other in plan.claims(ABOUT, [granted])
    assert data_of(decide(granted)) == {"password": "after"}
