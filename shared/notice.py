"""Tell others: what is true now, as value-free CloudEvents. Pure.

Five types, in docs/notices.md with every field. Object notices come once per event, also when no cluster binds the
object. Target notices are a function of the state reached, not of what this invocation did, so a handler that died
before telling tells on the redelivery, and duplicate detection drops what was told already (design 2.3).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from shared.event import EventKind, VaultEvent
from shared.model import ObjectType, Target, VaultObject
from shared.outcome import TELLING, Action, ObjectVersion, TargetOutcome
from shared.reason import remedy


class NoticeType(StrEnum):
    """The catalogue. The CloudEvents type is `dev.keyvault-fanout.<notice type>.v1`."""

    OBJECT_NEW_VERSION = "object.new-version"
    OBJECT_NEAR_EXPIRY = "object.near-expiry"
    OBJECT_EXPIRED = "object.expired"
    TARGET_REFRESHED = "target.refreshed"
    TARGET_FAILED = "target.failed"


_OF_KIND = {
    EventKind.NEW_VERSION: NoticeType.OBJECT_NEW_VERSION,
    EventKind.NEAR_EXPIRY: NoticeType.OBJECT_NEAR_EXPIRY,
    EventKind.EXPIRED: NoticeType.OBJECT_EXPIRED,
}
_COLLECTIONS = {ObjectType.SECRET: "secrets", ObjectType.KEY: "keys", ObjectType.CERT: "certificates"}
_LONGEST_DETAIL = 500
_LONGEST_KEYS = 16 * 1024
"""A notice has to fit into a message of 256 KB whatever a namespace declares, or it and its neighbours are lost."""

_LONGEST_SESSION = 128
"""Service Bus allows 128 characters for a session id (azure-platform 4.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeNotice:
    """One message for the topic.

    `id` is deterministic: the same truth told twice has the same one. `body` is a structured CloudEvent in UTF-8
    JSON. `properties` are plain texts for correlation filters. `session` keeps the notices of one target (or object)
    in order for subscriptions that require sessions.
    """

    id: str
    type: NoticeType
    subject: str
    session: str
    properties: Mapping[str, str]
    body: bytes


CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


def about_object(event: VaultEvent, *, version: str, vault_url: str, at: datetime) -> ChangeNotice:
    """Say that the object has a new version, or that the event's version is near its expiry or expired.

    `version` is the one to tell: for a new version the one that the vault serves now.
    """
    fields: dict[str, object] = {
        **_names(event.object, version),
        "objectUrl": f"{vault_url}/{_COLLECTIONS[event.object.type]}/{event.object.name}/{version}",
        **_event_fields(event),
    }
    if event.not_before is not None and event.version == version:
        fields["notBefore"] = _instant(event.not_before)
    if event.expires is not None and event.version == version:
        fields["expires"] = _instant(event.expires)
    told = ObjectVersion(object=event.object, version=version)
    return _compose(_OF_KIND[event.kind], told, target=None, fields=fields, at=at)


def about_target(event: VaultEvent, outcome: TargetOutcome) -> tuple[ChangeNotice, ...]:
    """Say which versions a target holds now, or that it stays behind until somebody acts.

    One notice for each vault object that feeds the target; none for a target that is left for a harmless reason or
    that is tried again.
    """
    common: dict[str, object] = {
        "cluster": outcome.target.cluster,
        "namespace": outcome.target.namespace,
        "secret": outcome.target.secret,
        "owner": outcome.owner,
        **_event_fields(event),
    }
    if outcome.action in {Action.WRITTEN, Action.CURRENT}:
        fields = {
            **common,
            "action": str(outcome.action),
            **_keys(outcome.keys),
            "resourceVersion": outcome.resource_version,
            "refreshedTime": _instant(outcome.at),
        }
        return tuple(
            _compose(
                NoticeType.TARGET_REFRESHED,
                held,
                target=outcome.target,
                fields={**_names(held.object, held.version), **fields},
                at=outcome.at,
            )
            for held in outcome.holds
        )
    if outcome.action is Action.LEFT and outcome.reason in TELLING and outcome.target.secret:
        fields = {
            **_names(event.object, event.version),
            **common,
            "reason": str(outcome.reason),
            "detail": outcome.detail[:_LONGEST_DETAIL],
            "remedy": remedy(outcome.reason),
        }
        missed = ObjectVersion(object=event.object, version=event.version)
        told = _compose(
            NoticeType.TARGET_FAILED,
            missed,
            target=outcome.target,
            fields=fields,
            at=outcome.at,
            apart=(str(outcome.reason),),
        )
        return (told,)
    return ()


def _compose(
    type_: NoticeType,
    held: ObjectVersion,
    *,
    target: Target | None,
    fields: Mapping[str, object],
    at: datetime,
    apart: tuple[str, ...] = (),
) -> ChangeNotice:
    """Compose a notice. `apart` goes into its id: what makes two notices of one type about one target different."""
    about, version = held.object, held.version
    place = (target.cluster, target.namespace, target.secret) if target else ()
    subject = str(target) if target else str(about)
    identifier = _digest((about.vault, about.type, about.name, version, type_, *place, *apart))
    properties = {**_names(about, version), "noticeType": str(type_)}
    if target:
        properties |= {"cluster": target.cluster, "namespace": target.namespace, "secret": target.secret}
    event = {
        "specversion": "1.0",
        "id": identifier,
        "type": f"dev.keyvault-fanout.{type_}.v1",
        "source": f"/keyvault-fanout/vaults/{about.vault}",
        "subject": subject,
        "time": _instant(at),
        "datacontenttype": "application/json",
        "data": fields,
    }
    return ChangeNotice(
        id=identifier,
        type=type_,
        subject=subject,
        session=subject if len(subject) <= _LONGEST_SESSION else _digest((subject,)),
        properties=properties,
        body=json.dumps(event, separators=(",", ":")).encode(),
    )


def _names(about: VaultObject, version: str) -> dict[str, str]:
    return {"vault": about.vault, "objectType": str(about.type), "object": about.name, "version": version}


def _keys(keys: Sequence[str]) -> dict[str, object]:
    """Return the data keys by name, as many as fit, and how many were left out."""
    told: list[str] = []
    length = 0
    for key in keys:
        length += len(key)
        if length > _LONGEST_KEYS:
            return {"keys": told, "keysOmitted": len(keys) - len(told)}
        told.append(key)
    return {"keys": told}


def _event_fields(event: VaultEvent) -> dict[str, object]:
    fields: dict[str, object] = {"eventId": event.id}
    if event.time is not None:
        fields["eventTime"] = _instant(event.time)
    return fields


def _digest(parts: Sequence[str]) -> str:
    """Hash names and versions, never a value. JSON keeps `a, bc` and `ab, c` apart."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
