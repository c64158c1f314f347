"""The settle gate: a version whose owner holds it back waits, is announced with its time, and arrives then."""

import json
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import TransientError
from shared.hold import TAG
from shared.neighbours import Limits
from shared.notice import NoticeType
from shared.nudge import Pod
from shared.observed import Driver
from shared.pace import Pace
from shared.reason import Reason
from tests.builders import NAME, PLACE, World, build_class, build_payload, build_world
from tests.fakes import NOW

from .verdicts import assert_done


def build() -> World:
    """Build a world without restarts."""
    return build_world(limits=Limits(deadline=5, telling=1, pace=Pace(restarting=False)))


def hold(world: World, **fields: Any) -> str:
    """Put a held version into the vault and return its event."""
    return build_payload(world.vault.put(NAME, "after", created=NOW, **fields))


HELD = {
    "for a while": {"tags": {TAG: "90s"}},
    "until a time": {"tags": {TAG: (NOW + timedelta(seconds=90)).isoformat()}},
    "by its not-before time": {"not_before": NOW + timedelta(seconds=90)},
}


@pytest.mark.parametrize("fields", HELD.values(), ids=list(HELD))
async def test_a_held_version_is_announced_now_and_arrives_then(fields: dict[str, Any]) -> None:
    world = build()

    await world.deliver(hold(world, **fields))

    assert world.cluster.values(PLACE) == {"password": "before"}
    assert world.told() == []
    (announced,) = world.bus.told(NoticeType.OBJECT_NEW_VERSION)
    assert json.loads(announced.body)["data"]["plannedTime"] == "2026-11-23T12:01:30.000Z"
    (job,) = world.queue.waiting.values()
    assert job.due == NOW + timedelta(seconds=90)
    await world.work_all()
    assert_done(world)


async def test_a_version_whose_time_has_come_is_not_held() -> None:
    world = build()
    world.time = NOW + timedelta(seconds=91)

    await world.deliver(hold(world, tags={TAG: "90s"}))

    assert_done(world)
    (announced,) = world.bus.told(NoticeType.OBJECT_NEW_VERSION)
    assert "plannedTime" not in json.loads(announced.body)["data"]


async def test_a_hold_that_is_extended_meanwhile_is_held_on() -> None:
    world = build()
    await world.deliver(hold(world, tags={TAG: "90s"}))
    world.vault.versions[NAME][-1].tags = {TAG: "5m"}

    await world.work()
    early = world.cluster.values(PLACE)
    await world.work_all()

    assert early == {"password": "before"}
    assert world.time == NOW + timedelta(minutes=5)
    assert_done(world)


async def test_a_version_that_comes_after_a_held_one_and_is_not_held_arrives_at_once() -> None:
    world = build()
    await world.deliver(hold(world, tags={TAG: "1h"}))

    await world.deliver(world.rotate("third"))
    early = world.cluster.values(PLACE)
    await world.work_all()

    assert early == {"password": "third"}
    assert world.cluster.past(PLACE, "password") == ["before", "third"]


async def test_a_held_version_that_is_disabled_meanwhile_never_arrives() -> None:
    world = build()
    await world.deliver(hold(world, tags={TAG: "90s"}))
    world.vault.enable(NAME, enabled=False)

    await world.work_all()

    assert world.cluster.values(PLACE) == {"password": "before"}
    (told,) = world.bus.told(NoticeType.TARGET_FAILED)
    assert json.loads(told.body)["data"]["reason"] == "object-disabled"


async def test_a_tag_that_says_no_time_holds_the_version_and_says_why() -> None:
    world = build()

    await world.deliver(hold(world, tags={TAG: "a while"}))

    assert world.cluster.values(PLACE) == {"password": "before"}
    (told,) = world.bus.told(NoticeType.TARGET_FAILED)
    data = json.loads(told.body)["data"]
    assert (data["reason"], bool(data["remedy"])) == ("bad-hold", True)
    assert "a while" not in told.body.decode()


async def test_bytes_that_are_there_already_are_not_held() -> None:
    """The driver was faster: there is nothing left to wait for."""
    world = build()
    version = world.vault.put(NAME, "before", created=NOW, tags={TAG: "90s"})

    await world.deliver(build_payload(version))

    assert world.told() == [("aks-one/shop/web-secret", version)]
    assert world.queue.waiting == {}


async def test_pods_are_not_woken_for_files_of_a_held_version() -> None:
    """A driver of 1.6 mounts what the vault serves when its pod changes."""
    world = build()
    world.cluster.generation = Driver.V1_6_ROTATING
    world.cluster.views[:] = [build_class(secrets=[])]
    world.cluster.running["shop"] = [Pod(name="web-0", secrets=frozenset(), classes=frozenset({"web"}), woken_for="")]

    await world.deliver(hold(world, tags={TAG: "90s"}))

    assert world.cluster.woken == {}
    (job,) = world.queue.waiting.values()
    assert job.due == NOW + timedelta(seconds=90)
    await world.work()
    assert list(world.cluster.woken) == ["shop/web-0"]


async def test_what_failed_beside_a_held_version_is_tried_again_soon() -> None:
    """Both jobs are about all of the cluster: one of them must not hide the other."""
    world = build()
    world.cluster.generation = Driver.V1_6_ROTATING
    world.cluster.views[:] = [build_class(secrets=[])]
    world.cluster.script.fail("owned", TransientError("down", reason=Reason.CLUSTER_UNREACHABLE), times=1)

    await world.deliver(hold(world, tags={TAG: "2h"}))

    dues = sorted((job.due - NOW).total_seconds() for job in world.queue.waiting.values())
    assert dues[0] < 60
    assert dues[-1] == 7200
