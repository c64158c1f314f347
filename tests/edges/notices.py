"""Notices as the tests want them: everything defaults, one thing differs, and all of them keep the contract."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from shared import notice
from shared.event import EventKind, VaultEvent
from shared.model import ObjectType, Target, VaultObject
from shared.notice import ChangeNotice, Origin
from shared.outcome import Action, ObjectVersion, TargetOutcome
from tests.notices import verdict

ABOUT = VaultObject(vault="kv-demo", type=ObjectType.SECRET, name="db")
_AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def build_notice(name: str, *, size: int = 0, namespace: str = "shop", about: VaultObject = ABOUT) -> ChangeNotice:
    """Build a notice about a target, with this id and a body of `size` bytes, or of as few as it takes."""
    outcome = TargetOutcome(
        target=Target(cluster="aks-1", namespace=namespace, secret="db"),
        action=Action.WRITTEN,
        at=_AT,
        holds=(ObjectVersion(object=about, version="v1"),),
        keys=("password",),
    )
    (told,) = notice.about_target(_event(about, "v1"), outcome)
    return _with_id(told, name, size)


def build_object_notice(version: str, origin: Origin = Origin.EVENT) -> ChangeNotice:
    """Build a notice about a new version."""
    told = notice.about_object(
        _event(ABOUT, version), version=version, vault_url="https://kv-demo.example", at=_AT, origin=origin
    )
    return _with_id(told, f"{version}-{origin}", 0)


def _event(about: VaultObject, version: str) -> VaultEvent:
    return VaultEvent(id="event-1", kind=EventKind.NEW_VERSION, object=about, version=version, time=_AT)


def _with_id(told: ChangeNotice, name: str, size: int) -> ChangeNotice:
    event = json.loads(told.body)
    event["id"] = name
    missing = size - len(json.dumps(event))
    if missing > 0:
        event["data"]["keys"][0] += "x" * missing
    built = replace(told, id=name, body=json.dumps(event).encode())
    verdict.check(built)
    return built
