"""Where traces and metrics go: OTLP over HTTP, where OpenTelemetry's own environment variables name a receiver.

For Application Insights Microsoft's Python worker sets everything up before the app loads, and nothing is done here
(docs/decisions/0013-telemetry.md). The SDK is imported only when it is needed: that takes a quarter of a second.
"""

import logging
import uuid
from collections.abc import Mapping

from opentelemetry import metrics, trace

_log = logging.getLogger(__name__)

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
_HTTP = "http/protobuf"


def set_up(environ: Mapping[str, str]) -> bool:
    """Start exporting if `environ` names a receiver and nobody exports yet. Returns whether it was started here.

    The exporters and the SDK read the other variables of OpenTelemetry's by themselves, from the process's own
    environment. Nothing is contacted before there is something to send. Where they ask for gRPC, which this app does
    not speak, it says so and does nothing: telemetry is no reason for an app not to start.
    """
    if not environ.get(_ENDPOINT, "").strip() or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environ.get(_PROTOCOL, "").strip() not in {"", _HTTP}:
        _log.error("nothing is exported: %s is not %s, the only protocol that this app speaks", _PROTOCOL, _HTTP)
        return False
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return False  # the worker's Azure Monitor came first, and a process has one SDK
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415 - see above
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415
    from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    named = environ.get("OTEL_SERVICE_NAME", "").strip() or environ.get("WEBSITE_SITE_NAME", "").strip()
    # Instances add up only if a receiver can tell them apart.
    resource = Resource.create({SERVICE_NAME: named or "keyvault-fanout", SERVICE_INSTANCE_ID: str(uuid.uuid4())})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    metrics.set_meter_provider(MeterProvider([reader], resource=resource))
    return True
