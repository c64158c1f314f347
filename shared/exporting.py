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
_TIMEOUT = 3.0


def set_up(environ: Mapping[str, str]) -> bool:
    """Start exporting if `environ` names a receiver and nobody exports yet. Returns whether it was started here.

    The exporters and the SDK read the other variables of OpenTelemetry's by themselves, from the process's own
    environment; an export has three seconds where none of them says otherwise, because the end of the process waits
    for the last one. Nothing is contacted before there is something to send. Where they ask for gRPC, which this app
    does not speak, it says so and does nothing: telemetry is no reason for an app not to start.
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
    from opentelemetry.sdk.resources import (  # noqa: PLC0415
        SERVICE_INSTANCE_ID,
        SERVICE_NAME,
        OTELResourceDetector,
        Resource,
    )
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    named = environ.get("WEBSITE_SITE_NAME", "").strip() or "keyvault-fanout"
    # Instances add up only if a receiver can tell them apart. What the environment says of them comes last, and counts.
    ours = Resource.create({SERVICE_NAME: named, SERVICE_INSTANCE_ID: str(uuid.uuid4())})
    resource = ours.merge(OTELResourceDetector().detect())
    if _wanted(environ, "TRACES"):
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=_timeout(environ, "TRACES"))))
        trace.set_tracer_provider(provider)
    if _wanted(environ, "METRICS"):
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(timeout=_timeout(environ, "METRICS")))
        metrics.set_meter_provider(MeterProvider([reader], resource=resource))
    return _wanted(environ, "TRACES") or _wanted(environ, "METRICS")


def _wanted(environ: Mapping[str, str], signal: str) -> bool:
    return environ.get(f"OTEL_{signal}_EXPORTER", "").strip().lower() != "none"


def _timeout(environ: Mapping[str, str], signal: str) -> float | None:
    """Return how long an export may take, in seconds; None where the environment says it, to the exporter."""
    named = (f"OTEL_EXPORTER_OTLP_{signal}_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
    return None if any(environ.get(name, "").strip() for name in named) else _TIMEOUT
