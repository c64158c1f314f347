"""What happened: from Event Grid's payload to a `VaultEvent`. Pure.

Both envelopes are read (Event Grid schema and CloudEvents 1.0, azure-platform 1.2). An event is a reason to look,
never a fact to copy: nothing here decides what is true in the vault, and the URL in an event is compared, never
followed.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import urlsplit

from shared import lineage
from shared.errors import MalformedEvent
from shared.lineage import Lineage
from shared.model import ObjectType, VaultObject

MAX_BYTES = 1024 * 1024
"""Event Grid's own limit for one event or batch (azure-platform 1.4)."""

MAX_EVENTS = 5000
"""Event Grid's own limit for one batch."""


class EventKind(StrEnum):
    """What a vault event is about."""

    NEW_VERSION = "new-version"
    NEAR_EXPIRY = "near-expiry"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultEvent:
    """One Key Vault event about one version of one object.

    `host` is the authority (host, and port if any) of the object's URL, in lower case, empty where the event has no
    URL. `time` is when Event Grid says that it happened. `remarks` tell what was unreadable but not needed. `trace` is
    the trace it belongs to, if it says so.
    """

    id: str
    kind: EventKind
    object: VaultObject
    version: str
    host: str = ""
    time: datetime | None = None
    not_before: datetime | None = None
    expires: datetime | None = None
    remarks: tuple[str, ...] = ()
    trace: Lineage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredEvent:
    """An event that asks for nothing: recorded and ended."""

    id: str
    type: str
    why: str


_PREFIX = "microsoft.keyvault."
_TYPES: Mapping[str, tuple[ObjectType, EventKind]] = {
    f"{_PREFIX}{family}{suffix}": (type_, kind)
    for family, type_ in (("secret", ObjectType.SECRET), ("certificate", ObjectType.CERT), ("key", ObjectType.KEY))
    for suffix, kind in (
        ("newversioncreated", EventKind.NEW_VERSION),
        ("nearexpiry", EventKind.NEAR_EXPIRY),
        ("expired", EventKind.EXPIRED),
    )
}
_ACCESS_POLICY = f"{_PREFIX}vaultaccesspolicychanged"
_SEGMENTS = {"secrets": ObjectType.SECRET, "keys": ObjectType.KEY, "certificates": ObjectType.CERT}
_NAMES = {"secret": ObjectType.SECRET, "key": ObjectType.KEY, "certificate": ObjectType.CERT}

_FIELDS = frozenset({"id", "vaultname", "objecttype", "objectname", "version", "nbf", "exp"})
OBJECT_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")
VAULT_NAME = re.compile(r"[0-9A-Za-z-]{3,24}")
VERSION = re.compile(r"[0-9A-Za-z]{1,64}")
"""What Key Vault allows in a name; one of other characters would be another path of a URL."""


def split(payload: str | bytes) -> tuple[object, ...]:
    """Return the envelopes in a payload: one for an object, each element of an array.

    Raises `MalformedEvent` for text that is not JSON, too long, too deeply nested, or neither object nor array.
    """
    if len(payload) > MAX_BYTES:
        raise MalformedEvent(f"the payload has {len(payload)} bytes; Event Grid sends {MAX_BYTES} at most")
    try:
        document = json.loads(payload)
    except RecursionError:
        raise MalformedEvent("the payload is nested too deeply") from None
    except ValueError as error:
        place = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise MalformedEvent(f"the payload is not JSON{place}") from None
    if isinstance(document, list):
        if not 0 < len(document) <= MAX_EVENTS:
            raise MalformedEvent(f"the payload is an array of {len(document)} events; 1 to {MAX_EVENTS} are expected")
        return tuple(document)
    return (document,)


def parse(envelope: object) -> VaultEvent | IgnoredEvent:
    """Read one envelope.

    Returns an `IgnoredEvent` for what asks for nothing: `VaultAccessPolicyChanged` and types that are not known.
    Raises `MalformedEvent` that names the field when the event is about an object, but does not say which one or
    contradicts itself. A time that cannot be read is a remark, because losing the refresh over it would be worse.
    """
    if not isinstance(envelope, Mapping):
        raise MalformedEvent(f"an event is a JSON object, not {_kind_of(envelope)}")
    cloud = "specversion" in envelope
    type_ = _text(envelope, "type" if cloud else "eventType")
    identifier = _text(envelope, "id", default="")[:200]
    known = _TYPES.get(type_.lower())
    if known is None:
        why = "access policies hold no versions" if type_.lower() == _ACCESS_POLICY else "not a known Key Vault type"
        return IgnoredEvent(id=identifier, type=type_[:200], why=why)
    object_type, kind = known
    data = _trimmed_keys(_data(envelope))
    named = _named_object(data, object_type)
    remarks: list[str] = []
    return VaultEvent(
        id=identifier,
        kind=kind,
        object=VaultObject(vault=named.vault, type=object_type, name=named.name),
        version=named.version,
        host=named.host,
        time=_iso_time(envelope.get("time" if cloud else "eventTime"), remarks),
        not_before=_unix_time("NBF", data.get("nbf"), remarks),
        expires=_unix_time("EXP", data.get("exp"), remarks),
        remarks=tuple(remarks),
        trace=lineage.read(envelope.get("traceparent"), envelope.get("tracestate")),
    )


@dataclass(frozen=True, slots=True)
class _Named:
    vault: str
    name: str
    version: str
    host: str


def _named_object(data: Mapping[str, object], object_type: ObjectType) -> _Named:
    """Take the names from `Id` where there is one, and refuse an event whose fields contradict it.

    Only `Id` carries the cloud's DNS suffix. Its host is left to be compared with the configured vault's.
    """
    vault = _text(data, "vaultname", default="")
    name = _text(data, "objectname", default="")
    version = _text(data, "version", default="")
    declared = _text(data, "objecttype", default="").lower()
    if declared and _NAMES.get(declared) is not object_type:
        raise MalformedEvent(f"data.ObjectType does not fit an event about a {object_type}")
    host = ""
    identifier = _text(data, "id", default="")
    if identifier:
        host, id_type, id_name, id_version = _parse_id(identifier)
        if id_type is not object_type:
            raise MalformedEvent(f"data.Id does not fit an event about a {object_type}")
        for field, said, told in (("ObjectName", name, id_name), ("Version", version, id_version)):
            if said and told and said.lower() != told.lower():
                raise MalformedEvent(f"data.Id and data.{field} name different things")
        name, version = id_name, id_version or version
        vault = vault or host.partition(".")[0]
    for field, value, pattern in (
        ("VaultName", vault, VAULT_NAME),
        ("ObjectName", name, OBJECT_NAME),
        ("Version", version, VERSION),
    ):
        if not pattern.fullmatch(value):
            raise MalformedEvent(f"data.{field} is {'not a legal name' if value else 'missing'}")
    return _Named(vault, name, version, host)


def _parse_id(identifier: str) -> tuple[str, ObjectType, str, str]:
    """Split `https://HOST/{secrets|keys|certificates}/NAME[/VERSION]`."""
    try:
        url = urlsplit(identifier)
        host, port = url.hostname or "", url.port
    except ValueError:
        raise MalformedEvent("data.Id is not a URL") from None
    parts = url.path.strip("/").split("/")
    segment = _SEGMENTS.get(parts[0].lower())
    if url.scheme != "https" or not host or url.username is not None or segment is None or len(parts) not in {2, 3}:
        raise MalformedEvent("data.Id is not https://VAULT/{secrets|keys|certificates}/NAME/VERSION")
    host = f"[{host}]" if ":" in host else host
    authority = host if port in {None, 443} else f"{host}:{port}"
    return authority, segment, parts[1], parts[2] if len(parts) == 3 else ""  # noqa: PLR2004 - the parts above


def _data(envelope: Mapping[str, object]) -> Mapping[str, object]:
    data = envelope.get("data")
    if not isinstance(data, Mapping):
        raise MalformedEvent(f"data is a JSON object, not {_kind_of(data)}")
    return data


def _trimmed_keys(data: Mapping[str, object]) -> dict[str, object]:
    """Fold the keys: real events say `VaultName`, older pages `vaultName`, one sample `"ObjectName "`.

    Unknown keys are ignored; so nothing of theirs can contradict or be quoted.
    """
    folded: dict[str, object] = {}
    for key, value in data.items():
        short = key.strip().lower()
        if short not in _FIELDS:
            continue
        if short in folded and folded[short] != value:
            raise MalformedEvent(f"data has the field {short} twice")
        folded[short] = value
    return folded


def _text(fields: Mapping[str, object], key: str, *, default: str | None = None) -> str:
    value = fields.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise MalformedEvent(f"{key} is a text, not {_kind_of(value)}")
    return value.strip()


def _iso_time(value: object, remarks: list[str]) -> datetime | None:
    """Read the envelope's time. Event Grid writes seven fractional digits, which Python 3.11 and later cut."""
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
        if parsed is not None:
            return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # the first and the last day of the calendar overflow in UTC
    remarks.append("the event's time is unreadable")
    return None


def _unix_time(field: str, value: object, remarks: list[str]) -> datetime | None:
    """Read NBF or EXP: Unix seconds as a number, as a text, or null where the attribute is not set."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise TypeError  # noqa: TRY301 - every way of being unreadable ends below
        return datetime.fromtimestamp(float(value), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        remarks.append(f"data.{field} is unreadable")
        return None


def _kind_of(value: object) -> str:
    """Name a JSON type without showing the value."""
    names: Iterable[tuple[type, str]] = ((bool, "a boolean"), (int, "a number"), (float, "a number"))
    if value is None:
        return "missing"
    for type_, name in (*names, (str, "a text"), (list, "an array"), (Mapping, "an object")):
        if isinstance(value, type_):
            return name
    return "something else"
