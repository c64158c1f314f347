"""Each outcome leads to its metric, with labels from a short list and no name that nobody asked for."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared import metric
from shared.errors import MalformedJob, TransientError
from shared.job import RefreshJob
from shared.neighbours import Limits
from shared.observed import Driver
from shared.pace import DEFAULT_PACE
from shared.reason import Reason
from tests.builders import NAME, World, build_mount, build_payload, build_secret, build_world
from tests.fakes import NOW
from tests.telemetry.recording import Point, Recording, labels, numbers

MARK = "h7nt3r2-Planted"


def read(recorded: Recording, one: metric.Metric) -> list[tuple[Mapping[str, Any], float]]:
    """Return what was measured by a metric since the last look."""
    return numbers(recorded.metrics().get(one.name, []))


def event_labels(result: str, kind: str = "new-version", vault: str = "kv-shop") -> dict[str, str]:
    """Return the labels of a handled event."""
    return {"vault": vault, "kind": kind, "result": result}


def down(world: World) -> None:
    """Let the vault be down."""
    world.vault.script.fail("read", TransientError("down", reason=Reason.VAULT_UNREACHABLE))


async def test_an_event_whose_effects_are_all_there_is_done(recorded: Recording) -> None:
    world = build_world()

    await world.deliver(world.rotate("after"))

    measured = recorded.metrics()
    assert numbers(measured[metric.EVENTS.name]) == [(event_labels("done"), 1)]
    assert numbers(measured[metric.EVENT_DURATION.name]) == [({"kind": "new-version", "result": "done"}, 1)]


async def test_an_event_that_left_a_job_behind_is_postponed(recorded: Recording) -> None:
    world = build_world()
    payload = world.rotate("after")
    down(world)

    await world.deliver(payload)

    measured = recorded.metrics()
    assert numbers(measured[metric.EVENTS.name]) == [(event_labels("postponed"), 1)]
    # The object's own notice, and the cluster.
    assert numbers(measured[metric.JOBS_SCHEDULED.name]) == [({"kind": "refresh"}, 2)]


async def test_an_event_that_comes_again_has_failed(recorded: Recording) -> None:
    world = build_world()
    payload = world.rotate("after")
    down(world)
    world.queue.script.fail("schedule", TransientError("down", reason=Reason.QUEUE_UNREACHABLE))

    with pytest.raises(ExceptionGroup):
        await world.deliver(payload)

    assert read(recorded, metric.EVENTS) == [(event_labels("failed"), 1)]


@pytest.mark.parametrize(
    ("payload", "result"),
    [
        ("no JSON", "refused"),
        ('{"specversion": "1.0", "type": "Microsoft.KeyVault.SecretNewVersionCreated"}', "refused"),
        ('{"specversion": "1.0", "type": "Microsoft.KeyVault.VaultAccessPolicyChanged"}', "ignored"),
        (build_payload("1").replace("kv-shop", MARK), "unlisted"),
    ],
    ids=["no JSON", "no object", "nothing to do", "another vault"],
)
async def test_what_is_no_event_of_ours_is_counted_without_a_word_of_its_own(
    recorded: Recording, payload: str, result: str
) -> None:
    await build_world().deliver(payload)

    assert read(recorded, metric.EVENTS) == [(event_labels(result, kind="none", vault="none"), 1)]


async def test_an_expiry_is_an_event_of_its_own_kind(recorded: Recording) -> None:
    world = build_world()

    await world.deliver(build_payload(world.newest(), type_="SecretNearExpiry"))

    assert read(recorded, metric.EVENTS) == [(event_labels("done", kind="near-expiry"), 1)]


async def test_targets_are_counted_by_how_they_ended_in_each_cluster(recorded: Recording) -> None:
    world = build_world("shop/a-secret", "shop/b-secret", clusters=("aks-one", "aks-two"))
    world.clusters[1].mounts.clear()

    await world.deliver(world.rotate("after"))

    ended = {"owner": str(Driver.V1_5)}
    assert read(recorded, metric.TARGETS) == [
        ({"cluster": "aks-one", "action": "written", "reason": "none", **ended}, 2),
        ({"cluster": "aks-two", "action": "left", "reason": "no-grant", **ended}, 2),
    ]


async def test_the_seconds_from_the_event_to_the_secret_are_noted_once(recorded: Recording) -> None:
    """A second delivery writes nothing, and so does not count as a slow refresh."""
    world = build_world()
    payload = world.rotate("after")
    world.time = _time_of(payload) + timedelta(seconds=2)
    await world.deliver(payload)
    world.time += timedelta(hours=1)
    await world.deliver(payload)

    (point,) = recorded.metrics()[metric.REFRESH_DELAY.name]

    assert labels(point) == {"cluster": "aks-one", "owner": str(Driver.V1_5), "origin": "event"}
    assert _sum(point) == pytest.approx(2)


async def test_what_a_sweep_found_is_no_slow_event(recorded: Recording) -> None:
    world = build_world()
    world.vault.put(NAME, "after", created=NOW)
    world.time = NOW + timedelta(minutes=30)
    await world.sweep()
    await world.work_all()

    (point,) = recorded.metrics()[metric.REFRESH_DELAY.name]

    assert labels(point)["origin"] == "sweep"
    assert _sum(point) == pytest.approx(1800, abs=60)


async def test_the_seconds_until_every_pod_shows_the_version_are_noted(recorded: Recording) -> None:
    world = build_world()
    world.cluster.generation = Driver.V1_6_ROTATING
    payload = world.rotate("after")
    world.time = _time_of(payload)
    await world.deliver(payload)
    world.cluster.mounts["shop"] = [build_mount(world.newest())]
    await world.work_all()

    (point,) = recorded.metrics()[metric.CONVERGENCE_DELAY.name]

    assert labels(point) == {"cluster": "aks-one", "owner": str(Driver.V1_6_ROTATING), "origin": "event"}
    assert _sum(point) == pytest.approx(world.limits.pace.first)


async def test_a_secret_that_was_put_back_is_counted_and_so_is_who_gives_up(recorded: Recording) -> None:
    world = build_world(limits=Limits(deadline=5.0, telling=1.0, pace=replace(DEFAULT_PACE, restarting=False)))
    world.cluster.generation = Driver.V1_6_ROTATING
    await world.deliver(world.rotate("after"))
    for _ in range(world.limits.pace.rewrites + 1):
        world.cluster.put(build_secret())
        await world.work()

    measured = recorded.metrics()

    assert numbers(measured[metric.REVERTS.name]) == [
        ({"cluster": "aks-one", "owner": str(Driver.V1_6_ROTATING)}, world.limits.pace.rewrites)
    ]
    assert numbers(measured[metric.GIVEN_UP.name]) == [({"cluster": "aks-one", "reason": "keeps-reverting"}, 1)]


async def test_jobs_are_counted_as_they_are_put_on_the_queue_and_done(recorded: Recording) -> None:
    world = build_world()
    world.cluster.generation = Driver.V1_6_ROTATING
    await world.deliver(world.rotate("after"))
    await world.work()

    measured = recorded.metrics()

    # The check came again, because the pod does not show the version yet.
    assert ({"kind": "check"}, 2) in numbers(measured[metric.JOBS_SCHEDULED.name])
    assert numbers(measured[metric.JOBS_FINISHED.name]) == [({"kind": "check", "result": "done"}, 1)]
    assert numbers(measured[metric.JOB_DURATION.name]) == [({"kind": "check", "result": "done"}, 1)]


async def test_a_job_that_begins_late_says_how_late(recorded: Recording) -> None:
    world = build_world()
    payload = world.rotate("after")
    down(world)
    await world.deliver(payload)
    world.heal()
    world.time += timedelta(seconds=100)
    late = [(world.time - one.due).total_seconds() for one in world.queue.waiting.values()]
    for _ in late:
        await world.work()

    (point,) = recorded.metrics()[metric.JOB_LAG.name]

    assert labels(point) == {"kind": "refresh"}
    assert _sum(point) == pytest.approx(sum(late))


async def test_jobs_on_their_way_to_the_dead_letters_say_so(recorded: Recording) -> None:
    world = build_world()
    payload = world.rotate("after")
    down(world)
    await world.deliver(payload)
    (given_up, *_) = [one for one in world.queue.waiting.values() if isinstance(one, RefreshJob)]
    world.queue.waiting = {"given up": replace(given_up, gave_up="vault-unreachable")}

    with pytest.raises(Exception, match="given up"):
        await world.work()
    with pytest.raises(MalformedJob):
        await world.build_worker().handle(b"no job")

    assert read(recorded, metric.JOBS_FINISHED) == [
        ({"kind": "refresh", "result": "given-up"}, 1),
        ({"kind": "none", "result": "refused"}, 1),
    ]


async def test_a_job_that_comes_again_has_failed(recorded: Recording) -> None:
    world = build_world()
    world.cluster.generation = Driver.V1_6_ROTATING
    await world.deliver(world.rotate("after"))
    world.queue.script.fail("schedule", TransientError("down", reason=Reason.QUEUE_UNREACHABLE))

    with pytest.raises(ExceptionGroup):
        await world.work()

    assert read(recorded, metric.JOBS_FINISHED) == [({"kind": "check", "result": "failed"}, 1)]


def _time_of(payload: str) -> datetime:
    """Return when the event of a payload says that it happened."""
    assert "2026-11-20T01:08:33.1036736Z" in payload
    return datetime.fromisoformat("2026-11-20T01:08:33.103673+00:00")


def _sum(point: Point) -> float:
    return float(getattr(point, "sum"))  # noqa: B009 - of a histogram's point only
