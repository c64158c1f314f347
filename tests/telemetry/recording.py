"""OpenTelemetry's SDK in memory. A process can set it up once, so it is switched on for the tests that look at it."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    HistogramDataPoint,
    InMemoryMetricReader,
    MetricsData,
    NumberDataPoint,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracer, Span, Tracer

Point = NumberDataPoint | HistogramDataPoint


class _Switched(Tracer):
    """A tracer that traces while the switch of its recording is on."""

    def __init__(self, real: Tracer, recording: "Recording") -> None:
        self._real, self._recording = real, recording

    def start_span(self, *args: Any, **named: Any) -> Span:
        return self._now().start_span(*args, **named)

    def start_as_current_span(self, *args: Any, **named: Any) -> Any:
        return self._now().start_as_current_span(*args, **named)

    def _now(self) -> Tracer:
        return self._real if self._recording.on else NoOpTracer()


class _Provider(TracerProvider):
    def __init__(self, recording: "Recording") -> None:
        super().__init__()
        self._recording = recording

    def get_tracer(self, *args: Any, **named: Any) -> Tracer:
        return _Switched(super().get_tracer(*args, **named), self._recording)


@dataclass(slots=True, kw_only=True)
class Recording:
    """What was measured and traced since it was switched on."""

    on: bool
    reader: InMemoryMetricReader
    exporter: InMemorySpanExporter

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """Every span that ended, in the order of their ends."""
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        """Return the spans of a name."""
        return [one for one in self.spans if one.name == name]

    def metrics(self) -> dict[str, list[Point]]:
        """Return what was measured since the last look, by the metric's name."""
        data = self.reader.get_metrics_data()
        return {name: points for name, points in _by_name(data) if points}


def _by_name(data: MetricsData | None) -> Iterator[tuple[str, list[Point]]]:
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                points = [one for one in metric.data.data_points if isinstance(one, Point)]
                yield metric.name, points


def labels(point: Point) -> Mapping[str, Any]:
    """Return the labels of a point."""
    return dict(point.attributes or {})


def numbers(points: list[Point]) -> list[tuple[Mapping[str, Any], float]]:
    """Return what was counted, or how many were noted, with the labels of each."""
    return [(labels(one), one.value if isinstance(one, NumberDataPoint) else one.count) for one in points]


@functools.cache
def recording() -> Recording:
    """Return the recording of this process, switched off."""
    deltas: dict[type, AggregationTemporality] = dict.fromkeys((Counter, Histogram), AggregationTemporality.DELTA)
    reader = InMemoryMetricReader(preferred_temporality=deltas)
    found = Recording(on=False, reader=reader, exporter=InMemorySpanExporter())
    provider = _Provider(found)
    provider.add_span_processor(SimpleSpanProcessor(found.exporter))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([found.reader]))
    return found
