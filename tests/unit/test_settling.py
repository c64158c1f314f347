"""How each step ends: what is told, who is woken, and whether what was made from the Secret is stale."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared import settling
from shared.delegate import Delegate
from shared.errors import ConfigurationError, ConflictError, FanoutError, PermanentError, TransientError
from shared.model import SecretValue
from shared.nudge import Wake
from shared.observed import Driver, Owner
from shared.outcome import Action, Mounts, ObjectVersion, Served
from shared.reason import Reason
from shared.settling import TOLERANCE
from shared.step import Keep, Leave, Nudge, Postpone, Write
from tests.builders import ABOUT, build_secret
from tests.fakes import NOW

from .planning import DOWN, TARGET, delegate, owned_secret

HELD = (ObjectVersion(object=ABOUT, version="v2"),)
AT_PODS = Mounts(expected={"web": {"secret/db-password": "v2"}}, remounts=True)
STILL = Mounts(expected={"web": {"secret/db-password": "v2"}}, remounts=False)
HAPPENED = datetime(2026, 11, 23, 11, 59, tzinfo=UTC)


def write(**fields: Any) -> Write:
    defaults: dict[str, Any] = {
        "target": TARGET,
        "owner": Driver.V1_6_ROTATING,
        "secret": build_secret(),
        "data": {"password": SecretValue(b"after")},
        "annotations": {},
        "keys": ("password",),
        "holds": HELD,
        "mounts": AT_PODS,
    }
    return Write(**{**defaults, **fields})


def keep(**fields: Any) -> Keep:
    defaults: dict[str, Any] = {
        "target": TARGET,
        "owner": Driver.V1_6_ROTATING,
        "secret": build_secret(resource_version="7"),
        "keys": ("password",),
        "holds": HELD,
        "mounts": AT_PODS,
    }
    return Keep(**{**defaults, **fields})


def leave(**fields: Any) -> Leave:
    defaults: dict[str, Any] = {
        "target": TARGET,
        "owner": Driver.V1_6_ROTATING,
        "reason": Reason.MOUNT_ONLY,
        "detail": "a sentence",
    }
    return Leave(**{**defaults, **fields})


# Written


def test_a_write_holds_the_version_under_its_new_resource_version() -> None:
    done = settling.written(write(), "8", NOW)

    assert (done.target, done.action, done.at, done.owner) == (TARGET, Action.WRITTEN, NOW, Driver.V1_6_ROTATING)
    assert (done.holds, done.keys, done.resource_version, done.mounts) == (HELD, ("password",), "8", AT_PODS)
    assert done.changed
    assert (done.reason, done.error, done.complaint, done.delegates) == (None, None, None, ())


@pytest.mark.parametrize(
    ("mounts", "classes"),
    [pytest.param(AT_PODS, {"web"}, id="mounts anew"), pytest.param(STILL, set(), id="does not")],
)
def test_a_write_wakes_who_mounts_the_secret_and_the_classes_whose_driver_mounts_anew(
    mounts: Mounts, classes: set[str]
) -> None:
    done = settling.written(write(mounts=mounts), "8", NOW)

    assert done.wake == Wake(namespace="shop", secret="web-secret", classes=frozenset(classes), state="8")


def test_a_write_of_the_annotation_alone_changes_nothing_and_wakes_nobody() -> None:
    done = settling.written(write(data={}, annotations={"a": "b"}, owner=Owner.OWNED), "8", NOW)

    assert done.action is Action.WRITTEN
    assert (done.changed, done.wake) == (False, None)
    assert done.holds == HELD


# Kept


def test_what_is_kept_is_current_at_the_resource_version_that_was_seen() -> None:
    done = settling.settled(keep(), "v2", HAPPENED, NOW)

    assert (done.action, done.at, done.owner) == (Action.CURRENT, NOW, Driver.V1_6_ROTATING)
    assert (done.holds, done.keys, done.resource_version, done.mounts) == (HELD, ("password",), "7", AT_PODS)
    assert done.wake == Wake(namespace="shop", secret="web-secret", classes=frozenset({"web"}), state="7")


@pytest.mark.parametrize(
    ("since_the_event", "changed"),
    [
        pytest.param(timedelta(days=-30), False, id="long before the event"),
        pytest.param(-TOLERANCE - timedelta(microseconds=1), False, id="just before what clocks may differ by"),
        pytest.param(-TOLERANCE, True, id="by what clocks may differ by"),
        pytest.param(timedelta(0), True, id="at the event"),
        pytest.param(timedelta(seconds=20), True, id="by an earlier delivery"),
        pytest.param(timedelta(hours=2), True, id="by a delivery long ago"),
    ],
)
def test_a_kept_secret_changed_by_the_event_if_its_data_changed_since(
    *, since_the_event: timedelta, changed: bool
) -> None:
    secret = build_secret(changed=HAPPENED + since_the_event)

    assert settling.settled(keep(secret=secret), "v2", HAPPENED, NOW).changed is changed


@pytest.mark.parametrize(
    ("changed", "happened"),
    [
        pytest.param(None, HAPPENED, id="the API server does not tell the Secret's"),
        pytest.param(NOW, None, id="the event's is unreadable"),
        pytest.param(None, None, id="neither is known"),
    ],
)
def test_without_both_times_a_kept_secret_is_taken_for_unchanged(
    changed: datetime | None, happened: datetime | None
) -> None:
    assert not settling.settled(keep(secret=build_secret(changed=changed)), "v2", happened, NOW).changed


# Nudged


def nudge(*asked: Delegate) -> Nudge:
    """Build the step that asks owners for v2."""
    return Nudge(target=TARGET, owner=Owner.EXTERNAL_SECRETS, delegates=asked, held="7", served=Served(version="v2"))


def test_an_owner_that_was_asked_has_not_written_yet() -> None:
    asked = delegate(mark="1-abc", asked="v1"), delegate("api", mark="1-def")

    done = settling.nudged(nudge(*asked), NOW)

    assert (done.action, done.owner, done.at) == (Action.NUDGED, Owner.EXTERNAL_SECRETS, NOW)
    assert done.delegates == asked
    assert (done.holds, done.resource_version, done.changed, done.wake) == ((), "7", False, None)


def test_one_that_was_asked_for_this_state_already_has_no_mark_to_differ_from() -> None:
    """Its mark may be that of the pass that was asked for: another one may never come."""
    asked = delegate(mark="1-abc", asked="v2"), delegate("api", mark="1-def", asked="v1")

    done = settling.nudged(nudge(*asked), NOW)

    assert [one.mark for one in done.delegates] == ["", "1-def"]


# Left


def test_what_is_left_says_why() -> None:
    complaint = owned_secret()
    step = leave(owner=Owner.OWNED, reason=Reason.BAD_DECLARATION, complaint=complaint)

    done = settling.settled(step, "v2", HAPPENED, NOW)

    assert (done.action, done.owner, done.reason, done.detail) == (
        Action.LEFT,
        Owner.OWNED,
        Reason.BAD_DECLARATION,
        "a sentence",
    )
    assert done.complaint is complaint
    assert (done.holds, done.changed, done.wake, done.mounts, done.error) == ((), False, None, None, None)


def test_a_mount_without_a_secret_wakes_its_pods_for_the_version_where_that_makes_the_driver_mount_anew() -> None:
    target = TARGET.__class__(cluster="aks-one", namespace="shop", secret="")

    anew = settling.settled(leave(target=target, mounts=AT_PODS), "v2", HAPPENED, NOW)
    still = settling.settled(leave(target=target, mounts=STILL), "v2", HAPPENED, NOW)

    assert anew.wake == Wake(namespace="shop", secret="", classes=frozenset({"web"}), state="v2")
    assert still.wake is None
    assert (anew.mounts, still.mounts) == (AT_PODS, STILL)


# Postponed and failed


@pytest.mark.parametrize(
    "error",
    [
        DOWN,
        ConfigurationError("kv-shop: 403", reason=Reason.VAULT_FORBIDDEN),
        ConflictError("aks-one: 409", reason=Reason.SECRET_CONFLICT),
    ],
    ids=["transient", "configuration", "conflict"],
)
def test_what_may_heal_is_raised_later_and_told_nobody(error: FanoutError) -> None:
    done = settling.settled(Postpone(target=TARGET, owner=Owner.OWNED, error=error), "v2", HAPPENED, NOW)

    assert (done.action, done.owner, done.reason, done.detail) == (
        Action.FAILED,
        Owner.OWNED,
        error.reason,
        str(error),
    )
    assert done.error is error


def test_what_no_retry_heals_is_left() -> None:
    done = settling.failed(TARGET, PermanentError("aks-one: 422", reason=Reason.CLUSTER_REFUSED), NOW)

    assert (done.action, done.reason, done.error) == (Action.LEFT, Reason.CLUSTER_REFUSED, None)
    assert done.detail == "aks-one: 422"


def test_a_failure_of_a_call_wakes_nobody_and_changes_nothing() -> None:
    done = settling.failed(TARGET, TransientError("late", reason=Reason.DEADLINE), NOW)

    assert (done.wake, done.changed, done.holds, done.resource_version) == (None, False, (), "")
