"""Which refreshes follow from what failed for a passing reason, and from what its owner holds back."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import followup, job, job_message
from shared.errors import ConfigurationError, FanoutError, TransientError
from shared.followup import Undone
from shared.job import MOST_ENTRIES, RefreshJob
from shared.job_message import MAX_BYTES
from shared.outcome import Action, TargetOutcome
from shared.pace import Pace
from shared.reason import Reason
from tests.builders import build_event
from tests.fakes import NOW
from tests.generated import generated

from .planning import DOWN, TARGET

PACE = Pace(retry=10.0, patience=3600.0)
ORIGIN = RefreshJob(cause=build_event(version="v2"), cluster="", began=NOW, due=NOW)
WEB, API = ("shop", "web-secret"), ("shop", "api-secret")
CONFIGURED = ConfigurationError("kv-shop: 403", reason=Reason.VAULT_FORBIDDEN)


def undone(*targets: tuple[str, str], cluster: str = "aks-one", error: FanoutError = DOWN) -> Undone:
    """Say what has to be done again."""
    return Undone(cluster=cluster, targets=targets, error=error)


def retry(*ones: Undone, chance: float = 1.0, seconds: float = 0.0, **origin: Any) -> list[RefreshJob]:
    """Return the next attempts after one that ended some time after it began."""
    now = NOW + timedelta(seconds=seconds)
    return followup.retries(replace(ORIGIN, **origin), ones, PACE, now, chance=chance)


def wait(*ones: Undone, chance: float = 1.0, **origin: Any) -> float:
    """Return how many seconds the next attempt waits."""
    (coming,) = retry(*ones, chance=chance, **origin)
    return (coming.due - NOW).total_seconds()


# What is tried again


def test_only_what_failed_is_tried_again() -> None:
    (coming,) = retry(undone(WEB), undone(API))

    assert (coming.cluster, coming.targets) == ("aks-one", (WEB, API))
    assert (coming.attempt, coming.began, coming.cause, coming.gave_up) == (1, NOW, ORIGIN.cause, "")


def test_each_cluster_has_an_attempt_of_its_own() -> None:
    made = retry(undone(WEB), undone(WEB, cluster="aks-two"), undone(cluster=""))

    assert [(one.cluster, one.targets) for one in made] == [("aks-one", (WEB,)), ("aks-two", (WEB,)), ("", ())]
    assert len({job.identify(one) for one in made}) == 3


def test_a_cluster_that_could_not_be_listed_is_done_as_a_whole() -> None:
    (coming,) = retry(undone(WEB), undone())

    assert coming.targets == ()


def test_a_target_that_failed_twice_is_named_once() -> None:
    (coming,) = retry(undone(WEB, API), undone(WEB, error=CONFIGURED))

    assert coming.targets == (WEB, API)


def test_nothing_follows_where_all_went_well() -> None:
    assert retry() == []


def test_what_an_attempt_was_about_beside_its_targets_stays() -> None:
    (coming,) = retry(undone(WEB), pinned=True, attempt=3)

    assert coming.pinned
    assert coming.attempt == 4


# When


@pytest.mark.parametrize(
    ("attempt", "longest"),
    [(0, 10.0), (1, 20.0), (2, 40.0), (6, 640.0), (7, 900.0), (20, 900.0), (999, 900.0)],
)
def test_waits_double_up_to_a_quarter_of_an_hour(attempt: int, longest: float) -> None:
    assert wait(undone(WEB), attempt=attempt) == longest


def test_chance_spreads_the_attempts_but_none_comes_at_once() -> None:
    assert wait(undone(WEB), chance=0.5) == 5.0
    assert wait(undone(WEB), chance=0.0) == PACE.retry / 5


def test_the_longest_wish_of_a_neighbour_is_granted() -> None:
    soon = TransientError("429", reason=Reason.VAULT_THROTTLED, retry_after=60.0)
    later = TransientError("429", reason=Reason.CLUSTER_THROTTLED, retry_after=120.0)

    assert wait(undone(WEB, error=soon), undone(API, error=later)) == 120.0
    assert wait(undone(WEB, error=replace_wish(soon, 1.0))) == 10.0


def replace_wish(error: TransientError, seconds: float) -> TransientError:
    """Return an error with another wish."""
    return TransientError(str(error), reason=error.reason, retry_after=seconds)


@generated()
@given(st.integers(0, 1000), st.floats(0, 1), st.none() | st.floats(0, 999_999))
def test_no_attempt_is_due_before_now_or_earlier_than_a_neighbour_wished(
    attempt: int, chance: float, wish: float | None
) -> None:
    error = TransientError("429", reason=Reason.VAULT_THROTTLED, retry_after=wish)

    (coming,) = retry(undone(WEB, error=error), attempt=attempt, chance=chance)

    assert coming.due >= NOW + timedelta(seconds=min(wish or 0.0, 3600.0))
    assert coming.due <= NOW + timedelta(seconds=3600.0)


# The end


def test_what_is_too_old_is_sent_to_the_dead_letters_with_its_reason() -> None:
    (last,) = retry(undone(WEB), undone(API, error=CONFIGURED), seconds=3595.0)

    assert last.gave_up == Reason.VAULT_UNREACHABLE
    assert last.due == NOW + timedelta(seconds=3595)
    assert last.targets == (WEB, API)


def test_an_attempt_that_is_due_just_at_the_end_is_made() -> None:
    (coming,) = retry(undone(WEB), seconds=3590.0)

    assert coming.gave_up == ""


def test_giving_up_is_another_job_than_trying_again() -> None:
    (coming,), (last,) = retry(undone(WEB)), retry(undone(WEB), seconds=3600.0)

    assert job.identify(coming) != job.identify(last)


# What is held back


def held(*names: str, minutes: int = 5) -> list[TargetOutcome]:
    """Build the outcomes of targets that wait."""
    until = NOW + timedelta(minutes=minutes)
    targets = [replace(TARGET, secret=name) for name in names]
    return [TargetOutcome(target=target, action=Action.HELD, at=NOW, until=until) for target in targets]


def test_what_is_held_back_is_refreshed_at_its_time() -> None:
    (coming,) = followup.held(ORIGIN, "aks-one", held("web", "api"))

    until = NOW + timedelta(minutes=5)
    assert (coming.cluster, coming.targets) == ("aks-one", (("shop", "web"), ("shop", "api")))
    assert (coming.due, coming.attempt, coming.cause) == (until, 1, ORIGIN.cause)
    assert coming.began == until, "its patience begins when it may be used"


def test_each_time_has_a_job_of_its_own() -> None:
    made = followup.held(ORIGIN, "aks-one", [*held("web"), *held("api", minutes=9), *held("job")])

    assert [(one.due - NOW, one.targets) for one in made] == [
        (timedelta(minutes=5), (("shop", "web"), ("shop", "job"))),
        (timedelta(minutes=9), (("shop", "api"),)),
    ]


def test_what_is_not_held_back_waits_for_nothing() -> None:
    assert followup.held(ORIGIN, "aks-one", [TargetOutcome(target=TARGET, action=Action.WRITTEN, at=NOW)]) == []


# Every job fits into a message


def test_many_targets_are_split_and_every_part_fits() -> None:
    names = [("n" * 63, f"{number:05}".rjust(253, "s")) for number in range(250)]
    waiting = [outcome for _, name in names for outcome in held(name)]

    for made in (retry(undone(*names)), followup.held(ORIGIN, "aks-one", waiting)):
        assert [len(one.targets) for one in made] == [MOST_ENTRIES, MOST_ENTRIES, 50]
        assert max(len(job_message.compose(one)) for one in made) < MAX_BYTES
        assert len({job.identify(one) for one in made}) == 3
