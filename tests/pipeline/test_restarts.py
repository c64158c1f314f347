"""Restarts: for workloads that asked for them, once for several changes, a few at a time, never twice for a version."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import ConfigurationError, ConflictError, PermanentError, TransientError
from shared.job import RestartJob
from shared.neighbours import Limits
from shared.observed import Driver
from shared.pace import Pace
from shared.reason import Reason
from shared.rollout import Kind, Progress
from shared.workload import OptIn, Workload, read
from tests.builders import PLACE, World, bind, build_secret, build_world
from tests.fakes import NOW, FakeCluster


def workload(name: str = "web", **fields: Any) -> Workload:
    """Build a Deployment that reads `shop/web-secret` through its environment and asked to be restarted for it."""
    defaults: dict[str, Any] = {
        "kind": Kind.DEPLOYMENT,
        "namespace": "shop",
        "resource_version": "1",
        "opt_in": OptIn(environment=True),
        "env_secrets": frozenset({"web-secret"}),
        "restarted": {},
    }
    return Workload(name=name, **{**defaults, **fields})


def build(*workloads: Workload, budget: int = 3, window: float = 30) -> World:
    """Build the default world with workloads."""
    pace = Pace(window=window, budget=budget)
    world = build_world(limits=Limits(deadline=5, telling=1, pace=pace))
    world.cluster.opted_in = list(workloads) or [workload()]
    apply_restarts(world.cluster)
    return world


def apply_restarts(cluster: FakeCluster, *, progress: Progress = Progress.DONE) -> None:
    """Let every restart leave its record on the workload, as the API server does, and roll as told."""

    async def note() -> None:
        name, patch = cluster.restarts[-1]
        for index, one in enumerate(cluster.opted_in):
            if str(one) == name:
                manifest = {
                    "metadata": {"namespace": one.namespace, "name": one.name, "resourceVersion": "2"},
                    "spec": patch["spec"],
                }
                known = read(one.kind, manifest)
                assert known is not None
                cluster.opted_in[index] = replace(one, restarted=known.restarted, progress=progress)

    cluster.script.at("restart", note, after=True, times=None)


def restarted(world: World) -> list[str]:
    """Return the names of what was restarted, in order."""
    return [name for name, _ in world.cluster.restarts]


async def test_a_workload_that_asked_for_it_is_restarted_after_the_window() -> None:
    world = build()
    payload = world.rotate("after")

    await world.deliver(payload)
    early = restarted(world)
    await world.work_all()

    assert early == []
    assert restarted(world) == ["Deployment shop/web"]


async def test_several_changes_within_the_window_become_one_restart() -> None:
    world = build()
    await world.deliver(world.rotate("second"))
    world.time += timedelta(seconds=10)
    await world.deliver(world.rotate("third"))

    done = await world.work_all()

    assert len(done) == 2
    assert restarted(world) == ["Deployment shop/web"]


async def test_a_later_change_restarts_again() -> None:
    world = build()
    await world.deliver(world.rotate("second"))
    await world.work_all()
    await world.deliver(world.rotate("third"))

    await world.work_all()

    assert len(restarted(world)) == 2


async def test_bytes_that_did_not_change_restart_nobody() -> None:
    world = build()
    world.cluster.put(build_secret(data={"password": "same"}, changed=None))

    await world.deliver(world.rotate("same"))

    assert world.queue.waiting == {}


async def test_a_delivery_that_died_after_its_write_leads_to_the_restart_all_the_same() -> None:
    world = build()
    payload = world.rotate("after")
    world.queue.script.fail("schedule", TransientError("down", reason=Reason.QUEUE_UNREACHABLE), times=1)
    with pytest.raises(ExceptionGroup):
        await world.deliver(payload)

    await world.deliver(payload)
    await world.work_all()

    assert restarted(world) == ["Deployment shop/web"]


async def test_a_job_that_comes_twice_restarts_once() -> None:
    world = build()
    await world.deliver(world.rotate("after"))
    ((identifier, job),) = world.queue.waiting.items()
    await world.work()
    world.queue.waiting[identifier] = job

    await world.work_all()

    assert len(restarted(world)) == 1


async def test_the_repair_of_a_version_restarts_nobody_again() -> None:
    world = build()
    world.cluster.generation = Driver.V1_6_ROTATING
    await world.deliver(world.rotate("after"))
    while any(isinstance(job, RestartJob) for job in world.queue.waiting.values()):
        await world.work()
    world.cluster.put(build_secret())  # a stale node puts the old bytes back

    await world.work_all()

    assert world.cluster.values(PLACE) == {"password": "after"}
    assert len(restarted(world)) == 1


async def test_no_more_workloads_roll_at_a_time_than_the_budget_allows() -> None:
    names = [f"web-{index}" for index in range(5)]
    world = build(*[workload(name) for name in names], budget=2)
    world.cluster.script.clear()
    apply_restarts(world.cluster, progress=Progress.ROLLING)
    await world.deliver(world.rotate("after"))
    most = 0

    while world.queue.waiting:
        await world.work()
        rolling = [one for one in world.cluster.opted_in if one.rolling]
        most = max(most, len(rolling))
        if rolling:
            index = world.cluster.opted_in.index(rolling[0])
            world.cluster.opted_in[index] = replace(rolling[0], progress=Progress.DONE)

    assert most == 2
    assert sorted(restarted(world)) == [f"Deployment shop/{name}" for name in names]


async def test_rollouts_that_do_not_end_stop_the_wave_and_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    world = build(*[workload(f"web-{index}") for index in range(3)], budget=1)
    world.cluster.script.clear()
    apply_restarts(world.cluster, progress=Progress.ROLLING)
    await world.deliver(world.rotate("after"))

    await world.work_all(most=1000)

    assert len(restarted(world)) == 1
    assert "restart-overdue" in caplog.text


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"paused": True}, "workload-paused"), ({"on_delete": True}, "workload-on-delete")],
    ids=["paused", "OnDelete"],
)
async def test_a_workload_that_cannot_be_restarted_is_named(
    fields: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = build(workload(**fields))
    await world.deliver(world.rotate("after"))

    await world.work_all()

    assert restarted(world) == []
    assert reason in caplog.text


async def test_who_did_not_ask_is_left_alone() -> None:
    world = build(workload(opt_in=OptIn(), restarted={}), workload("other", env_secrets=frozenset({"another"})))
    await world.deliver(world.rotate("after"))

    await world.work_all()

    assert restarted(world) == []


async def test_while_another_process_restarts_the_job_waits_for_its_turn() -> None:
    world = build()
    world.cluster.restarter = "another"
    await world.deliver(world.rotate("after"))
    await world.work()
    waiting = restarted(world)
    world.cluster.restarter = ""

    await world.work_all()

    assert waiting == []
    assert restarted(world) == ["Deployment shop/web"]
    assert world.cluster.restarter == ""


@pytest.mark.parametrize("call", ["hold_restarts", "workloads", "secret_version", "restart", "release_restarts"])
async def test_a_passing_fault_postpones_the_restart(call: str) -> None:
    world = build()
    await world.deliver(world.rotate("after"))
    world.cluster.script.fail(call, TransientError("down", reason=Reason.CLUSTER_UNREACHABLE), times=1)

    await world.work_all()

    assert restarted(world) == ["Deployment shop/web"]


async def test_without_the_rights_it_is_said_how_to_get_them_and_nothing_comes_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = build()
    error = ConfigurationError("aks-one: GET leases: 403 Forbidden", reason=Reason.CLUSTER_FORBIDDEN)
    world.cluster.script.fail("hold_restarts", error)
    await world.deliver(world.rotate("after"))

    await world.work_all()

    assert restarted(world) == []
    assert "deploy/kubernetes/restart.yaml" in caplog.text
    assert world.queue.waiting == {}


async def test_a_workload_that_is_refused_costs_the_others_nothing() -> None:
    world = build(workload("bad"), workload("good"))
    error = PermanentError("aks-one: PATCH: 422", reason=Reason.CLUSTER_REFUSED)
    world.cluster.script.fail("restart", error, about="Deployment shop/bad")
    await world.deliver(world.rotate("after"))

    await world.work_all()

    assert restarted(world) == ["Deployment shop/good"]


async def test_a_workload_that_changed_meanwhile_is_looked_at_again() -> None:
    world = build()

    async def edit() -> None:
        world.cluster.opted_in[0] = replace(world.cluster.opted_in[0], resource_version="7")

    world.cluster.script.at("restart", edit)
    await world.deliver(world.rotate("after"))

    done = await world.work_all()

    assert len(done) == 2
    assert restarted(world) == ["Deployment shop/web"]


async def test_restarts_can_be_switched_off() -> None:
    world = build_world(limits=Limits(deadline=5, telling=1, pace=Pace(restarting=False)))

    await world.deliver(world.rotate("after"))

    assert world.queue.waiting == {}


@pytest.mark.parametrize(
    ("error", "again"),
    [
        pytest.param(ConfigurationError("403", reason=Reason.CLUSTER_FORBIDDEN), False, id="a policy forbids it"),
        pytest.param(TransientError("500", reason=Reason.CLUSTER_UNREACHABLE), True, id="its webhook is down"),
    ],
)
async def test_workloads_that_never_let_themselves_be_restarted_cost_the_others_nothing(
    error: Exception, *, again: bool
) -> None:
    """They are first in turn each time, and more than the budget."""
    bad = [workload(f"a{number}", namespace="alpha") for number in range(3)]
    world = build(*bad, workload("good"), budget=2)
    for one in bad:
        world.cluster.script.fail("restart", error, about=str(one))
    bind(world.cluster, "alpha/web-secret", world.newest())
    await world.deliver(world.rotate("after"))

    while "shop" in {wish.namespace for job in waiting(world) for wish in job.wishes}:
        await world.work()

    assert restarted(world) == ["Deployment shop/good"]
    assert world.time < NOW + timedelta(minutes=2)
    assert bool(waiting(world)) is again


async def test_a_secret_that_cannot_be_read_costs_the_others_nothing() -> None:
    world = build(workload(), workload("api", namespace="alpha"))
    bind(world.cluster, "alpha/web-secret", world.newest())
    await world.deliver(world.rotate("after"))
    down = TransientError("down", reason=Reason.CLUSTER_UNREACHABLE)
    world.cluster.script.fail("secret_version", down, about="alpha/web-secret", times=1)

    await world.work()

    assert restarted(world) == ["Deployment shop/web"]
    assert [[wish.namespace for wish in job.wishes] for job in waiting(world)] == [["alpha"]]
    await world.work_all()
    assert restarted(world) == ["Deployment shop/web", "Deployment alpha/api"]


async def test_who_waits_for_the_lease_looks_at_nothing_and_ever_less_often() -> None:
    world = build()
    world.cluster.restarter = "another"
    await world.deliver(world.rotate("after"))
    before = world.time

    done = [await world.work() for _ in range(12)]

    assert world.cluster.script.calls.count("workloads") == 1
    assert done[-1].due - done[-2].due >= timedelta(seconds=15)
    assert world.time - before > timedelta(minutes=2)


async def test_who_is_left_alone_is_named_once_also_after_waiting_for_the_lease(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = build(workload("paused", paused=True), workload("a"), workload("b"), budget=1)
    apply_restarts(world.cluster, progress=Progress.ROLLING)
    world.cluster.restarter = "another"
    await world.deliver(world.rotate("after"))
    await world.work()
    world.cluster.restarter = ""

    for _ in range(4):
        await world.work()

    assert sum("Deployment shop/paused not restarted" in one.getMessage() for one in caplog.records) == 1


def waiting(world: World) -> list[RestartJob]:
    """Return the restarts that wait."""
    return [job for job in world.queue.waiting.values() if isinstance(job, RestartJob)]


async def test_lost_answers_use_the_budget_up() -> None:
    """The workload may be rolling."""
    world = build(*[workload(f"w{number}") for number in range(6)], budget=2)
    lost = TransientError("cut off", reason=Reason.CLUSTER_UNREACHABLE)
    world.cluster.script.fail("restart", lost, after=True)
    await world.deliver(world.rotate("after"))

    await world.work()

    assert len(restarted(world)) == 2


async def test_a_stuck_workload_that_changed_meanwhile_keeps_its_place() -> None:
    world = build(workload("a"), workload("b"), budget=1)
    apply_restarts(world.cluster, progress=Progress.STUCK)
    await world.deliver(world.rotate("one"))
    await world.work()
    conflict = ConflictError("409", reason=Reason.SECRET_CONFLICT)
    world.cluster.script.fail("restart", conflict, about="Deployment shop/a")
    await world.deliver(world.rotate("two"))

    for _ in range(4):
        await world.work()

    assert restarted(world) == ["Deployment shop/a"]
