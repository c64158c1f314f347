"""Which CSI volumes show the object, and at which version they should: what a check compares later."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from shared.binding import MountOnly
from shared.csi.objects import ClassObject
from shared.errors import TransientError
from shared.model import ObjectType, VaultObject, VaultRead
from shared.mounts import MOST_CLASSES, MOST_IDS
from shared.observed import Driver, PodStatus
from shared.outcome import Mounts
from shared.reason import Reason
from shared.step import Hold, Keep, Leave, Postpone, Write
from shared.view import TargetView
from tests.builders import ABOUT, NAME, build_class, build_mount, build_secret_object
from tests.fakes import NOW

from .planning import (
    NEWEST,
    answer,
    answer_key,
    asked,
    decide,
    decide_alone,
    decide_with_newest,
    see,
    see_owned,
    view,
)

CERT = VaultObject(vault="kv-shop", type=ObjectType.CERT, name=NAME)
KEY = VaultObject(vault="kv-shop", type=ObjectType.KEY, name=NAME)
SHOWN = [{"objectName": NAME, "objectType": kind, "objectAlias": kind} for kind in ("secret", "key", "cert")]
"""A class's objects: everything that the vault has under one name."""


def files_only(*objects: Mapping[str, str | int], driver: Driver = Driver.V1_6_ROTATING) -> TargetView:
    """See a class that puts these into files, and into no Secret."""
    return see(build_class(objects=objects or SHOWN, secrets=[]), secret=None, driver=driver)


def mounts_of(seen: TargetView, about: VaultObject = ABOUT) -> Mounts | None:
    """Return what a mount without a Secret is left with.

    The vault is asked where a nudge makes the driver mount what it serves.
    """
    step = decide_with_newest(seen, about) if asked(seen, about) else decide_alone(seen, about)
    assert isinstance(step, Leave)
    assert step.reason is Reason.MOUNT_ONLY
    return step.mounts


# Which ids move


@pytest.mark.parametrize(
    ("about", "ids"),
    [
        pytest.param(CERT, {"secret/db-password", "key/db-password", "cert/db-password"}, id="a certificate's"),
        pytest.param(ABOUT, {"secret/db-password"}, id="a secret's"),
        pytest.param(KEY, {"key/db-password"}, id="a key's"),
    ],
)
def test_an_events_version_is_expected_of_what_certainly_has_it(about: VaultObject, ids: set[str]) -> None:
    assert mounts_of(files_only(), about) == Mounts(expected={"web": dict.fromkeys(ids, "v2")}, remounts=True)


def test_another_object_of_the_class_is_not_expected_to_move() -> None:
    mounts = mounts_of(files_only({"objectName": NAME}, {"objectName": "other"}))

    assert mounts == Mounts(expected={"web": {"secret/db-password": "v2"}}, remounts=True)


def test_an_id_is_spelled_as_the_class_spells_it() -> None:
    mounts = mounts_of(files_only({"objectName": "DB-Password"}))

    assert mounts == Mounts(expected={"web": {"secret/DB-Password": "v2"}}, remounts=True)


def test_a_history_is_expected_under_the_objects_id() -> None:
    """The index of the newest version is added where statuses are counted."""
    mounts = mounts_of(files_only({"objectName": NAME, "objectVersionHistory": 3}))

    assert mounts == Mounts(expected={"web": {"secret/db-password": "v2"}}, remounts=True)


def test_a_history_from_the_latest_version_on_follows_it() -> None:
    mounts = mounts_of(files_only({"objectName": NAME, "objectVersionHistory": 3, "objectVersion": "latest"}))

    assert mounts is not None
    assert mounts.expected == {"web": {"secret/db-password": "v2"}}


def test_a_pinned_id_is_left_out() -> None:
    pinned: Mapping[str, str | int] = {
        "objectName": NAME,
        "objectType": "key",
        "objectVersion": "k0",
        "objectAlias": "public",
    }
    mounts = mounts_of(files_only({"objectName": NAME, "objectType": "cert"}, pinned), CERT)

    assert mounts == Mounts(expected={"web": {"cert/db-password": "v2"}}, remounts=True)


@pytest.mark.parametrize(
    ("objects", "about"),
    [
        pytest.param({"objectName": NAME, "objectVersion": "v0"}, ABOUT, id="it is pinned"),
        pytest.param({"objectName": NAME, "objectType": "key"}, ABOUT, id="a key, at a secret's event"),
        pytest.param({"objectName": NAME, "objectType": "secret"}, KEY, id="a secret, at a key's event"),
    ],
)
def test_a_class_that_shows_none_of_it_gives_nothing_to_check(
    objects: Mapping[str, str | int], about: VaultObject
) -> None:
    """Each of its pods would count as showing the version."""
    assert mounts_of(files_only(objects), about) is None


# Whether a nudge makes the driver mount anew


@pytest.mark.parametrize(
    ("driver", "remounts"),
    [
        pytest.param(Driver.V1_5, False, id="1.5"),
        pytest.param(Driver.V1_6_ROTATING, True, id="1.6 with rotation"),
        pytest.param(Driver.V1_6_STATIC, False, id="1.6 without rotation"),
        pytest.param(Driver.UNKNOWN, False, id="unknown"),
    ],
)
def test_only_a_rotating_driver_of_1_6_mounts_anew(*, driver: Driver, remounts: bool) -> None:
    mounts = mounts_of(files_only(driver=driver))
    kept = decide(see(driver=driver), {NEWEST: answer("before")})

    assert mounts is not None
    assert mounts.remounts is remounts
    assert isinstance(kept, Keep)
    assert kept.mounts == Mounts(expected={"web": {"secret/db-password": "v2"}}, remounts=remounts)


# Beside a Secret


def test_a_written_secret_knows_the_volumes_that_show_the_object_too() -> None:
    step = decide(see(driver=Driver.V1_6_ROTATING))

    assert isinstance(step, Write)
    assert step.mounts == Mounts(expected={"web": {"secret/db-password": "v2"}}, remounts=True)


def test_the_vaults_version_is_expected_where_it_is_newer_than_the_events() -> None:
    step = decide(see(), {NEWEST: answer(version="v3")}, version="v2")

    assert isinstance(step, Write)
    assert step.mounts.expected == {"web": {"secret/db-password": "v3"}}


def test_what_was_read_is_expected_before_what_an_event_of_another_type_says() -> None:
    cls = build_class(objects=SHOWN[:2], secrets=[build_secret_object(password="secret", public="key")])
    key = VaultRead(type=ObjectType.KEY, name=NAME)
    statuses = [PodStatus(class_name="web", versions={f"secret/{NAME}": "v1", f"key/{NAME}": "k0"})]

    step = decide(see(cls, statuses=statuses), {NEWEST: answer(version="s9"), key: answer_key("k9")}, about=CERT)

    assert isinstance(step, Write)
    assert step.mounts.expected == {"web": {"secret/db-password": "s9", "key/db-password": "k9"}}


def test_every_class_of_a_secret_is_looked_at() -> None:
    second = build_class(name="second")
    statuses = [build_mount("v1"), build_mount("v1", class_name="second")]

    step = decide(see(build_class(), second, statuses=statuses))

    assert isinstance(step, Write)
    assert step.mounts.classes == {"web", "second"}


def test_an_owned_secret_has_no_volumes_of_a_class() -> None:
    step = decide(see_owned(driver=Driver.V1_6_ROTATING), {NEWEST: answer(tags={"keyvault-fanout-allow": "*/*"})})

    assert isinstance(step, Write)
    assert step.mounts.expected == {}


def test_without_a_version_to_ask_for_nothing_is_expected() -> None:
    step = decide(files_only(driver=Driver.UNKNOWN), version="")

    assert isinstance(step, Leave)
    assert step.mounts is None


# What the vault serves, where a nudge makes the driver mount it


def test_a_late_event_lets_pods_be_looked_at_for_the_version_that_is_served() -> None:
    step = decide(files_only(), {NEWEST: answer(version="v3")}, version="v2")

    assert isinstance(step, Leave)
    assert step.mounts == Mounts(expected={"web": {"secret/db-password": "v3"}}, remounts=True)
    assert step.served is not None
    assert step.served.version == "v3"


def test_pods_are_not_woken_for_a_version_that_is_held_back() -> None:
    later = NOW + timedelta(hours=2)

    step = decide(files_only(), {NEWEST: answer(not_before=later)})

    assert isinstance(step, Hold)
    assert step.until == later


def test_a_vault_that_does_not_answer_postpones_what_it_would_have_told() -> None:
    down = TransientError("down", reason=Reason.VAULT_UNREACHABLE)

    assert isinstance(decide(files_only(), {NEWEST: down}), Postpone)


def test_for_a_key_the_vault_is_not_asked() -> None:
    """It takes a role that nothing else needs."""
    assert asked(files_only(), KEY) == set()


# Bounds


def test_the_classes_that_are_looked_at_are_bounded() -> None:
    classes = [build_class(name=f"c{number}") for number in range(MOST_CLASSES + 1)]
    statuses = [build_mount("v1", class_name=cls.name) for cls in classes]

    step = decide(see(*classes, statuses=statuses))

    assert isinstance(step, Write)
    assert len(step.mounts.expected) == MOST_CLASSES


def test_the_spellings_of_one_name_that_are_looked_at_are_bounded() -> None:
    letters = [(letter, letter.upper()) for letter in NAME.replace("-", "")]
    spellings = ["".join(one) for one in product(*letters)]
    objects = tuple(ClassObject(type=ObjectType.SECRET, name=f"{one[:2]}-{one[2:]}") for one in spellings)
    cls = replace(build_class(secrets=[]), objects=objects)

    mounts = mounts_of(view(MountOnly(cls=cls), driver=Driver.V1_6_ROTATING))

    assert len(objects) == 1024
    assert mounts is not None
    assert len(mounts.expected["web"]) == MOST_IDS


def test_an_object_that_a_class_repeats_counts_once() -> None:
    repeated = [{"objectName": NAME, "objectAlias": f"a{number}"} for number in range(MOST_IDS + 1)]
    cls = build_class(objects=[*repeated, {"objectName": NAME.upper(), "objectAlias": "last"}], secrets=[])

    mounts = mounts_of(see(cls, secret=None))

    assert mounts is not None
    assert mounts.expected == {"web": {"secret/db-password": "v2", "secret/DB-PASSWORD": "v2"}}
