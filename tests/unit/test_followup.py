"""Which jobs follow from what was done, when they are due, and that each of them fits into a message."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import followup, job, job_message
from shared.delegate import Delegate, Resource
from shared.job import MOST_ENTRIES, CheckJob, Job, RestartJob, Watched
from shared.job_message import MAX_BYTES
from shared.model import Target, VaultObject
from shared.mounts import MOST_CLASSES, MOST_IDS
from shared.observed import Driver, Owner, Writer
from shared.outcome import Action, Mounts, ObjectVersion, TargetOutcome
from shared.pace import DEFAULT_PACE, Pace
from shared.reason import Reason
from shared.restart import Wish
from shared.settling import TOLERANCE
from tests.builders import ABOUT, build_event
from tests.fakes import NOW
from tests.generated import generated

from .planning import TARGET, delegate

CAUSE = build_event(version="v2")
ANEW = Mounts(expected={"web": {"secret/db-password": "v2"}}, remounts=True)
STILL = Mounts(expected={"web": {"secret/db-password": "v2"}}, remounts=False)


def outcome(owner: Writer | None = Driver.V1_6_ROTATING, **fields: Any) -> TargetOutcome:
    """Build the outcome of a write that changed nothing for environment variables."""
    defaults: dict[str, Any] = {
        "target": TARGET,
        "action": Action.WRITTEN,
        "at": NOW,
        "holds": (ObjectVersion(object=ABOUT, version="v2"),),
        "resource_version": "8",
        "mounts": ANEW,
    }
    return TargetOutcome(owner=owner, **{**defaults, **fields})


def mount_only(owner: Driver, mounts: Mounts | None, name: str = "") -> TargetOutcome:
    """Build the outcome of a class that puts the object into files only."""
    target = Target(cluster="aks-one", namespace="shop", secret=name)
    fields: dict[str, Any] = {"reason": Reason.MOUNT_ONLY, "holds": (), "resource_version": ""}
    return outcome(owner, target=target, action=Action.LEFT, mounts=mounts, **fields)


def jobs(*outcomes: TargetOutcome, pace: Pace = DEFAULT_PACE) -> list[Job]:
    """Return what follows from outcomes in one cluster."""
    return followup.jobs(CAUSE, "aks-one", outcomes, pace, NOW)


def watched(*outcomes: TargetOutcome) -> tuple[Watched, ...]:
    """Return what one check watches."""
    (made,) = jobs(*outcomes)
    assert isinstance(made, CheckJob)
    return made.watched


# Who is looked at again


@pytest.mark.parametrize("action", [Action.WRITTEN, Action.CURRENT])
@pytest.mark.parametrize("owner", [Driver.V1_6_ROTATING, Driver.UNKNOWN])
def test_a_secret_that_its_driver_may_put_back_is_checked(owner: Driver, action: Action) -> None:
    assert watched(outcome(owner, action=action)) == (
        Watched(
            namespace="shop", secret="web-secret", owner=owner, resource_version="8", since=NOW, rewrites=0, mounts=ANEW
        ),
    )


@pytest.mark.parametrize(
    "owner", [Driver.V1_5, Driver.V1_6_STATIC, *Owner, None], ids=lambda owner: str(owner or "nobody known")
)
@pytest.mark.parametrize("action", [Action.WRITTEN, Action.CURRENT])
def test_a_secret_that_nobody_puts_back_is_not_checked(owner: Writer | None, action: Action) -> None:
    assert jobs(outcome(owner, action=action, mounts=STILL)) == []


@pytest.mark.parametrize(
    "done",
    [
        pytest.param(outcome(Owner.NOBODY, action=Action.LEFT, reason=Reason.NO_GRANT, mounts=None), id="left"),
        pytest.param(outcome(None, action=Action.FAILED, reason=Reason.DEADLINE, mounts=None), id="failed"),
        pytest.param(outcome(action=Action.FAILED, reason=Reason.DEADLINE, mounts=None), id="failed under its driver"),
    ],
)
def test_what_was_not_done_is_not_checked(done: TargetOutcome) -> None:
    assert jobs(done) == []


@pytest.mark.parametrize(
    ("owner", "mounts", "checked"),
    [
        pytest.param(Driver.V1_6_ROTATING, ANEW, True, id="1.6 with rotation"),
        pytest.param(Driver.V1_6_ROTATING, None, False, id="1.6 with rotation, nothing to show"),
        pytest.param(Driver.V1_6_STATIC, STILL, False, id="1.6 without rotation"),
        pytest.param(Driver.V1_5, STILL, False, id="1.5"),
        pytest.param(Driver.UNKNOWN, STILL, False, id="unknown"),
    ],
)
def test_a_mount_without_a_secret_is_checked_where_a_nudge_makes_the_driver_mount_anew(
    *, owner: Driver, mounts: Mounts | None, checked: bool
) -> None:
    assert len(jobs(mount_only(owner, mounts))) == checked


def test_a_check_of_mounts_watches_no_secret() -> None:
    """Also where the class names one that another owner fills: its bytes are not compared."""
    (one,) = watched(mount_only(Driver.V1_6_ROTATING, ANEW, name="web-secret"))

    assert (one.secret, one.mounts, one.delegate) == ("", ANEW, None)


def test_each_owner_that_was_asked_is_checked_from_the_state_before() -> None:
    asked = delegate(mark="1-abc"), delegate("api", mark="2-abc")

    state: dict[str, Any] = {"holds": (), "mounts": None, "resource_version": "7"}

    seen = watched(outcome(Owner.EXTERNAL_SECRETS, action=Action.NUDGED, delegates=asked, **state))

    assert [(one.secret, one.owner, one.delegate, one.mounts) for one in seen] == [
        ("web-secret", Owner.EXTERNAL_SECRETS, asked[0], None),
        ("web-secret", Owner.EXTERNAL_SECRETS, asked[1], None),
    ]
    assert {(one.resource_version, one.since) for one in seen} == {("7", NOW)}


def test_of_an_owner_that_an_earlier_delivery_asked_any_look_since_the_event_counts() -> None:
    state: dict[str, Any] = {"holds": (), "mounts": None, "resource_version": "7", "delegates": (delegate(mark=""),)}
    assert CAUSE.time is not None

    (one,) = watched(outcome(Owner.EXTERNAL_SECRETS, action=Action.NUDGED, **state))

    assert one.since == min(NOW, CAUSE.time - TOLERANCE)


def test_one_check_serves_all_targets_of_a_cluster() -> None:
    other = Target(cluster="aks-one", namespace="other", secret="web-secret")

    (made,) = jobs(outcome(), outcome(target=other), outcome(Driver.V1_5, mounts=STILL))

    assert isinstance(made, CheckJob)
    assert [one.namespace for one in made.watched] == ["shop", "other"]
    assert (made.cluster, made.cause, made.attempt, made.began) == ("aks-one", CAUSE, 0, NOW)
    assert made.due == NOW + timedelta(seconds=DEFAULT_PACE.first)


def test_nothing_follows_from_nothing() -> None:
    assert jobs() == []
    assert followup.restarts(CAUSE, "aks-one", [], DEFAULT_PACE, NOW) == []


# Restarts


def test_a_secret_whose_bytes_changed_is_a_wish_after_the_window() -> None:
    check, restart = jobs(outcome(changed=True))

    assert isinstance(check, CheckJob)
    assert restart == RestartJob(
        cause=CAUSE,
        cluster="aks-one",
        began=NOW,
        due=NOW + timedelta(seconds=DEFAULT_PACE.window),
        wishes=(
            Wish(
                namespace="shop",
                secret="web-secret",
                resource_version="8",
                versions={"kv-shop/secret/db-password": "v2"},
            ),
        ),
    )


@pytest.mark.parametrize("owner", [Driver.V1_5, Owner.OWNED], ids=str)
def test_a_wish_does_not_depend_on_who_writes_the_secret(owner: Writer) -> None:
    assert [type(one) for one in jobs(outcome(owner, changed=True))] == [RestartJob]


def test_a_secret_that_an_owner_wrote_since_it_was_asked_is_a_wish_and_is_not_asked_again() -> None:
    done = outcome(Owner.EXTERNAL_SECRETS, action=Action.NUDGED, mounts=None, changed=True)

    assert [type(one) for one in jobs(done)] == [RestartJob]


def test_unchanged_bytes_are_no_wish() -> None:
    assert jobs(outcome(Driver.V1_5, changed=False)) == []


def test_where_restarting_is_off_there_are_no_wishes() -> None:
    off = Pace(restarting=False)

    assert [type(one) for one in jobs(outcome(changed=True), pace=off)] == [CheckJob]
    assert jobs(outcome(Driver.V1_5, changed=True), pace=off) == []


# The same jobs from the same outcomes


def test_a_redelivered_event_makes_the_same_jobs() -> None:
    first, again = jobs(outcome(changed=True)), jobs(outcome(action=Action.CURRENT, changed=True))
    later = followup.jobs(CAUSE, "aks-one", [outcome(changed=True)], DEFAULT_PACE, NOW + timedelta(minutes=3))

    assert [job.identify(one) for one in first] == [job.identify(one) for one in again]
    assert [job.identify(one) for one in first] == [job.identify(one) for one in later]


# When it is looked at again


def next_check(done: CheckJob, pace: Pace, now: datetime) -> CheckJob | None:
    """Return the one look that follows at all that was watched."""
    made = followup.next_checks(done, CAUSE, done.watched, pace, now)
    assert len(made) <= 1
    return made[0] if made else None


def series(pace: Pace) -> list[float]:
    """Return when each look is due, in seconds after the write, where every look comes on time."""
    (check,) = jobs(outcome(), pace=pace)
    dues: list[float] = []
    while isinstance(check, CheckJob):
        dues.append((check.due - NOW).total_seconds())
        following = next_check(check, pace, check.due)
        if following is None:
            return dues
        assert following.attempt == check.attempt + 1
        assert len(dues) < 100
        check = following
    return dues


def test_distances_double_up_to_five_minutes_until_the_limit() -> None:
    assert series(DEFAULT_PACE) == [15, 45, 105, 225, 465, 765]


def test_a_longer_limit_means_more_looks_at_the_longest_distance() -> None:
    dues = series(Pace(limit=1800.0))

    assert dues == [15, 45, 105, 225, 465, 765, 1065, 1365, 1665]


def test_a_limit_that_is_met_exactly_is_kept() -> None:
    assert series(Pace(first=10.0, limit=70.0)) == [10, 30, 70]
    assert series(Pace(first=10.0, limit=69.0)) == [10, 30]


@generated()
@given(st.floats(0.1, 600.0), st.floats(1.0, 7200.0))
def test_looks_come_ever_less_often_and_end(first: float, limit: float) -> None:
    dues = series(Pace(first=first, limit=limit))
    waits = [later - earlier for earlier, later in pairwise(dues)]

    assert all(due <= limit + 1e-3 for due in dues[1:])
    assert all(wait <= 300.0 + 1e-3 for wait in waits)
    assert all(later >= earlier - 1e-3 for earlier, later in pairwise(waits))


def test_a_look_that_came_late_counts_from_when_it_came() -> None:
    (check,) = jobs(outcome())
    assert isinstance(check, CheckJob)

    coming = next_check(check, DEFAULT_PACE, NOW + timedelta(seconds=500))
    too_late = next_check(check, DEFAULT_PACE, NOW + timedelta(seconds=871))

    assert coming is not None
    assert coming.due == NOW + timedelta(seconds=530)
    assert too_late is None


def test_the_next_look_is_at_what_is_left_and_for_the_version_that_is_served() -> None:
    other = Target(cluster="aks-one", namespace="other", secret="web-secret")
    (check,) = jobs(outcome(), outcome(target=other))
    assert isinstance(check, CheckJob)
    newer = build_event(version="v3")

    (coming,) = followup.next_checks(check, newer, check.watched[1:], DEFAULT_PACE, check.due)

    assert (coming.cause, coming.watched, coming.began) == (newer, check.watched[1:], NOW)
    assert job.identify(coming) != job.identify(check)


# Every job fits into a message


def hostile(number: int, *, classes: int = MOST_CLASSES, ids: int = MOST_IDS) -> TargetOutcome:
    """Build an outcome with the longest names that a cluster, a vault and the plan let through.

    The Kelvin sign is a k in lower case, and six characters of JSON.
    """
    target = Target(cluster="aks-one", namespace="n" * 63, secret=f"{number:05}".rjust(253, "s"))
    expected: dict[str, dict[str, str]] = {}
    for index in range(ids):
        name = f"{index % classes:03}".rjust(253, "c")
        expected.setdefault(name, {})[f"secret/{index:03}".ljust(134, "\u212a")] = "v" * 64
    return outcome(target=target, mounts=Mounts(expected=expected, remounts=True), changed=True)


def sizes(made: Sequence[Job]) -> list[int]:
    """Return the bytes of each message."""
    return [len(job_message.compose(one)) for one in made]


def test_a_check_is_split_by_count() -> None:
    targets = [Target(cluster="aks-one", namespace="shop", secret=f"s{number}") for number in range(250)]

    made = jobs(*[outcome(target=target) for target in targets])

    assert [len(one.watched) for one in made if isinstance(one, CheckJob)] == [100, 100, 50]
    assert [one.secret for part in made if isinstance(part, CheckJob) for one in part.watched] == [
        target.secret for target in targets
    ]
    assert len({job.identify(one) for one in made}) == 3


def test_restarts_are_split_by_count() -> None:
    wishes = [Wish(namespace="shop", secret=f"s{number}", resource_version="1", versions={}) for number in range(101)]

    made = followup.restarts(CAUSE, "aks-one", wishes, DEFAULT_PACE, NOW)

    assert [len(one.wishes) for one in made if isinstance(one, RestartJob)] == [100, 1]
    assert len({job.identify(one) for one in made}) == 2


@pytest.mark.parametrize(
    ("classes", "ids"),
    [
        pytest.param(MOST_CLASSES, MOST_IDS, id="many classes"),
        pytest.param(1, MOST_IDS, id="many spellings in one class"),
        pytest.param(MOST_CLASSES, MOST_CLASSES, id="one id in each class"),
        pytest.param(1, 1, id="one long name"),
    ],
)
def test_a_message_takes_what_the_longest_names_leave_room_for(classes: int, ids: int) -> None:
    made = jobs(*[hostile(number, classes=classes, ids=ids) for number in range(120)])

    assert max(sizes(made)) < MAX_BYTES
    assert all(job_message.parse(job_message.compose(one)) for one in made)
    assert sum(len(one.watched) for one in made if isinstance(one, CheckJob)) == 120


def test_a_look_whose_versions_grew_is_split_as_well() -> None:
    (check,) = jobs(outcome())
    assert isinstance(check, CheckJob)
    grown = [one for made in jobs(*map(hostile, range(60))) if isinstance(made, CheckJob) for one in made.watched]

    made = followup.next_checks(check, CAUSE, grown, DEFAULT_PACE, check.due)

    assert len(made) > 1
    assert max(sizes(made)) < MAX_BYTES
    assert [one for part in made for one in part.watched] == grown


def test_one_large_target_does_not_take_the_others_with_it() -> None:
    made = jobs(outcome(), hostile(1), outcome(target=Target(cluster="aks-one", namespace="z", secret="z")))

    assert [len(one.watched) for one in made if isinstance(one, CheckJob)] == [1, 1, 1]


def test_owners_that_were_asked_fit_too() -> None:
    group_version = "external-secrets.io/v1"
    long = Resource(group_version=group_version, plural="externalsecrets", namespace="n" * 63, name="n" * 253)
    asked = Delegate(owner=Owner.EXTERNAL_SECRETS, resource=long, secret_name="s" * 253, mark="\U0001f511" * 1000)
    done = outcome(Owner.EXTERNAL_SECRETS, action=Action.NUDGED, mounts=None, delegates=(asked,) * 150)

    assert max(sizes(jobs(done))) < MAX_BYTES


def test_an_events_own_names_fit_too() -> None:
    about = VaultObject(vault="v" * 24, type=ABOUT.type, name="n" * 127)
    cause = build_event(id="\U0001f511" * 200, version="v" * 64, object=about)

    made = followup.jobs(cause, "c" * 63, [hostile(number) for number in range(3)], DEFAULT_PACE, NOW)

    assert max(sizes(made)) < MAX_BYTES


@generated(50)
@given(
    st.lists(
        st.tuples(st.integers(1, MOST_CLASSES), st.integers(1, MOST_IDS), st.booleans()),
        max_size=30,
    )
)
def test_whatever_is_watched_is_in_exactly_one_message_and_each_fits(shapes: list[tuple[int, int, bool]]) -> None:
    outcomes = [
        hostile(number, classes=classes, ids=ids) if long else outcome(target=replace(TARGET, secret=str(number)))
        for number, (classes, ids, long) in enumerate(shapes)
    ]

    made = [one for one in jobs(*outcomes) if isinstance(one, CheckJob)]

    assert [one.secret for part in made for one in part.watched] == [one.target.secret for one in outcomes]
    assert all(0 < len(part.watched) <= MOST_ENTRIES for part in made)
    assert all(size < MAX_BYTES for size in sizes(made))
    assert len({job.identify(one) for one in made}) == len(made)


def test_many_mounts_of_one_namespace_are_jobs_of_their_own() -> None:
    """They have no Secret to be told apart by: equal ids would let the queue drop all but the first part."""
    outcomes = [
        mount_only(Driver.V1_6_ROTATING, Mounts(expected={f"c{number}": {"secret/a": "v2"}}, remounts=True))
        for number in range(3 * MOST_ENTRIES)
    ]

    made = jobs(*outcomes)

    assert len(made) == len({job.identify(one) for one in made}) == 3
