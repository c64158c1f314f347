"""A receiver of telemetry on loopback: what OTLP over HTTP and Application Insights' ingestion send."""

import asyncio
import gzip
import json
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from devstack.loopback import LoopbackServer

_PATIENCE = 20.0


class Collector(LoopbackServer):
    """Takes what comes and keeps it: `spans` and `metrics` of OTLP, `items` of Application Insights, and all `bodies`.

    `resources` are the attributes of those who sent spans.
    """

    max_body = 16 * 1024 * 1024

    def __init__(self) -> None:
        super().__init__(port=0)
        self.spans: list[Span] = []
        self.metrics: list[Metric] = []
        self.items: list[dict[str, Any]] = []
        self.resources: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self._news = asyncio.Condition()

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """Serve OTLP's two paths, and Application Insights' two."""
        return [
            web.post("/v1/traces", self._traces),
            web.post("/v1/metrics", self._metrics),
            web.post("/v2.1/track", self._track),
            web.post("/QuickPulseService.svc/ping", self._live),
        ]

    async def until(self, what: Callable[[], bool]) -> None:
        """Wait until something is true of what came. Raises TimeoutError."""
        async with asyncio.timeout(_PATIENCE), self._news:
            await self._news.wait_for(what)

    async def _traces(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append({one.key: one.value.string_value for one in sent.resource.attributes})
            self.spans += [span for scope in sent.scope_spans for span in scope.spans]
        return await self._taken()

    async def _metrics(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        for sent in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            self.metrics += [metric for scope in sent.scope_metrics for metric in scope.metrics]
        return await self._taken()

    async def _track(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        items = json.loads(body)
        self.items += items
        await self._taken()
        return web.json_response({"itemsReceived": len(items), "itemsAccepted": len(items), "errors": []})

    async def _live(self, _: web.Request) -> web.Response:
        return web.Response(headers={"x-ms-qps-subscribed": "false"})  # nobody looks at live metrics

    async def _body(self, request: web.Request) -> bytes:
        body = await request.read()  # aiohttp has inflated it already
        self.bodies.append(gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body)
        return self.bodies[-1]

    async def _taken(self) -> web.Response:
        async with self._news:
            self._news.notify_all()
        return web.Response(body=b"", content_type="application/x-protobuf")
