"""What a sweep measures: how it ended, what no event told, and what is about to expire."""

from datetime import timedelta

import pytest

from shared import metric
from shared.errors import TransientError
from shared.neighbours import Limits
from shared.reason import Reason
from tests.builders import NAME, World, build_payload, build_world
from tests.fakes import NOW
from tests.telemetry.recording import Recording, numbers


def build(*, named: bool = False) -> World:
    """Build a world an hour after its beginning."""
    world = build_world(limits=Limits(deadline=5.0, telling=1.0, named=named))
    world.time = NOW + timedelta(hours=1)
    return world


async def test_changes_without_an_event_are_counted_once_and_named_by_vault_only(recorded: Recording) -> None:
    world = build()
    await world.sweep()
    nothing = numbers(recorded.metrics()[metric.MISSED.name])
    world.vault.put("lost", "value", created=NOW + timedelta(minutes=30))

    for _ in range(2):
        await world.sweep()

    assert nothing == [({"vault": "kv-shop"}, 0)]
    assert numbers(recorded.metrics()[metric.MISSED.name]) == [({"vault": "kv-shop"}, 1)]


async def test_the_silence_of_events_is_measured(recorded: Recording) -> None:
    world = build()
    await world.deliver(build_payload(world.vault.put(NAME, "after", created=world.time)))
    world.watch.times.update(dict.fromkeys(world.bus.kept, world.time))
    world.time += timedelta(minutes=20)

    await world.sweep()

    assert numbers(recorded.metrics()[metric.SILENCE.name]) == [({}, 1200)]


async def test_where_no_event_is_remembered_the_silence_is_as_long_as_the_memory(recorded: Recording) -> None:
    """An app whose event subscription never worked is heard of, too."""
    await build().sweep()

    assert numbers(recorded.metrics()[metric.SILENCE.name]) == [({}, 172_800)]


async def test_a_gauge_is_told_a_few_times_for_each_sweep(recorded: Recording) -> None:
    """One export may fail; and an instance that swept last week has nothing to say about today."""
    world = build()
    await world.sweep()

    told = [metric.EXPIRED.name in recorded.metrics() for _ in range(metric.REPEATS + 1)]

    assert told == [*[True] * metric.REPEATS, False]


async def test_suspects_and_failures_of_a_sweep_are_counted(recorded: Recording) -> None:
    world = build()
    world.vault.put(NAME, "after", created=NOW)
    world.cluster.script.fail("syncs", TransientError("down", reason=Reason.CLUSTER_UNREACHABLE))

    with pytest.raises(ExceptionGroup):
        await world.sweep()

    measured = recorded.metrics()
    assert numbers(measured[metric.SWEEP_FINDINGS.name]) == [({"finding": "suspect"}, 1), ({"finding": "failure"}, 1)]
    assert numbers(measured[metric.SWEEP_DURATION.name]) == [({"result": "failed"}, 1)]


async def test_a_sweep_that_finds_nothing_is_seen_as_well(recorded: Recording) -> None:
    world = build()
    world.vault.versions.clear()

    await world.sweep()

    measured = recorded.metrics()
    assert numbers(measured[metric.SWEEP_FINDINGS.name]) == [({"finding": "suspect"}, 0), ({"finding": "failure"}, 0)]
    assert numbers(measured[metric.SWEEP_DURATION.name]) == [({"result": "done"}, 1)]


def expiring(world: World) -> None:
    """Let one object be past its expiry, two expire soon, and one that is disabled sooner."""
    for name, days in (("over", -3), ("soon", 7), ("later", 30), ("off", 1)):
        world.vault.put(name, "value", created=NOW - timedelta(days=90), expires=world.time + timedelta(days=days))
    world.vault.enable("off", enabled=False)


async def test_the_next_expiry_of_a_vault_is_told_without_naming_the_object(recorded: Recording) -> None:
    world = build()
    expiring(world)

    await world.sweep()

    measured = recorded.metrics()
    assert [(labels, round(days, 6)) for labels, days in numbers(measured[metric.EXPIRY.name])] == [
        ({"vault": "kv-shop"}, 7)
    ]
    assert numbers(measured[metric.EXPIRED.name]) == [({"vault": "kv-shop"}, 1)]
    assert metric.OBJECT_EXPIRY.name not in measured


async def test_each_objects_expiry_is_told_where_that_is_asked_for(recorded: Recording) -> None:
    world = build(named=True)
    expiring(world)

    await world.sweep()

    told = numbers(recorded.metrics()[metric.OBJECT_EXPIRY.name])
    assert {(labels["vault"], labels["type"], labels["object"]): round(days) for labels, days in told} == {
        ("kv-shop", "secret", "over"): -3,
        ("kv-shop", "secret", "soon"): 7,
        ("kv-shop", "secret", "later"): 30,
    }


async def test_a_vault_that_does_not_answer_has_no_expiry(recorded: Recording) -> None:
    """Zero expired objects would be a claim."""
    world = build()
    world.vault.script.fail("inventory", TransientError("down", reason=Reason.VAULT_UNREACHABLE))

    with pytest.raises(ExceptionGroup):
        await world.sweep()

    assert metric.EXPIRED.name not in recorded.metrics()
