"""Delayed looks at what a driver may undo: proven, put right again, or given up, with the time that it took.

Time is the world's: each job is done when it is due. The simulated drivers are in tests/e2e.
"""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import ConfigurationError, TransientError
from shared.job import CheckJob
from shared.neighbours import Limits
from shared.notice import NoticeType
from shared.nudge import Pod
from shared.observed import Driver
from shared.pace import Pace
from shared.reason import Reason
from tests.builders import NAME, PLACE, World, bind, build_class, build_mount, build_secret, build_world
from tests.fakes import FakeCluster, ProcessDied

PACE = Pace(restarting=False)


def build(driver: Driver = Driver.V1_6_ROTATING, *places: str, pace: Pace = PACE) -> World:
    """Build the default world with a driver that may undo what is written."""
    world = build_world(*places, limits=Limits(deadline=5, telling=1, pace=pace))
    world.cluster.generation = driver
    return world


def mount(cluster: FakeCluster, version: str, namespace: str = "shop") -> None:
    """Let every pod of a namespace show a version."""
    cluster.mounts[namespace] = [
        build_mount(version, class_name=status.class_name) for status in cluster.mounts[namespace]
    ]


def revert(world: World) -> None:
    """Put the old bytes back, as a node with a stale mount does."""
    world.cluster.put(build_secret())


def data_of(world: World, type_: NoticeType) -> list[dict[str, Any]]:
    """Return the data of every notice of a type."""
    return [json.loads(told.body)["data"] for told in world.bus.told(type_)]


async def test_a_refresh_has_converged_once_every_pod_shows_the_version() -> None:
    world = build()
    await world.deliver(world.rotate("after"))
    await world.work()
    pending = world.told(NoticeType.TARGET_CONVERGED)
    mount(world.cluster, world.newest())

    await world.work_all()

    assert pending == []
    (told,) = data_of(world, NoticeType.TARGET_CONVERGED)
    assert (told["pods"], told["version"], told["secret"]) == (1, world.newest(), "web-secret")
    assert told["seconds"] > 0
    assert world.cluster.writes == 1


async def test_a_look_at_an_untouched_secret_asks_neither_the_vault_nor_for_its_bytes() -> None:
    world = build()
    await world.deliver(world.rotate("after"))
    mount(world.cluster, world.newest())
    world.vault.script.calls.clear()
    world.cluster.script.calls.clear()

    await world.work()

    assert world.vault.script.calls == []
    assert sorted(world.cluster.script.calls) == ["pod_statuses", "secret_version"]
    assert len(world.told(NoticeType.TARGET_CONVERGED)) == 1


async def test_what_a_stale_node_puts_back_is_written_again_and_told_again() -> None:
    world = build()
    await world.deliver(world.rotate("after"))
    revert(world)

    await world.work()

    assert world.cluster.past(PLACE, "password") == ["before", "after", "before", "after"]
    assert world.told() == [("aks-one/shop/web-secret", world.newest())] * 2
    mount(world.cluster, world.newest())
    await world.work_all()
    assert world.cluster.values(PLACE) == {"password": "after"}
    assert len(world.told(NoticeType.TARGET_CONVERGED)) == 1


async def test_a_revert_that_keeps_coming_back_is_reported_and_not_repeated_for_ever() -> None:
    world = build(pace=Pace(rewrites=2, limit=100_000, restarting=False))

    async def stale() -> None:
        revert(world)

    await world.deliver(world.rotate("after"))
    revert(world)
    world.cluster.script.at("write", stale, after=True, times=None)

    done = await world.work_all()

    assert world.cluster.writes == 1 + 2
    (failed,) = data_of(world, NoticeType.TARGET_FAILED)
    assert failed["reason"] == "keeps-reverting"
    assert failed["remedy"]
    assert len(done) == 3


async def test_a_write_that_changed_nothing_is_not_taken_for_a_revert() -> None:
    """1.6.0 writes the same bytes at every requeue: the resourceVersion moves, the bytes do not."""
    world = build()
    await world.deliver(world.rotate("after"))
    world.cluster.put(world.cluster.secrets[PLACE])

    await world.work()

    assert world.cluster.writes == 1
    assert world.told(NoticeType.TARGET_CONVERGED) == []
    mount(world.cluster, world.newest())
    await world.work_all()
    assert len(world.told(NoticeType.TARGET_CONVERGED)) == 1


async def test_a_pod_that_is_behind_is_woken_again_and_no_other() -> None:
    """The driver takes no notice of a nudge within a poll interval after a change."""
    world = build()
    fresh, stale = Pod(name="web-0", secrets=frozenset(), classes=frozenset({"web"}), woken_for=""), "web-1"
    world.cluster.running["shop"] = [fresh, replace(fresh, name=stale)]
    await world.deliver(world.rotate("after"))
    world.cluster.mounts["shop"] = [build_mount(world.newest()), replace(build_mount("before"), pod=stale)]

    await world.work()

    assert {pod: len(states) for pod, states in world.cluster.woken.items()} == {"shop/web-0": 1, "shop/web-1": 2}


async def test_a_finished_pod_holds_no_proof_up() -> None:
    """The driver keeps its status, and never renews it."""
    world = build()
    await world.deliver(world.rotate("after"))
    world.cluster.mounts["shop"] = [build_mount(world.newest()), replace(build_mount("before"), pod="finished-job")]

    await world.work_all()

    (told,) = data_of(world, NoticeType.TARGET_CONVERGED)
    assert told["pods"] == 1


async def test_pods_that_never_show_the_version_are_given_up_loudly_and_once() -> None:
    world = build()

    await world.deliver(world.rotate("after"))
    done = await world.work_all()

    (failed,) = data_of(world, NoticeType.TARGET_FAILED)
    assert failed["reason"] == "not-converged"
    assert world.cluster.values(PLACE) == {"password": "after"}
    assert world.time - done[0].began <= timedelta(seconds=PACE.limit)


async def test_a_newer_version_ends_the_checks_of_the_older_one_without_a_complaint() -> None:
    world = build()
    await world.deliver(world.rotate("second"))
    await world.deliver(world.rotate("third"))
    mount(world.cluster, world.newest())

    await world.work_all()

    assert world.told(NoticeType.TARGET_FAILED) == []
    assert {version for _, version in world.told(NoticeType.TARGET_CONVERGED)} == {world.newest()}


async def test_a_driver_that_undoes_nothing_is_not_checked() -> None:
    world = build(Driver.V1_5)

    await world.deliver(world.rotate("after"))

    assert world.queue.waiting == {}


async def test_under_an_unknown_driver_bytes_that_outlast_a_requeue_count_as_proven() -> None:
    world = build(Driver.UNKNOWN)

    await world.deliver(world.rotate("after"))
    await world.work_all()

    (told,) = data_of(world, NoticeType.TARGET_CONVERGED)
    assert told["seconds"] >= 330
    assert world.told(NoticeType.TARGET_FAILED) == []


async def test_files_without_a_secret_have_converged_once_every_pod_shows_them() -> None:
    world = build()
    world.cluster.views = [build_class(secrets=[])]
    world.cluster.running["shop"] = [Pod(name="web-0", secrets=frozenset(), classes=frozenset({"web"}), woken_for="")]
    await world.deliver(world.rotate("after"))
    mount(world.cluster, world.newest())

    await world.work_all()

    (told,) = data_of(world, NoticeType.TARGET_CONVERGED)
    assert (told["secret"], told["classes"], told["pods"]) == ("", ["web"], 1)
    assert world.cluster.woken == {"shop/web-0": [f"web={world.newest()}"]}


async def test_a_redelivered_event_leads_to_no_second_check() -> None:
    world = build()
    payload = world.rotate("after")

    await world.deliver(payload)
    await world.deliver(payload)

    assert len(world.queue.waiting) == 1


async def test_a_check_that_comes_twice_tells_once_and_writes_nothing() -> None:
    world = build()
    await world.deliver(world.rotate("after"))
    mount(world.cluster, world.newest())
    (identifier, job), *_ = world.queue.waiting.items()

    await world.work()
    world.queue.waiting[identifier] = job
    await world.work_all()

    assert world.cluster.writes == 1
    assert len(world.told(NoticeType.TARGET_CONVERGED)) == 1


@pytest.mark.parametrize("call", ["pod_statuses", "secret_version"])
async def test_a_cluster_that_cannot_be_seen_is_looked_at_again(call: str) -> None:
    world = build()
    await world.deliver(world.rotate("after"))
    mount(world.cluster, world.newest())
    world.cluster.script.fail(call, TransientError("down", reason=Reason.CLUSTER_UNREACHABLE), times=1)

    done = await world.work_all()

    assert [job.attempt for job in done] == [0, 1]
    assert len(world.told(NoticeType.TARGET_CONVERGED)) == 1


async def test_one_target_that_stays_behind_holds_no_other_up() -> None:
    world = build(Driver.V1_6_ROTATING, "shop/web-secret", "pay/web-secret")
    await world.deliver(world.rotate("after"))
    mount(world.cluster, world.newest(), "pay")

    await world.work()

    assert world.told(NoticeType.TARGET_CONVERGED) == [("aks-one/pay/web-secret", world.newest())]
    (left,) = world.queue.waiting.values()
    assert isinstance(left, CheckJob)
    assert [one.namespace for one in left.watched] == ["shop"]


async def test_a_target_that_nothing_binds_any_more_is_dropped() -> None:
    world = build()
    await world.deliver(world.rotate("after"))
    world.cluster.views.clear()
    revert(world)

    await world.work_all()

    assert world.cluster.writes == 1
    assert world.told(NoticeType.TARGET_FAILED) == []


async def test_a_check_whose_findings_cannot_be_told_is_done_once_more_later() -> None:
    """The queue would bring it back at once, ten times, and then give it up."""
    world = build()
    await world.deliver(world.rotate("after"))
    mount(world.cluster, world.newest())
    world.bus.script.fail("publish", ConfigurationError("no role", reason=Reason.TOPIC_FORBIDDEN), times=12)

    for _ in range(12):
        await world.work()
        (job,) = world.queue.waiting.values()
        assert world.time < job.due <= world.time + timedelta(seconds=300)
    await world.work()

    assert len(world.told(NoticeType.TARGET_CONVERGED)) == 1
    assert world.queue.waiting == {}


async def test_a_check_that_cannot_be_told_for_too_long_ends_in_the_dead_letters() -> None:
    world = build()
    await world.deliver(world.rotate("after"))
    mount(world.cluster, world.newest())
    world.time += timedelta(days=2)
    world.bus.script.fail("publish", ConfigurationError("no role", reason=Reason.TOPIC_FORBIDDEN))

    with pytest.raises(ExceptionGroup):
        await world.work()


async def test_wherever_a_check_dies_its_return_ends_right() -> None:
    """Dead before and after each effect in turn, while it writes again what a stale node put back."""

    async def prepare() -> tuple[World, str, CheckJob]:
        world = build()
        await world.deliver(world.rotate("after"))
        revert(world)
        ((identifier, job),) = world.queue.waiting.items()
        assert isinstance(job, CheckJob)
        return world, identifier, job

    trial, _, _ = await prepare()
    before = len(trial.life.moments)
    await trial.work()
    assert len(trial.life.moments) > before

    for moment in range(before, len(trial.life.moments)):
        world, identifier, job = await prepare()
        world.life.ends_at = moment
        with pytest.raises((ProcessDied, ExceptionGroup)):
            await world.work()

        world.life.ends_at = None
        world.queue.waiting[identifier] = job
        mount(world.cluster, world.newest())
        await world.work_all()

        assert world.cluster.past(PLACE, "password") == ["before", "after", "before", "after"]
        versions = [
            json.loads(told.body)["data"]["resourceVersion"] for told in world.bus.told(NoticeType.TARGET_REFRESHED)
        ]
        assert versions[-1] == world.cluster.secrets[PLACE].resource_version
        assert len(world.told(NoticeType.TARGET_CONVERGED)) == 1
        assert world.told(NoticeType.TARGET_FAILED) == []


async def test_without_the_queue_the_event_comes_back_after_everything_else_was_done() -> None:
    world = build()
    payload = world.rotate("after")
    world.queue.script.fail("schedule", TransientError("down", reason=Reason.QUEUE_UNREACHABLE))

    with pytest.raises(ExceptionGroup):
        await world.deliver(payload)

    assert world.cluster.values(PLACE) == {"password": "after"}
    assert len(world.told()) == 1
    world.heal()
    await world.deliver(payload)
    assert len(world.queue.waiting) == 1
    assert world.cluster.writes == 1


async def test_many_targets_of_a_cluster_share_one_look_at_the_vault() -> None:
    world = build()
    for index in range(150):
        bind(world.cluster, f"team-{index}/web-secret", world.newest(), class_name="web")
    await world.deliver(world.rotate("after"))
    world.vault.script.calls.clear()
    for place in list(world.cluster.secrets):
        world.cluster.put(build_secret(place))

    jobs = len(world.queue.waiting)
    for _ in range(jobs):
        await world.work()

    assert jobs == 2
    assert world.vault.script.calls.count("read") == jobs
    assert {world.cluster.values(place)["password"] for place in world.cluster.secrets} == {"after"}


async def test_the_newest_bytes_win_whatever_order_checks_and_events_come_in() -> None:
    world = build()
    first, second = world.rotate("second"), world.rotate("third")
    await world.deliver(second)
    revert(world)
    await world.deliver(first)
    revert(world)
    mount(world.cluster, world.newest(NAME))

    await world.work_all()

    assert world.cluster.values(PLACE) == {"password": "third"}
    assert "second" not in world.cluster.past(PLACE, "password")


async def test_writes_that_change_nothing_are_not_told_of() -> None:
    """1.6.0 moves the resourceVersion at every requeue; subscribers would be told at every look."""
    world = build()
    await world.deliver(world.rotate("after"))

    for _ in range(4):
        world.cluster.put(world.cluster.secrets[PLACE])
        await world.work()

    assert len(world.bus.told(NoticeType.TARGET_REFRESHED)) == 1


@pytest.mark.parametrize("files", [False, True], ids=["a Secret", "files only"])
async def test_a_late_event_proves_the_version_that_is_served(*, files: bool) -> None:
    world = build()
    if files:
        world.cluster.views[:] = [build_class(secrets=[])]
    older, newer = world.rotate("older"), world.rotate("newer")
    await world.deliver(newer)
    await world.deliver(older)
    mount(world.cluster, world.newest())

    await world.work_all()

    assert {version for _, version in world.told(NoticeType.TARGET_CONVERGED)} == {world.newest()}
    assert world.told(NoticeType.TARGET_FAILED) == []
