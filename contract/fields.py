"""The fields that messages are made of, each said once. Pure values.

Words that code chooses from (reasons, actions, owners) are taken from that code.
"""

from dataclasses import dataclass
from typing import Literal

from shared.model import ObjectType
from shared.notice import Origin
from shared.observed import Driver, Owner
from shared.outcome import TELLING, Action

JsonType = Literal["string", "integer", "number", "array"]
"""`array` is one of texts; there is no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a CloudEvent or of its data.

    `words` are the texts that it may hold today. They may become more within a version, unless `closed`. `empty` tells
    whether an empty text is legal. A field that is not `required` is left out where there is nothing to say. `since` is
    the version of the contract.
    """

    name: str
    meaning: str
    type: JsonType = "string"
    format: Literal["", "date-time", "uri", "uri-reference"] = ""
    required: bool = True
    empty: bool = False
    words: tuple[str, ...] = ()
    closed: bool = False
    since: str = "1.0"


_INSTANT: Literal["date-time"] = "date-time"

OBJECT = (
    Field(name="vault", meaning="name of the vault, in lower case"),
    Field(
        name="objectType",
        meaning="kind of the vault object",
        words=tuple(ObjectType),
        closed=True,
    ),
    Field(name="object", meaning="name of the vault object, in lower case"),
    Field(name="version", meaning="version of the vault object that the notice is about"),
)
EVENT = (
    Field(
        name="eventId",
        meaning="id of Event Grid's event that led here; of a sweep `sweep-TIME`",
        empty=True,
    ),
    Field(
        name="eventTime",
        meaning="when that event says that it happened, of a sweep when the version was made; absent where unreadable",
        format=_INSTANT,
        required=False,
    ),
)
ABOUT_OBJECT = (
    Field(name="objectUrl", meaning="versioned URL of the object in its vault", format="uri"),
    Field(
        name="expires",
        meaning="when that version expires; where the event says it of that version",
        format=_INSTANT,
        required=False,
    ),
    Field(
        name="notBefore",
        meaning="from when that version may be used; where the event says it of that version",
        format=_INSTANT,
        required=False,
    ),
    Field(
        name="origin",
        meaning="what led here: an event, or the sweep that found what no event told",
        words=tuple(Origin),
    ),
)
PLANNED = Field(
    name="plannedTime",
    meaning=(
        "when targets get the version, where its owner holds it back (tag `keyvault-fanout-hold`, or a not-before time)"
    ),
    format=_INSTANT,
    required=False,
)
TARGET = (
    Field(name="cluster", meaning="name of the cluster in the app's settings"),
    Field(name="namespace", meaning="namespace of the Secret; empty where a whole cluster is meant", empty=True),
    Field(
        name="secret",
        meaning="name of the Secret; empty where there are only files, or where a whole cluster is meant",
        empty=True,
    ),
    Field(
        name="owner",
        meaning="who writes the Secret; empty where that is not known",
        words=("", *Driver, *Owner),
        empty=True,
    ),
)
_RESOURCE_VERSION = Field(
    name="resourceVersion", meaning="resourceVersion of the Secret; empty where there are only files", empty=True
)
REFRESHED = (
    Field(
        name="action",
        meaning=(
            "`written`; `current` when the Secret held the version already; `nudged` when its owner was asked and has "
            "written since"
        ),
        words=(Action.WRITTEN, Action.CURRENT, Action.NUDGED),
    ),
    Field(name="keys", meaning="data keys that the object feeds, by name; none for `nudged`", type="array"),
    Field(
        name="keysOmitted",
        meaning="how many more keys there are, where they would not fit into a message",
        type="integer",
        required=False,
    ),
    _RESOURCE_VERSION,
    Field(name="refreshedTime", meaning="when that was seen", format=_INSTANT),
)
CONVERGED = (
    Field(name="classes", meaning="names of the SecretProviderClasses", type="array"),
    Field(name="pods", meaning="how many pods show the version", type="integer"),
    _RESOURCE_VERSION,
    Field(name="convergedTime", meaning="when that was seen", format=_INSTANT),
    Field(
        name="seconds",
        meaning="how long after the event; absent where its time is unreadable",
        type="number",
        required=False,
    ),
)
FAILED = (
    Field(
        name="reason",
        meaning="why, as a word for machines (table below)",
        words=tuple(sorted(TELLING)),
    ),
    Field(name="detail", meaning="why, as a sentence of up to 500 characters for people", empty=True),
    Field(name="remedy", meaning="what to do about it; empty where nothing is known to help", empty=True),
)
ACKNOWLEDGED = (
    Field(name="application", meaning="name of the application, as it calls itself"),
    Field(name="instance", meaning="name of the instance (pod, process), unique within the application"),
    *OBJECT,
    Field(name="since", meaning="since when this instance uses that version", format=_INSTANT),
)

ENVELOPE = (
    Field(name="specversion", meaning="version of CloudEvents", words=("1.0",), closed=True),
    Field(name="id", meaning="the message id: equal for what was told before"),
    Field(name="source", meaning="who tells, and of which vault", format="uri-reference"),
    Field(name="type", meaning="type and version of the message"),
    Field(name="subject", meaning="what the message is about"),
    Field(name="time", meaning="when it was composed", format=_INSTANT),
    Field(name="datacontenttype", meaning="what `data` is", words=("application/json",), closed=True),
    Field(
        name="traceparent",
        meaning="the trace that led here, and the span in it (W3C Trace Context); absent where nothing is traced",
        required=False,
        since="1.1",
    ),
    Field(
        name="tracestate",
        meaning="what tracing systems say beside it",
        required=False,
        since="1.1",
    ),
)
"""The attributes of the CloudEvent beside `data`. The last two are its distributed tracing extension."""

TRACING = (
    Field(name="traceparent", meaning="the CloudEvent's", required=False, since="1.1"),
    Field(name="tracestate", meaning="the CloudEvent's", required=False, since="1.1"),
    Field(
        name="Diagnostic-Id",
        meaning="`traceparent` by the name that Service Bus clients of Azure read",
        required=False,
        since="1.1",
    ),
)
"""Application properties of what is traced, beside those that filters compare."""
