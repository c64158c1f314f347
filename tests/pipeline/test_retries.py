"""What fails for a passing reason becomes a job: the event ends, the others are done, the job brings the rest."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import ConfigurationError, FanoutError, PermanentError, TransientError
from shared.job import RefreshJob
from shared.neighbours import Limits
from shared.notice import NoticeType
from shared.pace import Pace
from shared.reason import Reason
from tests.builders import PLACE, World, build_payload, build_world
from tests.fakes import FakeBus, FakeCluster, FakeVault

from .verdicts import assert_done

THREE = ("shop/web-secret", "shop/api-secret", "pay/web-secret")
PACE = Pace(restarting=False)
DOWN = TransientError("no answer", reason=Reason.CLUSTER_UNREACHABLE)
FORBIDDEN = ConfigurationError("403", reason=Reason.CLUSTER_FORBIDDEN)


def build(*places: str, clusters: tuple[str, ...] = ("aks-one",), pace: Pace = PACE) -> World:
    """Build a world without restarts, so that only retries are on the queue."""
    return build_world(*places, clusters=clusters, limits=Limits(deadline=5, telling=1, pace=pace))


def waiting(world: World) -> list[RefreshJob]:
    """Return the retries on the queue."""
    return [job for job in world.queue.waiting.values() if isinstance(job, RefreshJob)]


def fail(world: World, call: str, error: FanoutError) -> None:
    """Let a call of whichever neighbour has it fail until it heals."""
    for neighbour, kind in ((world.vault, FakeVault), (world.cluster, FakeCluster), (world.bus, FakeBus)):
        if hasattr(kind, call):
            neighbour.script.fail(call, error)


@pytest.mark.parametrize("error", [DOWN, FORBIDDEN], ids=["it passes", "somebody has to mend it"])
@pytest.mark.parametrize(
    "call", ["read", "confirms", "classes", "owned", "driver", "pod_statuses", "secret", "write", "publish"]
)
async def test_whatever_fails_the_event_ends_and_a_job_does_the_rest(call: str, error: FanoutError) -> None:
    world = build(*THREE)
    fail(world, call, error)

    await world.deliver(world.rotate("after"))
    left = waiting(world)
    world.heal()
    await world.work_all()

    assert left
    assert_done(world, *THREE)
    assert world.cluster.writes == 3


async def test_only_what_failed_is_done_again() -> None:
    world = build(*THREE)
    world.cluster.script.fail("write", DOWN, about=THREE[1], times=1)

    await world.deliver(world.rotate("after"))

    (job,) = waiting(world)
    assert (job.cluster, job.targets, job.attempt) == ("aks-one", (("shop", "api-secret"),), 1)
    world.cluster.script.calls.clear()
    await world.work()
    assert world.cluster.script.calls.count("secret") == 1
    assert_done(world, *THREE)


async def test_a_cluster_that_is_down_is_caught_up_by_its_own_job() -> None:
    world = build(clusters=("aks-one", "aks-two"))
    world.clusters[1].script.fail("classes", DOWN)

    await world.deliver(world.rotate("after"))
    told = world.told()
    world.heal()
    world.clusters[0].script.calls.clear()
    await world.work_all()

    assert told == [("aks-one/shop/web-secret", world.newest())]
    assert world.clusters[0].script.calls == []
    assert_done(world)


async def test_attempts_come_at_doubling_distances_with_jitter_and_then_end() -> None:
    world = build(pace=Pace(restarting=False, retry=5, patience=3600))
    fail(world, "write", DOWN)
    await world.deliver(world.rotate("after"))
    began, waits = world.time, []

    while waiting(world) and not waiting(world)[0].gave_up:
        waits.append((waiting(world)[0].due - world.time).total_seconds())
        await world.work()

    assert all(1 <= wait <= max(1, min(900, 5 * 2**attempt)) for attempt, wait in enumerate(waits))
    assert len(set(waits)) > len(waits) / 2
    assert world.time - began <= timedelta(hours=1)


async def test_a_neighbours_wish_for_patience_is_granted() -> None:
    world = build()
    fail(world, "write", TransientError("429", reason=Reason.CLUSTER_THROTTLED, retry_after=1234))

    await world.deliver(world.rotate("after"))

    (job,) = waiting(world)
    assert job.due - world.time == timedelta(seconds=1234)


async def test_what_never_succeeds_is_told_and_goes_to_the_dead_letters_with_its_reason() -> None:
    world = build(pace=Pace(restarting=False, patience=60))
    fail(world, "write", DOWN)
    await world.deliver(world.rotate("after"))
    while not waiting(world)[0].gave_up:
        await world.work()

    (job,) = waiting(world)
    with pytest.raises(PermanentError, match="cluster-unreachable"):
        await world.work()

    assert job.gave_up == "cluster-unreachable"
    (told,) = world.bus.told(NoticeType.TARGET_FAILED)
    data = json.loads(told.body)["data"]
    assert (data["reason"], data["secret"]) == ("retries-exhausted", "web-secret")
    assert "no answer" in data["detail"]
    assert data["remedy"]


async def test_a_job_from_the_dead_letters_can_be_done_again() -> None:
    world = build(pace=Pace(restarting=False, patience=60))
    fail(world, "write", DOWN)
    await world.deliver(world.rotate("after"))
    while not waiting(world)[0].gave_up:
        await world.work()
    dead = world.queue.take()
    assert isinstance(dead, RefreshJob)
    world.heal()

    await world.queue.schedule([replace(dead, gave_up="", attempt=0, began=world.time)])
    await world.work_all()

    assert world.cluster.values(PLACE) == {"password": "after"}


async def test_a_redelivered_event_leads_to_no_second_retry_of_the_same_attempt() -> None:
    world = build()
    payload = world.rotate("after")
    fail(world, "write", DOWN)

    await world.deliver(payload)
    await world.deliver(payload)

    assert len(waiting(world)) == 1


async def test_a_job_that_comes_twice_or_late_changes_nothing() -> None:
    world = build()
    world.cluster.script.fail("write", DOWN, times=1)
    await world.deliver(world.rotate("second"))
    ((identifier, job),) = world.queue.waiting.items()
    await world.deliver(world.rotate("after"))

    await world.work()
    world.queue.waiting[identifier] = job
    await world.work_all()

    assert world.cluster.past(PLACE, "password") == ["before", "after"]
    assert world.told() == [("aks-one/shop/web-secret", world.newest())]


async def test_the_objects_own_notice_is_told_later_where_the_vault_is_down() -> None:
    world = build()
    world.cluster.views.clear()
    fail(world, "read", TransientError("down", reason=Reason.VAULT_UNREACHABLE))

    await world.deliver(world.rotate("after"))
    world.heal()
    await world.work_all()

    assert world.told(NoticeType.OBJECT_NEW_VERSION) == [("kv-shop/secret/db-password", world.newest())]


async def test_an_expiry_that_could_not_be_told_is_told_later_as_the_event_said_it() -> None:
    world = build()
    fail(world, "publish", TransientError("down", reason=Reason.TOPIC_UNREACHABLE))

    await world.deliver(build_payload("7", type_="SecretNearExpiry"))
    world.heal()
    await world.work_all()

    assert world.told(NoticeType.OBJECT_NEAR_EXPIRY) == [("kv-shop/secret/db-password", "7")]
    assert world.told(NoticeType.OBJECT_NEW_VERSION) == []


async def test_above_the_direct_limit_every_cluster_gets_a_job_of_its_own() -> None:
    names = tuple(f"aks-{index}" for index in range(5))
    world = build(clusters=names, pace=Pace(restarting=False, direct=4))

    await world.deliver(world.rotate("after"))
    shares = waiting(world)
    written = [cluster.writes for cluster in world.clusters]
    await world.work_all()

    assert {job.cluster for job in shares} == set(names)
    assert all(job.due == world.time for job in shares)
    assert written == [0] * 5
    assert_done(world)


async def test_up_to_the_direct_limit_no_job_is_needed() -> None:
    world = build(clusters=("aks-one", "aks-two"), pace=Pace(restarting=False, direct=2))

    await world.deliver(world.rotate("after"))

    assert world.queue.waiting == {}
    assert_done(world)


async def test_a_retry_during_which_the_queue_fails_too_comes_again_itself() -> None:
    world = build()
    fail(world, "write", DOWN)
    await world.deliver(world.rotate("after"))
    ((identifier, job),) = world.queue.waiting.items()
    world.queue.script.fail("schedule", TransientError("down", reason=Reason.QUEUE_UNREACHABLE), times=1)

    with pytest.raises(ExceptionGroup):
        await world.work()
    world.heal()
    world.queue.waiting[identifier] = job
    await world.work_all()

    assert_done(world)


@pytest.mark.parametrize("gone", ["cluster", "vault"])
async def test_a_job_about_what_the_settings_list_no_more_ends(gone: str, caplog: pytest.LogCaptureFixture) -> None:
    world = build()
    fail(world, "write", DOWN)
    await world.deliver(world.rotate("after"))
    (job,) = waiting(world)
    about = job.cause.object
    other = (
        replace(job, cluster="gone")
        if gone == "cluster"
        else replace(job, cause=replace(job.cause, object=replace(about, vault="gone")))
    )
    world.queue.waiting.clear()
    await world.queue.schedule([other])

    await world.work_all()

    assert "is not listed any more" in caplog.text


async def test_a_configuration_fault_is_said_loudly_with_its_remedy(caplog: pytest.LogCaptureFixture) -> None:
    world = build()
    fail(world, "write", FORBIDDEN)

    await world.deliver(world.rotate("after"))

    assert [record.levelname for record in caplog.records if "docs/kubernetes-rbac.md" in record.getMessage()] == [
        "ERROR"
    ]


async def test_a_cluster_that_stays_down_is_told_of_in_the_end() -> None:
    world = build(pace=Pace(restarting=False, patience=60))
    fail(world, "classes", DOWN)
    await world.deliver(world.rotate("after"))
    while not waiting(world)[0].gave_up:
        await world.work()

    (told,) = world.bus.told(NoticeType.TARGET_FAILED)

    data = json.loads(told.body)["data"]
    assert (data["reason"], data["cluster"], data["secret"]) == ("retries-exhausted", "aks-one", "")


async def test_what_is_given_up_is_kept_until_that_could_be_told() -> None:
    world = build(pace=Pace(restarting=False, patience=60))
    fail(world, "write", DOWN)
    await world.deliver(world.rotate("after"))
    world.bus.script.fail("publish", DOWN, about=NoticeType.TARGET_FAILED, times=3)

    while not waiting(world)[0].gave_up:
        await world.work()

    assert len(world.bus.told(NoticeType.TARGET_FAILED)) == 1


async def test_a_wish_for_too_much_patience_is_not_granted_to_its_end() -> None:
    world = build()
    fail(world, "write", TransientError("429", reason=Reason.CLUSTER_THROTTLED, retry_after=90_000))

    await world.deliver(world.rotate("after"))

    (job,) = waiting(world)
    assert not job.gave_up
    assert job.due - world.time == timedelta(hours=1)


async def test_more_secrets_than_one_invocation_takes_are_shared_out() -> None:
    places = [f"shop/s{number:02}" for number in range(9)]
    world = build(*places, pace=Pace(restarting=False, targets=4))

    await world.deliver(world.rotate("after"))

    assert sum(world.cluster.values(place) == {"password": "after"} for place in places) == 4
    (job,) = waiting(world)
    assert len(job.targets) == 5
    await world.work_all()
    assert all(world.cluster.values(place) == {"password": "after"} for place in places)
    assert len(world.told()) == 9
