"""Tell others: what is true now, as value-free CloudEvents. Pure.

Six types, in docs/notices.md with every field. Object notices come once for each event, and for each new version that
the sweep found and no event told of, also when no cluster binds the object. Target notices are a function of the state
reached, not of what this invocation did, so a handler that died before telling tells on the redelivery, and duplicate
detection drops what was told already (design 2.3).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from shared.event import EventKind, VaultEvent
from shared.lineage import Lineage
from shared.model import ObjectType, Target, VaultObject
from shared.observed import Writer
from shared.outcome import TELLING, Action, Convergence, ObjectVersion, TargetOutcome
from shared.reason import Reason, remedy


class Origin(StrEnum):
    """What led to a notice about an object: an event, or the sweep that found what no event told."""

    EVENT = "event"
    SWEEP = "sweep"


class NoticeType(StrEnum):
    """The catalogue. The CloudEvents type is `dev.keyvault-fanout.<notice type>.v1`."""

    OBJECT_NEW_VERSION = "object.new-version"
    OBJECT_NEAR_EXPIRY = "object.near-expiry"
    OBJECT_EXPIRED = "object.expired"
    TARGET_REFRESHED = "target.refreshed"
    TARGET_CONVERGED = "target.converged"
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
    in order for subscriptions that require sessions. `trace` is the trace that led here, if any.
    """

    id: str
    type: NoticeType
    subject: str
    session: str
    properties: Mapping[str, str]
    body: bytes
    trace: Lineage | None = None


CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


def about_object(
    event: VaultEvent,
    *,
    version: str,
    vault_url: str,
    at: datetime,
    planned: datetime | None = None,
    origin: Origin = Origin.EVENT,
) -> ChangeNotice:
    """Say that the object has a new version, or that the event's version is near its expiry or expired.

    `version` is the one to tell: for a new version the one that the vault serves now. `planned` is when targets get it,
    where its owner holds it back.
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
    if planned is not None:
        fields["plannedTime"] = _instant(planned)
    told = ObjectVersion(object=event.object, version=version)
    fields["origin"] = str(origin)
    return _compose(
        _OF_KIND[event.kind],
        told,
        target=None,
        fields=fields,
        at=at,
        trace=event.trace,
        properties={"origin": str(origin)},
    )


def about_target(event: VaultEvent, outcome: TargetOutcome, *, repaired: bool = False) -> tuple[ChangeNotice, ...]:
    """Say which versions a target holds now, or that it stays behind until somebody acts.

    One notice for each vault object that feeds the target; none for a target that is left for a harmless reason, that
    is tried again, or whose owner was asked and has not written yet. A repair writes a version that was told before:
    its id carries the resourceVersion too, or it would be dropped as a duplicate. An owned Secret's carries its uid:
    one that was deleted and made anew is filled anew.
    """
    again = repaired or outcome.repaired
    common = _target_fields(event, outcome.target, outcome.owner)
    if outcome.action in {Action.WRITTEN, Action.CURRENT, Action.NUDGED}:
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
                trace=event.trace,
                apart=(*filter(None, [outcome.uid]), *([outcome.resource_version] if again else [])),
            )
            for held in outcome.holds
        )
    if outcome.action is Action.LEFT and outcome.reason in TELLING and _is_told(outcome):
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
            trace=event.trace,
            apart=(str(outcome.reason),),
        )
        return (told,)
    return ()


def _is_told(outcome: TargetOutcome) -> bool:
    """Tell whether a failure concerns a Secret; or a whole cluster, which nobody could look at for too long."""
    return bool(outcome.target.secret) or (outcome.reason is Reason.RETRIES_EXHAUSTED and bool(outcome.target.cluster))


def about_convergence(event: VaultEvent, proof: Convergence) -> ChangeNotice:
    """Say that everything in a cluster that shows the target shows the version: nobody there uses the old one."""
    fields: dict[str, object] = {
        **_names(event.object, event.version),
        **_target_fields(event, proof.target, proof.owner),
        "classes": sorted(proof.classes),
        "pods": proof.pods,
        "resourceVersion": proof.resource_version,
        "convergedTime": _instant(proof.at),
    }
    if event.time is not None:
        fields["seconds"] = round((proof.at - event.time).total_seconds(), 3)
    held = ObjectVersion(object=event.object, version=event.version)
    return _compose(
        NoticeType.TARGET_CONVERGED,
        held,
        target=proof.target,
        fields=fields,
        at=proof.at,
        trace=event.trace,
        apart=tuple(sorted(proof.classes)),
    )


def _target_fields(event: VaultEvent, target: Target, owner: Writer | None) -> dict[str, object]:
    return {
        "cluster": target.cluster,
        "namespace": target.namespace,
        "secret": target.secret,
        "owner": str(owner or ""),
        **_event_fields(event),
    }


def _compose(
    type_: NoticeType,
    held: ObjectVersion,
    *,
    target: Target | None,
    fields: Mapping[str, object],
    at: datetime,
    trace: Lineage | None,
    apart: tuple[str, ...] = (),
    properties: Mapping[str, str] | None = None,
) -> ChangeNotice:
    """Compose a notice. `apart` goes into its id: what makes two notices of one type about one target different."""
    about, version = held.object, held.version
    place = (target.cluster, target.namespace, target.secret) if target else ()
    subject = str(target) if target else str(about)
    identifier = _digest((about.vault, about.type, about.name, version, type_, *place, *apart))
    named = {**_names(about, version), "noticeType": str(type_), **(properties or {})}
    if target:
        named |= {"cluster": target.cluster, "namespace": target.namespace, "secret": target.secret}
    event = {
        "specversion": "1.0",
        "id": identifier,
        "type": f"dev.keyvault-fanout.{type_}.v1",
        "source": f"/keyvault-fanout/vaults/{about.vault}",
        "subject": subject,
        "time": _instant(at),
        "datacontenttype": "application/json",
        "data": fields,
        **(trace.attributes if trace else {}),
    }
    return ChangeNotice(
        id=identifier,
        type=type_,
        subject=subject,
        session=subject if len(subject) <= _LONGEST_SESSION else _digest((subject,)),
        properties=named,
        body=json.dumps(event, separators=(",", ":")).encode(),
        trace=trace,
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
