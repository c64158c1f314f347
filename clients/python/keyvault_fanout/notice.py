"""One message of the topic as a typed value, or the reason why it is none. Pure.

The rules are those of docs/notices.md: unknown fields are kept and ignored, unknown types and newer versions are
somebody else's, and what is no notice at all was sent to the wrong topic.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

_OURS = "dev.keyvault-fanout."
_VERSION = "v1"
LONGEST = 1024 * 1024
"""Bytes. A notice stays far below the 256 KB of a message in the Standard tier; what is larger is not parsed."""

_LONGEST_TYPE = 120


OBJECT_TYPES = ("secret", "key", "cert")
"""Kinds of vault objects, as notices name them."""


class NoticeType(StrEnum):
    """What a notice says. The CloudEvents type is `dev.keyvault-fanout.<notice type>.v1`."""

    OBJECT_NEW_VERSION = "object.new-version"
    OBJECT_NEAR_EXPIRY = "object.near-expiry"
    OBJECT_EXPIRED = "object.expired"
    TARGET_REFRESHED = "target.refreshed"
    TARGET_CONVERGED = "target.converged"
    TARGET_FAILED = "target.failed"


class Reason(StrEnum):
    """Why a message is no notice that this release understands."""

    NOT_A_NOTICE = "not-a-notice"
    """No CloudEvent of Key Vault Fan-out: somebody sends to the wrong topic. It becomes a dead letter."""

    MALFORMED = "malformed-notice"
    """A type and version that this release knows, without what it requires. It becomes a dead letter."""

    UNKNOWN_TYPE = "unknown-type"
    """A type that came after this release. It is completed and ignored."""

    NEWER_VERSION = "newer-version"
    """A known type in another version. It is completed and ignored: the version known here is told beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is true now. It holds no secret value: read the file or the vault after it.

    `id` is equal for what was told before. `vault`, `object_type` (`secret`, `key` or `cert`) and `object` are in lower
    case. `cluster`, `namespace` and `secret` are empty for notices about an object. `time` is when it was composed,
    `event_time` when the version was made, where that is known; both have a time zone. `resource_version` is the
    Secret's, where it is a whole number. `data` has every field, also those that came after this release.
    """

    id: str
    type: NoticeType
    vault: str
    object_type: str
    object: str
    version: str
    time: datetime | None = None
    event_time: datetime | None = None
    cluster: str = ""
    namespace: str = ""
    secret: str = ""
    resource_version: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def about(self) -> str:
        """The object, as `vault/type/name`."""
        return f"{self.vault}/{self.object_type}/{self.object}"

    @property
    def target(self) -> str:
        """The Secret, as `cluster/namespace/name`; empty where the notice is about the object itself."""
        return f"{self.cluster}/{self.namespace}/{self.secret}" if self.cluster else ""

    def instant(self, name: str) -> datetime | None:
        """Return a field of `data` that is a moment (`expires`, `plannedTime`), or None where there is none."""
        return _instant(self.data.get(name))


@dataclass(frozen=True, slots=True)
class Foreign:
    """A message that is no notice, or none that this release understands. `type` is the CloudEvents type, if any."""

    reason: Reason
    type: str = ""


def parse(body: bytes) -> Notice | Foreign:
    """Read the body of a message. Never raises, whatever the bytes are."""
    event = _cloud_event(body)
    declared = event.get("type")
    if event.get("specversion") != "1.0" or not isinstance(declared, str) or not declared.startswith(_OURS):
        return Foreign(Reason.NOT_A_NOTICE)
    name, _, version = declared.removeprefix(_OURS).rpartition(".")
    shown = declared[:_LONGEST_TYPE]
    try:
        type_ = NoticeType(name)
    except ValueError:
        return Foreign(Reason.UNKNOWN_TYPE, shown)
    if version != _VERSION:
        return Foreign(Reason.NEWER_VERSION, shown)
    return _read(event, type_) or Foreign(Reason.MALFORMED, shown)


def _cloud_event(body: bytes) -> Mapping[str, Any]:
    """Return the members of a JSON object; none where the body is no such thing."""
    if len(body) > LONGEST:
        return {}
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _read(event: Mapping[str, Any], type_: NoticeType) -> Notice | None:
    data = event.get("data")
    if not isinstance(data, dict):
        return None
    about = [data.get(name) for name in ("vault", "objectType", "object", "version")]
    place = [data.get(name, "") for name in ("cluster", "namespace", "secret")]
    identifier = event.get("id")
    if not all(isinstance(text, str) and text for text in (*about, identifier)):
        return None
    if not all(isinstance(text, str) for text in place):
        return None
    if type_.startswith("target.") and not place[0]:
        return None
    vault, object_type, object_, version = map(str, about)
    return Notice(
        id=str(identifier),
        type=type_,
        vault=vault.lower(),
        object_type=object_type,
        object=object_.lower(),
        version=version,
        time=_instant(event.get("time")),
        event_time=_instant(data.get("eventTime")),
        cluster=place[0],
        namespace=place[1],
        secret=place[2],
        resource_version=_number(data.get("resourceVersion")),
        data=MappingProxyType(data),
    )


def _instant(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _number(text: object) -> int | None:
    """Return a resourceVersion as a number. Its length is bounded: Python refuses very long ones, and so do we."""
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 20:  # noqa: PLR2004 - 64 bits
        return int(text)
    return None


def checked(object_type: str) -> str:
    """Return a type that notices have. Raises `ValueError` for another word, which none has."""
    if object_type not in OBJECT_TYPES:
        raise ValueError(f"object_type: expected one of {', '.join(OBJECT_TYPES)}")
    return object_type
