"""What a delayed look tells: how many pods show the version, and whether the Secret stayed as it was written."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import check
from shared.check import HOLDING, Shown, Verdict
from shared.job import Watched
from shared.observed import Driver, PodStatus, Writer
from shared.outcome import Mounts
from tests.fakes import NOW
from tests.generated import generated

BEHIND = Shown(1, frozenset({"web-2"}))
WEB = Mounts(expected={"web": {"secret/db-password": "v2"}}, remounts=True)


def pod(name: str = "web-1", *, cls: str = "web", **versions: str) -> PodStatus:
    """Build the status of a pod; `secret="v2"` is the version of secret/db-password."""
    return PodStatus(class_name=cls, pod=name, versions={f"{kind}/db-password": at for kind, at in versions.items()})


def watched(owner: Writer = Driver.V1_6_ROTATING, **fields: Any) -> Watched:
    """Build a Secret that was written at NOW."""
    defaults: dict[str, Any] = {"namespace": "shop", "secret": "web-secret", "resource_version": "8", "since": NOW}
    return Watched(owner=owner, mounts=WEB, **{**defaults, **fields})


# Counting


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        pytest.param([], Shown(0), id="no pods"),
        pytest.param([pod(secret="v2"), pod("web-2", secret="v2")], Shown(2), id="all show it"),
        pytest.param([pod(secret="v2"), pod("web-2", secret="v1")], Shown(1, frozenset({"web-2"})), id="one is behind"),
        pytest.param([pod(secret="v3")], Shown(0, frozenset({"web-1"})), id="one is ahead"),
        pytest.param([pod(key="v2")], Shown(0, frozenset({"web-1"})), id="the id is not in it"),
        pytest.param([pod()], Shown(0, frozenset({"web-1"})), id="nothing is in it"),
        pytest.param([pod(secret="v2", key="k0")], Shown(1), id="other ids do not matter"),
        pytest.param([pod(cls="other", secret="v1")], Shown(0), id="another class"),
    ],
)
def test_pods_of_the_class_are_counted_by_what_they_show(statuses: list[PodStatus], shown: Shown) -> None:
    assert check.count(WEB, statuses) == shown


@pytest.mark.parametrize(
    ("versions", "showing"),
    [
        pytest.param({"secret/db-password/0": "v2", "secret/db-password/1": "v1"}, 1, id="the newest"),
        pytest.param({"secret/db-password/0": "v1", "secret/db-password/1": "v2"}, 0, id="an older one"),
        pytest.param({"secret/db-password/10": "v2"}, 0, id="an index that begins alike"),
        pytest.param({"secret/db-password-2": "v2"}, 0, id="a name that begins alike"),
        pytest.param({"secret/db-password": "pinned", "secret/db-password/0": "v2"}, 1, id="beside a pinned one"),
    ],
)
def test_of_a_history_the_newest_version_counts(versions: Mapping[str, str], showing: int) -> None:
    shown = check.count(WEB, [PodStatus(class_name="web", pod="web-1", versions=versions)])

    assert (shown.showing, shown.all) == (showing, showing == 1)


def test_a_pod_shows_a_certificate_once_each_of_its_objects_moved() -> None:
    mounts = Mounts(expected={"web": {"secret/db-password": "v2", "cert/db-password": "v2"}})

    shown = check.count(mounts, [pod(secret="v2", cert="v2"), pod("web-2", secret="v2", cert="v1")])

    assert shown == Shown(1, frozenset({"web-2"}))


def test_each_class_is_compared_with_what_it_should_show() -> None:
    mounts = Mounts(expected={"web": {"secret/db-password": "v2"}, "api": {"key/db-password": "k2"}})

    shown = check.count(mounts, [pod(secret="v2"), pod("api-1", cls="api", key="k1"), pod("web-2", secret="v1")])

    assert shown == Shown(1, frozenset({"api-1", "web-2"}))


def test_a_finished_pod_is_not_waited_for_because_nobody_renews_its_status() -> None:
    statuses = [pod(secret="v2"), pod("job-1", secret="v1"), pod("job-2", secret="v2")]

    assert check.count(WEB, statuses, running={"web-1"}) == Shown(2)
    assert check.count(WEB, statuses, running={"web-1", "job-1"}) == Shown(2, frozenset({"job-1"}))


def test_a_status_that_names_no_pod_is_waited_for() -> None:
    assert check.count(WEB, [pod("", secret="v1")], running=set()) == Shown(0, frozenset({""}))


def test_a_target_without_volumes_has_no_pods_to_wait_for() -> None:
    assert check.count(None, [pod(secret="v1")]) == Shown(0)
    assert Shown(0).all


@generated()
@given(st.lists(st.sampled_from(["v1", "v2", "v3"])))
def test_all_pods_show_it_exactly_if_none_shows_anything_else(versions: list[str]) -> None:
    shown = check.count(WEB, [pod(f"web-{number}", secret=version) for number, version in enumerate(versions)])

    assert shown.showing == versions.count("v2")
    assert shown.all is (set(versions) <= {"v2"})


# Judging


@pytest.mark.parametrize("owner", [Driver.V1_6_ROTATING, Driver.UNKNOWN])
def test_a_secret_that_stayed_as_it_was_and_whose_pods_all_show_the_version_is_proven(owner: Driver) -> None:
    assert check.judge(watched(owner), Shown(2), "8", NOW) is Verdict.CONVERGED


@pytest.mark.parametrize("owner", [Driver.V1_6_ROTATING, Driver.UNKNOWN])
def test_a_pod_that_is_behind_is_waited_for(owner: Driver) -> None:
    assert check.judge(watched(owner), BEHIND, "8", NOW) is Verdict.PENDING


@pytest.mark.parametrize("shown", [Shown(2), BEHIND, Shown(0)], ids=["all", "one behind", "no pods"])
@pytest.mark.parametrize(
    "version", [pytest.param("9", id="written since"), pytest.param("", id="empty"), pytest.param(None, id="gone")]
)
@pytest.mark.parametrize("after", [timedelta(0), HOLDING], ids=["soon", "later than a requeue"])
def test_a_secret_that_somebody_wrote_since_is_compared_before_anything_is_concluded(
    shown: Shown, version: str | None, after: timedelta
) -> None:
    assert check.judge(watched(Driver.UNKNOWN), shown, version, NOW + after) is Verdict.MOVED


def test_without_pods_the_secret_alone_is_the_proof() -> None:
    assert check.judge(watched(), Shown(0), "8", NOW) is Verdict.CONVERGED


@pytest.mark.parametrize(
    ("owner", "after", "verdict"),
    [
        pytest.param(Driver.UNKNOWN, HOLDING - timedelta(microseconds=1), Verdict.PENDING, id="not quite a requeue"),
        pytest.param(Driver.UNKNOWN, HOLDING, Verdict.CONVERGED, id="a requeue"),
        pytest.param(Driver.UNKNOWN, timedelta(hours=1), Verdict.CONVERGED, id="longer"),
        pytest.param(Driver.V1_6_ROTATING, timedelta(hours=1), Verdict.PENDING, id="a driver that is known to mount"),
    ],
)
def test_an_unknown_driver_that_leaves_the_secret_alone_for_a_requeue_is_believed(
    owner: Driver, after: timedelta, verdict: Verdict
) -> None:
    """One of 1.5 never shows the version in its statuses, and never puts old bytes back."""
    assert check.judge(watched(owner), BEHIND, "8", NOW + after) is verdict


def test_holding_is_longer_than_the_drivers_requeue() -> None:
    assert timedelta(minutes=5) < HOLDING


@pytest.mark.parametrize(
    ("shown", "verdict"),
    [
        pytest.param(Shown(3), Verdict.CONVERGED, id="all show it"),
        pytest.param(BEHIND, Verdict.PENDING, id="one is behind"),
        pytest.param(Shown(0), Verdict.CONVERGED, id="the pods are gone"),
    ],
)
@pytest.mark.parametrize("owner", [Driver.V1_6_ROTATING, Driver.UNKNOWN])
def test_a_mount_without_a_secret_is_judged_by_its_pods_alone(owner: Driver, shown: Shown, verdict: Verdict) -> None:
    mount = watched(owner, secret="", resource_version="")

    for version in (None, "9"):
        assert check.judge(mount, shown, version, NOW + timedelta(hours=1)) is verdict
