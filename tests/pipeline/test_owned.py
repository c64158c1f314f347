"""Owned Secrets: filled from several objects, noted, repaired, and only where the object's tag grants it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from shared import owned
from shared.errors import ConfigurationError
from shared.grant import TAG
from shared.neighbours import Limits
from shared.notice import NoticeType
from shared.nudge import Pod
from shared.pace import Pace
from shared.reason import Reason
from tests.builders import NAME, PLACE, World, build_secret, build_world
from tests.unit.declare import build_entry, build_metadata, declare

ALLOWED = {TAG: "aks-one/shop"}


def build(*entries: Mapping[str, str], **fields: Any) -> World:
    """Build a world whose Secret we alone own, still empty."""
    world = build_world(limits=Limits(deadline=5, telling=1, pace=Pace(restarting=False)))
    world.cluster.views.clear()
    world.cluster.mounts.clear()
    world.cluster.declared.append(declare(*(entries or [build_entry()])))
    world.cluster.put(build_secret(**{"data": {}, "managed": False, "owned": True, "uid": "u-1", **fields}))
    return world


def rotate(world: World, value: str, name: str = NAME) -> str:
    """Put a granted version into the vault and return its event."""
    return world.rotate(value, name, tags=ALLOWED)


async def test_an_empty_secret_is_filled_and_says_what_it_holds() -> None:
    world = build()

    await world.deliver(rotate(world, "after"))

    assert world.cluster.values(PLACE) == {"password": "after"}
    assert json.loads(world.cluster.secrets[PLACE].versions) == {
        "password": f"kv-shop/secret/{NAME}/{world.newest()}",
    }
    (told,) = world.bus.told(NoticeType.TARGET_REFRESHED)
    assert json.loads(told.body)["data"]["owner"] == "keyvault-fanout"


async def test_several_objects_fill_several_keys_and_leave_the_others_alone() -> None:
    world = build(build_entry(), build_entry("secret/user", "user"), data={"password": "old", "hand-made": "kept"})
    await world.deliver(rotate(world, "after"))

    await world.deliver(rotate(world, "shop", name="user"))

    assert world.cluster.values(PLACE) == {"password": "after", "user": "shop", "hand-made": "kept"}
    noted = json.loads(world.cluster.secrets[PLACE].versions)
    assert {key: text.rsplit("/", 1)[1] for key, text in noted.items()} == {
        "password": world.newest(),
        "user": world.newest("user"),
    }


async def test_neither_a_driver_nor_a_pod_is_needed_and_none_is_asked_for() -> None:
    world = build()

    await world.deliver(rotate(world, "after"))

    assert not {"driver", "pod_statuses"} & set(world.cluster.script.calls)
    assert world.queue.waiting == {}


async def test_the_same_bytes_in_a_new_version_change_the_note_and_wake_nobody() -> None:
    world = build(data={"password": "same"})
    await world.deliver(rotate(world, "same"))
    noted = world.cluster.secrets[PLACE].versions
    world.cluster.running["shop"] = [
        Pod(name="web-0", secrets=frozenset({"web-secret"}), classes=frozenset(), woken_for="")
    ]

    await world.deliver(rotate(world, "same"))

    assert world.cluster.secrets[PLACE].versions != noted
    assert world.cluster.woken == {}
    assert world.cluster.values(PLACE) == {"password": "same"}


async def test_a_redelivery_repairs_what_somebody_changed() -> None:
    world = build()
    payload = rotate(world, "after")
    await world.deliver(payload)
    world.cluster.put(build_secret(data={"password": "by hand"}, managed=False, owned=True))

    await world.deliver(payload)

    assert world.cluster.values(PLACE) == {"password": "after"}


async def test_without_the_tag_there_are_no_bytes_and_the_outcome_says_what_would_grant_them() -> None:
    world = build()

    await world.deliver(world.rotate("after", tags={TAG: "aks-one/other"}))

    assert world.cluster.values(PLACE) == {}
    (told,) = world.bus.told(NoticeType.TARGET_FAILED)
    data = json.loads(told.body)["data"]
    assert data["reason"] == "no-grant"
    assert f"tag {TAG} does not list aks-one/shop" in data["detail"]


async def test_a_bad_declaration_is_said_on_the_secret_itself_and_holds_nobody_up() -> None:
    world = build()
    bad = owned.parse(build_metadata(f'[{{"vault": "kv-shop", "object": "secret/{NAME}"}}]', name="broken"))
    world.cluster.declared.insert(0, bad)
    world.cluster.put(build_secret("shop/broken", data={}, managed=False, owned=True, uid="u-2"))
    payload = rotate(world, "after")

    await world.deliver(payload)
    await world.deliver(payload)

    ((place, complaint),) = world.cluster.complaints.items()
    assert place.startswith("shop/broken@")
    assert "entry 1" in complaint
    assert [told.subject for told in world.bus.told(NoticeType.TARGET_FAILED)] == ["aks-one/shop/broken"]
    assert world.cluster.values(PLACE) == {"password": "after"}


async def test_a_complaint_that_cannot_be_made_brings_the_event_not_back() -> None:
    world = build()
    world.cluster.declared[:] = [owned.parse(build_metadata(f"- kv-shop {NAME}: ["))]
    world.cluster.script.fail("complain", ConfigurationError("no right", reason=Reason.CLUSTER_FORBIDDEN))

    await world.deliver(rotate(world, "after"))

    assert len(world.bus.told(NoticeType.TARGET_FAILED)) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"managed": True}, "contested"),
        ({"immutable": True}, "secret-immutable"),
    ],
    ids=["the driver marked it too", "it is immutable"],
)
async def test_a_secret_that_is_not_ours_alone_to_write_is_left(fields: dict[str, Any], reason: str) -> None:
    world = build(**fields)

    await world.deliver(rotate(world, "after"))

    assert world.cluster.values(PLACE) == {}
    (told,) = world.bus.told(NoticeType.TARGET_FAILED)
    assert json.loads(told.body)["data"]["reason"] == reason


async def test_a_secret_whose_label_was_taken_off_is_no_concern_any_more() -> None:
    world = build(owned=False)

    await world.deliver(rotate(world, "after"))

    assert world.cluster.values(PLACE) == {}
    assert world.told(NoticeType.TARGET_FAILED) == []


async def test_a_listing_that_fails_costs_only_its_own_kind() -> None:
    world = build_world()
    world.cluster.declared.append(declare(build_entry(), name="own"))
    world.cluster.put(build_secret("shop/own", data={}, managed=False, owned=True))
    world.cluster.script.fail("owned", ConfigurationError("no right", reason=Reason.CLUSTER_FORBIDDEN))

    await world.deliver(rotate(world, "after"))

    assert world.cluster.values(PLACE) == {"password": "after"}
    assert world.cluster.values("shop/own") == {}
    world.heal()
    await world.work_all()
    assert world.cluster.values("shop/own") == {"password": "after"}


async def test_a_secret_that_was_made_anew_is_filled_and_told_of_again() -> None:
    """It is empty for whoever reads it, though the same version was told before."""
    world = build()
    payload = rotate(world, "after")
    await world.deliver(payload)
    world.cluster.put(build_secret(data={}, managed=False, owned=True, uid="u-2"))

    for _ in range(2):
        await world.deliver(payload)

    assert world.cluster.values(PLACE) == {"password": "after"}
    assert world.told() == [("aks-one/shop/web-secret", world.newest())] * 2


async def test_a_key_that_is_declared_for_a_version_that_was_told_is_told_of() -> None:
    """The message id carries the resourceVersion then, or the topic would drop it."""
    world = build()
    payload = rotate(world, "after")
    await world.deliver(payload)
    world.cluster.declared[:] = [declare(build_entry(), build_entry(key="second"))]

    await world.deliver(payload)

    assert world.cluster.values(PLACE) == {"password": "after", "second": "after"}
    assert len(world.told()) == 2
