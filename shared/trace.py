"""One span for each hop from an event to its notices, through OpenTelemetry's API. Effects: OpenTelemetry.

Without an SDK in the process nothing is recorded, and what came with an event is passed on as it came. Spans are named
after the hop, never after what it is about: names of objects and versions are attributes. The table in
docs/telemetry.md lists every `Hop`; a test compares. An exception is named by its reason or its class only, because its
text may quote a value.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from types import TracebackType

from opentelemetry import context, trace
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared import lineage
from shared.errors import FanoutError
from shared.event import VaultEvent
from shared.lineage import Lineage

_tracer = trace.get_tracer("keyvault-fanout")
_propagator = TraceContextTextMapPropagator()


class Hop(StrEnum):
    """The spans, by name."""

    EVENT = "process event"
    JOB = "process job"
    SWEEP = "sweep"
    LOOK = "look"
    READ = "read vault"
    WRITE = "write targets"
    TELL = "send notices"
    SCHEDULE = "send jobs"


CLUSTER = "k8s.cluster.name"
TARGETS = "keyvault_fanout.targets"
READS = "keyvault_fanout.reads"
FAILED = "keyvault_fanout.failed"
ATTEMPT = "keyvault_fanout.attempt"
JOB_KIND = "keyvault_fanout.job.kind"
EVENT_KIND = "keyvault_fanout.event.kind"
RESULT = "keyvault_fanout.result"

_KINDS = {
    Hop.EVENT: SpanKind.CONSUMER,
    Hop.JOB: SpanKind.CONSUMER,
    Hop.READ: SpanKind.CLIENT,
    Hop.TELL: SpanKind.PRODUCER,
    Hop.SCHEDULE: SpanKind.PRODUCER,
}
_PROCESSED = {"messaging.operation.name": "process", "messaging.operation.type": "process"}
_SENT = {
    "messaging.system": "servicebus",
    "messaging.operation.name": "send",
    "messaging.operation.type": "send",
}

Attributes = Mapping[str, str | int]


def span(hop: Hop, attributes: Attributes | None = None) -> AbstractContextManager[Span]:
    """Surround a hop, below the hop that is under way. What is raised marks it as failed, and is raised on."""
    return _Surrounded(hop, attributes or {})


def processed(hop: Hop, cause: VaultEvent, attributes: Attributes) -> AbstractContextManager[Span]:
    """Surround what an event or a job leads to, and say which.

    It belongs to the trace that the host began for its invocation, with a link to its cause; where the host began none,
    to the trace of its cause.
    """
    named: Attributes = {
        **_PROCESSED,
        "messaging.system": "eventgrid" if hop is Hop.EVENT else "servicebus",
        "cloudevents.event_id": cause.id,
        "keyvault_fanout.vault": cause.object.vault,
        "keyvault_fanout.object.type": str(cause.object.type),
        "keyvault_fanout.object.name": cause.object.name,
        "keyvault_fanout.object.version": cause.version,
        **attributes,
    }
    return _Surrounded(hop, named, cause.trace)


def sending(hop: Hop, messages: int) -> AbstractContextManager[Span]:
    """Surround the sending of messages."""
    return _Surrounded(hop, {**_SENT, "messaging.batch.message_count": messages})


def current() -> Lineage | None:
    """Return what messages say that are sent now; None where there is no trace."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return lineage.read(carrier.get("traceparent"), carrier.get("tracestate"))


def fail(made: Span, reason: str) -> None:
    """Mark a hop as failed, by a word."""
    made.set_attribute("error.type", reason)
    made.set_status(Status(StatusCode.ERROR))


class _Surrounded(AbstractContextManager[Span]):
    """A span from here to the end of the block. The API's own is a generator, at four times the price."""

    __slots__ = ("_attributes", "_cause", "_hop", "_span", "_token")

    def __init__(self, hop: Hop, attributes: Attributes, cause: Lineage | None = None) -> None:
        self._hop, self._attributes, self._cause = hop, attributes, cause

    def __enter__(self) -> Span:
        sent = _context(self._cause) if self._cause else None
        adopted = sent is not None and not trace.get_current_span().get_span_context().is_valid
        # Named although it is the default: Azure Monitor's sampler takes every span for a root that names no parent,
        # and drops some of a trace.
        below = trace.set_span_in_context(NonRecordingSpan(sent)) if sent and adopted else context.get_current()
        self._span = _tracer.start_span(
            self._hop,
            context=below,
            kind=_KINDS.get(self._hop, SpanKind.INTERNAL),
            attributes=self._attributes,
            links=[Link(sent)] if sent and not adopted else None,
        )
        self._token = context.attach(trace.set_span_in_context(self._span))
        return self._span

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None:
            fail(self._span, str(error.reason) if isinstance(error, FanoutError) else type(error).__name__)
        context.detach(self._token)
        self._span.end()


def _context(cause: Lineage) -> SpanContext:
    return trace.get_current_span(_propagator.extract(cause.attributes)).get_span_context()
