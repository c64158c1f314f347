"""What is told: a function of the state reached, by names and versions only."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from shared import notice
from shared.errors import TransientError
from shared.event import EventKind
from shared.model import ObjectType, Target, VaultObject
from shared.notice import ChangeNotice, NoticeType
from shared.outcome import TELLING, Action, ObjectVersion, TargetOutcome
from shared.reason import Reason, remedy
from tests.builders import ABOUT, NAME, URL, build_event
from tests.fakes import NOW
from tests.notices import verdict

TARGET = Target(cluster="aks-one", namespace="shop", secret="web-secret")
KEPT = ObjectVersion(object=ABOUT, version="v2")


def outcome(**fields: Any) -> TargetOutcome:
    """Build the outcome of a write."""
    defaults: dict[str, Any] = {
        "target": TARGET,
        "action": Action.WRITTEN,
        "at": NOW,
        "owner": "csi-driver 1.5",
        "holds": (KEPT,),
        "keys": ("password",),
        "resource_version": "1001",
    }
    return TargetOutcome(**{**defaults, **fields})


def left(reason: Reason = Reason.NO_GRANT, **fields: Any) -> TargetOutcome:
    """Build the outcome of a target that stays behind."""
    return outcome(action=Action.LEFT, holds=(), keys=(), reason=reason, detail="a sentence", **fields)


def about_object(**fields: Any) -> ChangeNotice:
    """Tell of the object of the default event."""
    return notice.about_object(build_event(**fields), version="v2", vault_url=URL, at=NOW)


def about_target(done: TargetOutcome, **fields: Any) -> ChangeNotice:
    """Tell of one target."""
    (told,) = notice.about_target(build_event(**fields), done)
    return told


def cloud_event(told: ChangeNotice) -> dict[str, Any]:
    """Return the structured CloudEvent of a notice, which keeps the contract."""
    verdict.check(told)
    document = json.loads(told.body)
    assert isinstance(document, dict)
    return document


# The catalogue


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        (EventKind.NEW_VERSION, "object.new-version"),
        (EventKind.NEAR_EXPIRY, "object.near-expiry"),
        (EventKind.EXPIRED, "object.expired"),
    ],
)
def test_each_kind_of_event_has_a_type_of_its_own(kind: EventKind, type_: str) -> None:
    told = about_object(kind=kind)

    assert told.type == type_
    assert cloud_event(told)["type"] == f"dev.keyvault-fanout.{type_}.v1"


def test_an_objects_notice_is_a_cloud_event() -> None:
    told = about_object()

    assert cloud_event(told) == {
        "specversion": "1.0",
        "id": told.id,
        "type": "dev.keyvault-fanout.object.new-version.v1",
        "source": "/keyvault-fanout/vaults/kv-shop",
        "subject": "kv-shop/secret/db-password",
        "time": "2026-11-23T12:00:00.000Z",
        "datacontenttype": "application/json",
        "data": {
            "vault": "kv-shop",
            "objectType": "secret",
            "object": "db-password",
            "version": "v2",
            "objectUrl": f"{URL}/secrets/db-password/v2",
            "eventId": "event-1",
            "eventTime": "2026-11-23T12:00:00.000Z",
            "origin": "event",
        },
    }


@pytest.mark.parametrize("action", [Action.WRITTEN, Action.CURRENT])
def test_a_targets_notice_is_a_cloud_event(action: Action) -> None:
    told = about_target(outcome(action=action))

    event = cloud_event(told)
    assert event["type"] == "dev.keyvault-fanout.target.refreshed.v1"
    assert event["subject"] == "aks-one/shop/web-secret"
    assert event["data"] == {
        "vault": "kv-shop",
        "objectType": "secret",
        "object": "db-password",
        "version": "v2",
        "cluster": "aks-one",
        "namespace": "shop",
        "secret": "web-secret",
        "owner": "csi-driver 1.5",
        "eventId": "event-1",
        "eventTime": "2026-11-23T12:00:00.000Z",
        "action": str(action),
        "keys": ["password"],
        "resourceVersion": "1001",
        "refreshedTime": "2026-11-23T12:00:00.000Z",
    }


@pytest.mark.parametrize("reason", sorted(TELLING))
def test_a_target_that_stays_behind_says_why_and_what_to_do(reason: Reason) -> None:
    told = about_target(left(reason), version="v1")

    assert told.type is NoticeType.TARGET_FAILED
    data = cloud_event(told)["data"]
    assert (data["reason"], data["detail"], data["remedy"]) == (reason, "a sentence", remedy(reason))
    assert (data["version"], data["secret"]) == ("v1", "web-secret")


@pytest.mark.parametrize("reason", sorted(set(Reason) - TELLING))
def test_a_harmless_reason_is_not_told(reason: Reason) -> None:
    assert notice.about_target(build_event(), left(reason)) == ()


def test_a_failure_that_names_no_secret_is_not_told() -> None:
    assert notice.about_target(build_event(), left(target=replace(TARGET, secret=""))) == ()


def test_a_target_that_is_tried_again_is_not_told() -> None:
    late = TransientError("late", reason=Reason.DEADLINE)
    done = outcome(action=Action.FAILED, holds=(), reason=Reason.DEADLINE, error=late)

    assert notice.about_target(build_event(), done) == ()


def test_each_object_that_feeds_a_target_is_told() -> None:
    key = ObjectVersion(object=VaultObject(vault="kv-shop", type=ObjectType.KEY, name=NAME), version="k1")

    told = notice.about_target(build_event(), outcome(holds=(KEPT, key)))

    assert [(one.properties["objectType"], one.properties["version"]) for one in told] == [
        ("secret", "v2"),
        ("key", "k1"),
    ]
    assert len({one.id for one in told}) == 2


@pytest.mark.parametrize(
    ("type_", "collection"),
    [(ObjectType.SECRET, "secrets"), (ObjectType.KEY, "keys"), (ObjectType.CERT, "certificates")],
)
def test_the_objects_url_is_spelled_as_the_vault_spells_it(type_: ObjectType, collection: str) -> None:
    told = about_object(object=VaultObject(vault="kv-shop", type=type_, name=NAME))

    assert cloud_event(told)["data"]["objectUrl"] == f"{URL}/{collection}/{NAME}/v2"


def test_expiry_is_told_of_the_version_that_it_belongs_to() -> None:
    dates = {"not_before": NOW, "expires": NOW + timedelta(days=1)}

    data = cloud_event(about_object(version="v2", **dates))["data"]
    other = cloud_event(about_object(version="v1", **dates))["data"]

    assert (data["notBefore"], data["expires"]) == ("2026-11-23T12:00:00.000Z", "2026-11-24T12:00:00.000Z")
    assert not {"notBefore", "expires"} & other.keys()


def test_an_unknown_event_time_is_left_out() -> None:
    assert "eventTime" not in cloud_event(about_object(time=None))["data"]


def test_instants_are_told_in_utc() -> None:
    local = datetime(2026, 11, 23, 14, tzinfo=timezone(timedelta(hours=2)))

    assert cloud_event(about_target(outcome(at=local)))["time"] == "2026-11-23T12:00:00.000Z"


# Identity: the same truth has the same id


def test_what_was_done_and_when_do_not_change_the_id() -> None:
    first = about_target(outcome())
    later = NOW + timedelta(hours=1)

    again = about_target(outcome(action=Action.CURRENT, at=later), id="event-2", time=later)

    assert first.id == again.id
    assert first.body != again.body


def test_an_object_told_by_another_event_has_the_same_id() -> None:
    assert about_object(id="event-1", version="v1").id == about_object(id="event-2", version="v2").id


def test_an_id_is_the_same_in_every_process() -> None:
    assert about_target(outcome()).id == "cc66043d8c1edee2ef070b2bb9e39907d82e44bc60eb98e242f398be8ea18e7f"


def different() -> list[ChangeNotice]:
    """Return notices of which each says something else."""
    other = VaultObject(vault="kv-shop", type=ObjectType.KEY, name=NAME)
    return [
        about_target(outcome()),
        about_target(outcome(holds=(replace(KEPT, version="v3"),))),
        about_target(outcome(holds=(replace(KEPT, object=other),))),
        about_target(outcome(holds=(replace(KEPT, object=replace(ABOUT, name="other")),))),
        about_target(outcome(holds=(replace(KEPT, object=replace(ABOUT, vault="kv-other")),))),
        about_target(outcome(target=replace(TARGET, cluster="aks-two"))),
        about_target(outcome(target=replace(TARGET, namespace="shopweb", secret="secret"))),
        about_target(outcome(target=replace(TARGET, namespace="shop-web", secret="-secret"))),
        about_target(left(), version="v2"),
        about_object(),
        about_object(kind=EventKind.EXPIRED),
    ]


def test_different_truths_have_different_ids() -> None:
    notices = different()

    assert len({told.id for told in notices}) == len(notices)


def test_ids_fit_the_topic() -> None:
    assert all(len(told.id) <= 128 and told.id.isalnum() for told in different())


# Properties and sessions


def test_properties_are_plain_texts_for_correlation_filters() -> None:
    assert about_object().properties == {
        "vault": "kv-shop",
        "objectType": "secret",
        "object": "db-password",
        "version": "v2",
        "noticeType": "object.new-version",
        "origin": "event",
    }
    assert about_target(outcome()).properties == {
        "vault": "kv-shop",
        "objectType": "secret",
        "object": "db-password",
        "version": "v2",
        "noticeType": "target.refreshed",
        "cluster": "aks-one",
        "namespace": "shop",
        "secret": "web-secret",
    }
    assert all(type(value) is str for told in different() for value in told.properties.values())


def test_a_session_is_the_targets() -> None:
    assert about_target(outcome()).session == about_target(left()).session == "aks-one/shop/web-secret"
    assert about_object().session == "kv-shop/secret/db-password"


def test_a_long_session_is_shortened_and_stays_one() -> None:
    long = replace(TARGET, namespace="n" * 63, secret="s" * 253)

    told = about_target(outcome(target=long))

    assert len(told.session) == 64
    assert told.session == about_target(left(target=long)).session
    assert told.session != about_target(outcome(target=replace(long, secret="t" * 253))).session
    assert cloud_event(told)["subject"] == str(long)


def test_a_session_of_exactly_the_limit_is_left_as_it_is() -> None:
    target = replace(TARGET, secret="s" * (128 - len("aks-one/shop/")))

    assert about_target(outcome(target=target)).session == str(target)


def test_a_body_is_utf_8_json_whatever_the_event_was_called() -> None:
    told = about_object(id="\ud800 \u2028 ünïcode")

    assert cloud_event(told)["data"]["eventId"] == "\ud800 \u2028 ünïcode"
    assert told.body.isascii()


def test_the_time_is_the_notices_own() -> None:
    assert cloud_event(about_object(time=datetime(2020, 1, 1, tzinfo=UTC)))["time"] == "2026-11-23T12:00:00.000Z"
