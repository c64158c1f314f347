"""What is told of targets with owners: who owns them, what owners wrote, what all pods show, and what was repaired."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared import notice
from shared.errors import TransientError
from shared.model import ObjectType, Target
from shared.notice import ChangeNotice, NoticeType
from shared.observed import Driver, Owner, Writer
from shared.outcome import TELLING, Action, Convergence, ObjectVersion, TargetOutcome
from shared.reason import Reason
from tests.builders import ABOUT, build_event
from tests.fakes import NOW
from tests.notices import verdict

from .planning import TARGET, delegate

HELD = (ObjectVersion(object=ABOUT, version="v2"),)
EVENT = build_event(version="v2")
CERT = replace(ABOUT, type=ObjectType.CERT)


def outcome(action: Action = Action.WRITTEN, **fields: Any) -> TargetOutcome:
    """Build how a target ended."""
    defaults: dict[str, Any] = {"target": TARGET, "at": NOW, "owner": Driver.V1_6_ROTATING, "resource_version": "8"}
    return TargetOutcome(action=action, **{**defaults, **fields})


def proof(**fields: Any) -> Convergence:
    """Build the proof that a target's pods show the version."""
    defaults: dict[str, Any] = {
        "target": TARGET,
        "owner": Driver.V1_6_ROTATING,
        "classes": frozenset({"web", "api"}),
        "pods": 3,
        "resource_version": "8",
        "at": NOW + timedelta(seconds=15.25),
    }
    return Convergence(**{**defaults, **fields})


def data(told: ChangeNotice) -> dict[str, Any]:
    """Return the data of a notice, which keeps the contract."""
    verdict.check(told)
    found = json.loads(told.body)["data"]
    assert isinstance(found, dict)
    return found


# The owner


@pytest.mark.parametrize(
    ("owner", "text"),
    [
        (Driver.V1_5, "csi-driver 1.5"),
        (Driver.V1_6_ROTATING, "csi-driver 1.6+ with rotation"),
        (Driver.V1_6_STATIC, "csi-driver 1.6+ without rotation"),
        (Driver.UNKNOWN, "csi-driver of unknown generation"),
        (Owner.OWNED, "keyvault-fanout"),
        (Owner.EXTERNAL_SECRETS, "external-secrets"),
        (Owner.SYNC_CONTROLLER, "secrets-store-sync-controller"),
        (None, ""),
    ],
)
def test_an_owner_is_told_as_a_text(owner: Writer | None, text: str) -> None:
    (refreshed,) = notice.about_target(EVENT, outcome(owner=owner, holds=HELD))
    (failed,) = notice.about_target(EVENT, outcome(Action.LEFT, owner=owner, reason=Reason.NO_GRANT))

    assert data(refreshed)["owner"] == data(failed)["owner"] == text


def test_another_owner_is_no_other_truth() -> None:
    first = notice.about_target(EVENT, outcome(owner=Driver.V1_5, holds=HELD))
    other = notice.about_target(EVENT, outcome(owner=Driver.UNKNOWN, holds=HELD))

    assert first[0].id == other[0].id


# Owners that were asked


def test_an_owner_that_was_asked_and_has_not_written_is_not_told_of() -> None:
    assert notice.about_target(EVENT, outcome(Action.NUDGED, delegates=(delegate(),))) == ()


def test_an_owner_that_wrote_since_it_was_asked_is_told_as_refreshed() -> None:
    (told,) = notice.about_target(EVENT, outcome(Action.NUDGED, owner=Owner.EXTERNAL_SECRETS, holds=HELD))

    assert told.type is NoticeType.TARGET_REFRESHED
    assert data(told)["action"] == "nudged"
    assert (data(told)["version"], data(told)["resourceVersion"], data(told)["keys"]) == ("v2", "8", [])


@pytest.mark.parametrize(
    "done",
    [
        outcome(Action.HELD, until=NOW),
        outcome(Action.FAILED, reason=Reason.DEADLINE, error=TransientError("late", reason=Reason.DEADLINE)),
    ],
    ids=["held back", "tried again"],
)
def test_what_is_still_to_come_is_not_told(done: TargetOutcome) -> None:
    assert notice.about_target(EVENT, done) == ()


# Everything that shows it shows it


def test_convergence_is_a_cloud_event_with_its_proof() -> None:
    told = notice.about_convergence(EVENT, proof())

    document = json.loads(told.body)
    assert document["type"] == "dev.keyvault-fanout.target.converged.v1"
    assert (document["subject"], document["time"]) == ("aks-one/shop/web-secret", "2026-11-23T12:00:15.250Z")
    assert document["data"] == {
        "vault": "kv-shop",
        "objectType": "secret",
        "object": "db-password",
        "version": "v2",
        "cluster": "aks-one",
        "namespace": "shop",
        "secret": "web-secret",
        "owner": "csi-driver 1.6+ with rotation",
        "eventId": "event-1",
        "eventTime": "2026-11-23T12:00:00.000Z",
        "classes": ["api", "web"],
        "pods": 3,
        "resourceVersion": "8",
        "convergedTime": "2026-11-23T12:00:15.250Z",
        "seconds": 15.25,
    }
    assert told.properties == {
        "vault": "kv-shop",
        "objectType": "secret",
        "object": "db-password",
        "version": "v2",
        "noticeType": "target.converged",
        "cluster": "aks-one",
        "namespace": "shop",
        "secret": "web-secret",
    }
    assert told.session == notice.about_target(EVENT, outcome(holds=HELD))[0].session


def test_without_the_events_time_there_is_no_duration() -> None:
    told = data(notice.about_convergence(build_event(version="v2", time=None), proof()))

    assert not {"seconds", "eventTime"} & told.keys()


def test_the_same_proof_at_another_time_has_the_same_id() -> None:
    first = notice.about_convergence(EVENT, proof())
    again = notice.about_convergence(
        build_event(version="v2", id="event-2"), proof(at=NOW + timedelta(hours=1), pods=9, resource_version="9")
    )

    assert first.id == again.id


def test_mounts_without_a_secret_are_told_apart_by_their_class() -> None:
    nameless = Target(cluster="aks-one", namespace="shop", secret="")
    classes = [{"web"}, {"api"}, {"web", "api"}, set[str]()]

    told = [notice.about_convergence(EVENT, proof(target=nameless, classes=frozenset(one))) for one in classes]

    assert len({one.id for one in told}) == len(classes)
    assert [data(one)["classes"] for one in told] == [["web"], ["api"], ["api", "web"], []]


def test_convergence_is_another_truth_than_the_refresh_and_that_of_another_version() -> None:
    (refreshed,) = notice.about_target(EVENT, outcome(holds=HELD))
    told = [
        refreshed,
        notice.about_convergence(EVENT, proof()),
        notice.about_convergence(build_event(version="v3"), proof()),
        notice.about_convergence(EVENT, proof(target=replace(TARGET, namespace="other"))),
        notice.about_convergence(build_event(version="v2", object=CERT), proof()),
    ]

    assert len({one.id for one in told}) == len(told)


# Repairs


def test_a_repair_is_told_although_its_version_was_told_before() -> None:
    (first,) = notice.about_target(EVENT, outcome(holds=HELD))
    (repaired,) = notice.about_target(EVENT, outcome(holds=HELD, resource_version="9"), repaired=True)
    (again,) = notice.about_target(EVENT, outcome(holds=HELD, resource_version="11"), repaired=True)

    assert len({first.id, repaired.id, again.id}) == 3
    assert {one.type for one in (first, repaired, again)} == {NoticeType.TARGET_REFRESHED}


def test_a_repair_that_is_told_twice_has_the_same_id() -> None:
    repaired = [notice.about_target(EVENT, outcome(holds=HELD), repaired=True)[0] for _ in range(2)]

    assert repaired[0].id == repaired[1].id


# What stays behind


def test_each_reason_to_stay_behind_is_told_once_for_a_version() -> None:
    reasons = sorted(TELLING)

    told = [notice.about_target(EVENT, outcome(Action.LEFT, reason=reason))[0] for reason in reasons]
    again = [notice.about_target(EVENT, outcome(Action.LEFT, reason=reason, detail="x"))[0] for reason in reasons]

    assert len({one.id for one in told}) == len(reasons)
    assert [one.id for one in told] == [one.id for one in again]


@pytest.mark.parametrize(
    "reason",
    [Reason.BAD_DECLARATION, Reason.OWNER_IGNORES, Reason.OWNER_FAILING, Reason.NOT_CONVERGED, Reason.KEEPS_REVERTING],
)
def test_what_an_owner_does_not_do_is_told(reason: Reason) -> None:
    (told,) = notice.about_target(EVENT, outcome(Action.LEFT, reason=reason, detail="a sentence"))

    assert told.type is NoticeType.TARGET_FAILED
    assert (data(told)["reason"], data(told)["detail"]) == (reason, "a sentence")


@pytest.mark.parametrize("reason", [Reason.UNCONCERNED, Reason.MOUNT_ONLY, Reason.PINNED, Reason.SECRET_MISSING])
def test_what_leaves_nothing_stale_is_not_told(reason: Reason) -> None:
    assert notice.about_target(EVENT, outcome(Action.LEFT, reason=reason, detail="a sentence")) == ()
