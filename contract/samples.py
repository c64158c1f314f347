"""One message of each type, as the app itself composes it. Pure.

Notices come out of `shared.notice`, so an example in the documentation cannot show what is not sent. The
acknowledgement comes from applications and is written down here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from contract.catalogue import ACKNOWLEDGED
from shared import notice
from shared.event import EventKind, VaultEvent
from shared.model import ObjectType, Target, VaultObject
from shared.notice import ChangeNotice
from shared.observed import Driver
from shared.outcome import Action, Convergence, ObjectVersion, TargetOutcome
from shared.reason import Reason

_VERSION = "5f2c9a1e7b0d4c6e8f1a2b3c4d5e6f70"
_URL = "https://kv-shop.vault.azure.net"
_OBJECT = VaultObject(vault="kv-shop", type=ObjectType.SECRET, name="db-password")
_TARGET = Target(cluster="prod-weu", namespace="shop", secret="web-secret")  # noqa: S106 - the name of one
_AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A message: its application properties and its CloudEvent."""

    properties: Mapping[str, str]
    event: Mapping[str, Any]


def samples() -> dict[str, Sample]:
    """Return a sample of each message type, by its name."""
    told = [_new_version(), *_expiry(), _refreshed(), _converged(), _failed()]
    found = {str(one.type): Sample(properties=one.properties, event=json.loads(one.body)) for one in told}
    return found | {ACKNOWLEDGED.name: _acknowledged()}


def _event(
    kind: EventKind = EventKind.NEW_VERSION, *, not_before: datetime | None = None, expires: datetime | None = None
) -> VaultEvent:
    return VaultEvent(
        id="0c2d0f5e-6a0b-4d0e-9a55-6b1f0f6d2a11",
        kind=kind,
        object=_OBJECT,
        version=_VERSION,
        time=_AT - timedelta(seconds=1.25),
        not_before=not_before,
        expires=expires,
    )


def _about_object(event: VaultEvent, planned: datetime | None = None) -> ChangeNotice:
    return notice.about_object(event, version=_VERSION, vault_url=_URL, at=_AT, planned=planned)


def _new_version() -> ChangeNotice:
    event = _event(not_before=_AT + _HOUR, expires=_AT + 90 * _DAY)
    return _about_object(event, planned=_AT + _HOUR)


def _expiry() -> list[ChangeNotice]:
    since = _AT - 60 * _DAY
    near = _event(EventKind.NEAR_EXPIRY, not_before=since, expires=_AT + 30 * _DAY)
    over = _event(EventKind.EXPIRED, not_before=since, expires=_AT - _HOUR)
    return [_about_object(near), _about_object(over)]


def _refreshed() -> ChangeNotice:
    outcome = TargetOutcome(
        target=_TARGET,
        action=Action.WRITTEN,
        at=_AT,
        owner=Driver.V1_6_ROTATING,
        holds=(ObjectVersion(object=_OBJECT, version=_VERSION),),
        keys=("password",),
        resource_version="184467",
    )
    (told,) = notice.about_target(_event(), outcome)
    return told


def _converged() -> ChangeNotice:
    proof = Convergence(
        target=_TARGET,
        owner=Driver.V1_6_ROTATING,
        classes=frozenset({"web"}),
        pods=3,
        resource_version="184467",
        at=_AT + timedelta(seconds=15),
    )
    return notice.about_convergence(_event(), proof)


def _failed() -> ChangeNotice:
    outcome = TargetOutcome(
        target=_TARGET,
        action=Action.LEFT,
        at=_AT,
        owner=Driver.V1_6_ROTATING,
        reason=Reason.KEEPS_REVERTING,
        detail="old bytes were put back 4 times",
    )
    (told,) = notice.about_target(_event(), outcome)
    return told


def _acknowledged() -> Sample:
    data = {
        "application": "shop-web",
        "instance": "web-7d4b9c6f5-x2x8k",
        "vault": _OBJECT.vault,
        "objectType": str(_OBJECT.type),
        "object": _OBJECT.name,
        "version": _VERSION,
        "since": "2026-11-23T12:00:16.000Z",
    }
    event = {
        "specversion": "1.0",
        "id": "9a0f6c1d2e3b4a59",
        "type": ACKNOWLEDGED.event_type,
        "source": "/keyvault-fanout/applications/shop-web",
        "subject": str(_OBJECT),
        "time": "2026-11-23T12:00:16.000Z",
        "datacontenttype": "application/json",
        "data": data,
    }
    return Sample(properties={}, event=event)
