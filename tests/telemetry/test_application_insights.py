"""The app under Microsoft's worker library with its Azure Monitor switched on: what Application Insights is sent.

The ingestion is a receiver on loopback. Its address is all that is not as in Azure.
"""

import json
import sys
from typing import Any

import pytest

from shared import metric
from shared.trace import Hop
from tests.e2e import scene as scenes
from tests.e2e.scene import MARK
from tests.telemetry.collector import Collector

KEY = "00000000-0000-0000-0000-000000000001"

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 13),
    reason="Application Insights: Microsoft's worker library takes Python 3.13 or later; run the tests with that",
)


def sending_to(url: str) -> dict[str, str]:
    """Return the app settings of docs/telemetry.md, and a short interval."""
    return {
        "APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={KEY};IngestionEndpoint={url};LiveEndpoint={url}",
        "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "azure_sdk,django,fastapi,flask,psycopg2,requests,urllib,urllib3",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        # The default keeps five traces a second, which it estimates by chance.
        "OTEL_TRACES_SAMPLER": "microsoft.fixed_percentage",
        "OTEL_TRACES_SAMPLER_ARG": "1.0",
        # The exporter's own statistics, which go to an address of Microsoft's.
        "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
        "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": "true",
    }


def names(collector: Collector) -> set[str]:
    """Return the names of the metrics that came."""
    return {
        one["name"]
        for item in collector.items
        if item["data"]["baseType"] == "MetricData"
        for one in item["data"]["baseData"]["metrics"]
    }


def by_name(collector: Collector) -> dict[str, dict[str, Any]]:
    """Return the spans that came."""
    return {
        one["data"]["baseData"]["name"]: one
        for one in collector.items
        if one["data"]["baseType"] in {"RequestData", "RemoteDependencyData"}
    }


async def test_spans_and_metrics_reach_application_insights_by_two_app_settings() -> None:
    async with Collector() as collector, scenes.play(None, **sending_to(collector.url)) as scene:
        await scene.deliver(scene.event(scene.rotate()))

        await collector.until(lambda: {metric.EVENTS.name, metric.REFRESH_DELAY.name} <= names(collector))
        hops = {Hop.EVENT, Hop.LOOK, Hop.READ, Hop.WRITE, Hop.TELL, Hop.SCHEDULE}
        await collector.until(lambda: hops <= set(by_name(collector)))
        spans = by_name(collector)
        assert len({one["tags"]["ai.operation.id"] for one in spans.values()}) == 1
        told = [json.loads(one.body)["traceparent"] for one in scene.stack.bus.accepted("keyvault-changes")]
        assert {one.split("-")[1] for one in told} == {spans[Hop.EVENT]["tags"]["ai.operation.id"]}
        assert MARK.encode() not in b"".join(collector.bodies)
