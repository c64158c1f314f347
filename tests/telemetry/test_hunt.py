"""Whatever happens: no value in a span or a metric, and no name of an object, a namespace or a Secret in a label."""

import contextlib

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from shared import metric
from shared.trace import Hop
from tests.builders import NAME, World, build_secret
from tests.fakes import ProcessDied
from tests.pipeline.test_leaks import ENCODED, NEW, OLD, SCENARIOS, assert_clean, plant
from tests.telemetry.recording import Recording, labels

NAMES = {NAME, "shop", "web", "web-secret", "web-0", "password"}
DECLARED = {one.name: one for one in metric.ALL}


async def live_through(world: World) -> None:
    """Deliver two rotations, let old bytes be put back, do the jobs and sweep; every failure is part of it."""
    for value in (NEW, ENCODED):
        with contextlib.suppress(ExceptionGroup, ProcessDied):
            await world.deliver(world.rotate(value))
    world.cluster.put(build_secret(data={"password": OLD, "foreign": OLD}))
    for _ in range(len(world.queue.waiting)):
        with contextlib.suppress(ExceptionGroup, ProcessDied):
            await world.work()
    with contextlib.suppress(ExceptionGroup, ProcessDied, ValueError):
        await world.sweep()


def show(span: ReadableSpan) -> str:
    """Show all that an exporter is given of a span."""
    return f"{span.to_json()} {span.status.description} {[dict(one.attributes or {}) for one in span.events]}"


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_no_value_is_traced_or_measured_and_no_name_is_a_label(scenario: str, recorded: Recording) -> None:
    world = plant()
    SCENARIOS[scenario](world)

    await live_through(world)

    measured = recorded.metrics()
    assert_clean([show(one) for one in recorded.spans])
    assert_clean([f"{name} {labels(point)}" for name, points in measured.items() for point in points])
    for name, points in measured.items():
        for point in points:
            assert set(labels(point)) == set(DECLARED[name].labels)
            assert not NAMES & set(map(str, labels(point).values()))
    assert {one.name for one in recorded.spans} <= set(Hop)
    assert not [one.events for one in recorded.spans if one.events]


async def test_the_search_would_find_a_value_in_a_span_and_a_name_in_a_label(recorded: Recording) -> None:
    world = plant()
    await live_through(world)
    (span, *_) = recorded.named(Hop.EVENT)

    assert NAME in show(span)
    with pytest.raises(AssertionError):
        assert_clean([show(span).replace(NAME, NEW)])
