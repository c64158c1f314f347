"""The app in a process of its own sends traces and metrics to a receiver, over OTLP as over the network."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus

import pytest
import pytest_asyncio
from opentelemetry import trace

from devstack import stack
from shared import exporting, metric
from shared.trace import Hop
from tests.e2e import scene as scenes
from tests.e2e.scene import MARK, Scene
from tests.telemetry.collector import Collector

HOPS = {Hop.EVENT, Hop.LOOK, Hop.READ, Hop.WRITE, Hop.TELL, Hop.SCHEDULE}


def exporting_to(url: str) -> dict[str, str]:
    """Return the settings of an app that exports soon."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "5",
        "OTEL_SERVICE_NAME": "kvf-test",
        "OTEL_METRIC_EXPORT_INTERVAL": "200",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }


@pytest_asyncio.fixture(scope="module")
async def collector() -> AsyncIterator[Collector]:
    """A receiver."""
    async with Collector() as found:
        yield found


@pytest_asyncio.fixture(scope="module")
async def scene(collector: Collector) -> AsyncIterator[Scene]:
    """The whole stack, whose app exports to the receiver."""
    async with scenes.play(None, **exporting_to(collector.url)) as found:
        yield found


async def test_one_trace_and_its_metrics_reach_the_receiver(scene: Scene, collector: Collector) -> None:
    assert await scene.deliver(scene.event(scene.rotate())) == HTTPStatus.ACCEPTED

    await collector.until(lambda: {one.name for one in collector.spans} >= HOPS)
    await collector.until(lambda: any(one.name == metric.REFRESH_DELAY.name for one in collector.metrics))
    (root,) = [one for one in collector.spans if one.name == Hop.EVENT]
    assert {one.name for one in collector.spans if one.trace_id == root.trace_id} >= HOPS
    assert {one["service.name"] for one in collector.resources} == {"kvf-test"}
    assert len({one["service.instance.id"] for one in collector.resources}) == 1
    parent = f"00-{root.trace_id.hex()}-{root.span_id.hex()}"
    messages = scene.stack.bus.accepted(stack.TOPIC)
    assert {one.subject for one in messages} == {"object.new-version", "target.refreshed"}
    assert {json.loads(one.body)["traceparent"].rpartition("-")[0] for one in messages} == {parent}
    for one in messages:
        assert one.application_properties["Diagnostic-Id"] == json.loads(one.body)["traceparent"]
    assert MARK.encode() not in b"".join(collector.bodies)


async def test_a_receiver_that_is_down_costs_no_event_and_no_value() -> None:
    """The exporters complain in the log, and give up."""
    async with scenes.play(None, **exporting_to("http://127.0.0.1:1")) as lone:
        assert await lone.deliver(lone.event(lone.rotate())) == HTTPStatus.ACCEPTED

        assert len(lone.notices("target.refreshed")) == 1


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, ""),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
                "OTEL_TRACES_EXPORTER": "none",
                "OTEL_METRICS_EXPORTER": "none",
            },
            "",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "nothing is exported: OTEL_EXPORTER_OTLP_PROTOCOL is not http/protobuf",
        ),
    ],
    ids=["nothing asked for", "an empty one", "switched off", "nothing wanted", "gRPC"],
)
def test_nothing_is_set_up_where_nobody_can_be_sent_to(
    environ: Mapping[str, str], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = trace.get_tracer_provider()

    with caplog.at_level(logging.ERROR):
        assert not exporting.set_up(environ)

    assert trace.get_tracer_provider() is before
    assert said in caplog.text
    assert bool(said) == bool(caplog.text)


PROGRAM = """
import os
from opentelemetry import metrics, trace
from shared import exporting
assert exporting.set_up(os.environ)
with trace.get_tracer("t").start_as_current_span("a span"):
    metrics.get_meter("t").create_counter("a.counter").add(1)
"""


async def run(**environ: str) -> tuple[set[str], set[str], dict[str, str]]:
    """Let a process export as it ends, and return the names of spans and metrics that came, and who sent spans."""
    async with Collector() as collector:
        settings = exporting_to(collector.url) | {"OTEL_SERVICE_NAME": ""} | environ
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, env=stack.inherited() | settings, cwd=stack.APP
        )
        assert await running.wait() == 0
    (sender,) = collector.resources or [{}]
    return {one.name for one in collector.spans}, {one.name for one in collector.metrics}, sender


async def test_what_the_environment_says_of_the_sender_counts() -> None:
    named = "service.name=mine,service.instance.id=i1,deployment.environment=test"

    spans, counted, sender = await run(OTEL_RESOURCE_ATTRIBUTES=named, WEBSITE_SITE_NAME="func-app")
    _, _, unnamed = await run(WEBSITE_SITE_NAME="func-app")

    assert (spans, counted) == ({"a span"}, {"a.counter"})
    assert (sender["service.name"], sender["service.instance.id"]) == ("mine", "i1")
    assert sender["deployment.environment"] == "test"
    assert unnamed["service.name"] == "func-app"


async def test_a_signal_that_is_not_wanted_is_not_sent() -> None:
    assert (await run(OTEL_METRICS_EXPORTER="none"))[:2] == ({"a span"}, set())
    assert (await run(OTEL_TRACES_EXPORTER="none"))[:2] == (set(), {"a.counter"})
