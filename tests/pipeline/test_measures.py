"""What an operator is alerted by, read as an exporter reads it: from OpenTelemetry's own SDK."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

from tests.builders import World, build_payload, build_world
from tests.fakes import NOW

MISSED, SILENCE = "keyvault_fanout.changes.missed", "keyvault_fanout.events.silence"


@pytest.fixture(scope="module")
def reader() -> Iterator[InMemoryMetricReader]:
    """Set the SDK up, which a process can do once."""
    found = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([found]))
    yield found
    found.shutdown()


def read(reader: InMemoryMetricReader, name: str) -> dict[str, float]:
    """Return a metric by vault, or under the empty text where it has no label."""
    data = reader.get_metrics_data()
    return {
        str((point.attributes or {}).get("vault", "")): point.value
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
        if isinstance(point, NumberDataPoint)
    }


def build() -> World:
    """Build a world an hour after its beginning."""
    world = build_world()
    world.time = NOW + timedelta(hours=1)
    return world


async def test_changes_without_an_event_are_counted_once_and_named_by_vault_only(reader: InMemoryMetricReader) -> None:
    world = build()
    await world.sweep()
    nothing = read(reader, MISSED)
    world.vault.put("lost", "value", created=NOW + timedelta(minutes=30))

    for _ in range(2):
        await world.sweep()

    assert nothing == {"kv-shop": 0}
    assert read(reader, MISSED) == {"kv-shop": 1}


async def test_the_silence_of_events_is_measured(reader: InMemoryMetricReader) -> None:
    world = build()
    await world.deliver(build_payload(world.vault.put("db-password", "after", created=world.time)))
    world.watch.times.update(dict.fromkeys(world.bus.kept, world.time))
    world.time += timedelta(minutes=20)

    await world.sweep()

    assert read(reader, SILENCE) == {"": 1200}
