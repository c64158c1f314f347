"""The sweep finds what no event told, asks the vault for no value to find it, and lets the flow do the rest."""

import json
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import ConfigurationError, TransientError
from shared.grant import TAG
from shared.neighbours import Limits
from shared.notice import NoticeType
from shared.observed import Driver
from shared.pace import Pace
from shared.reason import Reason
from tests.builders import (
    ABOUT,
    NAME,
    PLACE,
    World,
    build_class,
    build_payload,
    build_secret,
    build_secret_object,
    build_world,
)
from tests.fakes import NOW
from tests.unit.declare import build_entry, declare

LATER = NOW + timedelta(hours=1)


def build(*places: str, clusters: tuple[str, ...] = ("aks-one",), **fields: Any) -> World:
    """Build a world an hour after its Secrets were written."""
    limits = Limits(deadline=5, telling=1, pace=Pace(restarting=False), **fields)
    world = build_world(*places, clusters=clusters, limits=limits)
    for cluster in world.clusters:
        for place in places or (PLACE,):
            cluster.put(build_secret(place, changed=NOW))
    world.time = LATER
    return world


def rotate_silently(world: World, value: str = "after", name: str = NAME, **fields: Any) -> str:
    """Put a version into the vault of which no event tells, and return its id."""
    return world.vault.put(name, value, created=NOW + timedelta(minutes=30), **fields)


async def test_a_lost_event_is_found_and_made_good() -> None:
    world = build("shop/web-secret", "pay/web-secret")
    version = rotate_silently(world)

    found = await world.sweep()
    await world.work_all()

    assert (found.suspects, found.missed) == (2, [ABOUT])
    assert {world.cluster.values(place)["password"] for place in world.cluster.secrets} == {"after"}
    assert world.told(NoticeType.OBJECT_NEW_VERSION) == [("kv-shop/secret/db-password", version)]
    assert len(world.told()) == 2


async def test_a_vault_at_rest_costs_one_list_and_no_value() -> None:
    world = build("shop/web-secret", "pay/web-secret")

    found = await world.sweep()

    assert (found.objects, found.targets, found.suspects, found.jobs) == (1, 2, 0, 0)
    assert world.vault.script.calls == ["inventory"]
    assert world.queue.waiting == {}


async def test_one_value_is_read_for_each_suspect_object_whatever_the_number_of_targets() -> None:
    places = [f"team-{index}/web-secret" for index in range(20)]
    world = build(*places)
    rotate_silently(world)
    await world.sweep()
    world.vault.script.calls.clear()

    await world.work_all()

    assert world.vault.script.calls.count("read") == 1
    assert {world.cluster.values(place)["password"] for place in places} == {"after"}


async def test_what_an_event_told_is_neither_missed_nor_told_again() -> None:
    world = build()
    version = rotate_silently(world)
    await world.deliver(build_payload(version))

    found = await world.sweep()

    assert (found.missed, found.suspects) == ([], 0)
    assert world.bus.dropped == []


async def test_an_event_that_may_still_come_is_not_missed_yet() -> None:
    world = build()
    world.vault.put(NAME, "after", created=LATER - timedelta(seconds=30))

    found = await world.sweep()

    assert found.missed == []
    assert found.suspects == 1


async def test_changes_without_an_event_are_counted_and_named(caplog: pytest.LogCaptureFixture) -> None:
    world = build()
    rotate_silently(world)

    await world.sweep()

    assert "1 changes arrived without an event: kv-shop/secret/db-password" in caplog.text


async def test_two_sweeps_count_and_tell_a_missed_change_once() -> None:
    world = build()
    rotate_silently(world)
    first = await world.sweep()
    world.time += timedelta(minutes=15)

    again = await world.sweep()

    assert (first.missed, again.missed) == ([ABOUT], [])
    assert len(world.told(NoticeType.OBJECT_NEW_VERSION)) == 1


async def test_a_version_that_was_enabled_again_is_found() -> None:
    world = build()
    version = rotate_silently(world)
    world.vault.enable(NAME, enabled=False)
    await world.deliver(build_payload(version))
    disabled = await world.sweep()
    world.vault.enable(NAME, enabled=True)

    await world.sweep()
    await world.work_all()

    assert disabled.suspects == 0
    assert world.cluster.values(PLACE) == {"password": "after"}


async def test_a_new_binding_is_found() -> None:
    world = build()
    world.cluster.put(build_secret(data={"password": "something else"}, changed=None))

    await world.sweep()
    await world.work_all()

    assert world.cluster.values(PLACE) == {"password": "before"}


# Owned Secrets


def build_owned(*entries: dict[str, str], data: dict[str, str] | None = None) -> World:
    """Build a world whose Secret we alone own, and a granted version in the vault."""
    world = build()
    world.cluster.views.clear()
    world.cluster.declared.append(declare(*(entries or (build_entry(),))))
    world.cluster.put(build_secret(data=data or {}, managed=False, owned=True, changed=None))
    rotate_silently(world, tags={TAG: "aks-one/shop"})
    return world


async def test_an_owned_secret_is_filled_without_any_event() -> None:
    world = build_owned()

    await world.sweep()
    await world.work_all()

    assert world.cluster.values(PLACE) == {"password": "after"}


async def test_an_owned_secret_that_drifted_is_repaired_again_and_again() -> None:
    world = build_owned()
    for _ in range(3):
        await world.sweep()
        await world.work_all()
        world.cluster.put(build_secret(data={"password": "by hand"}, managed=False, owned=True, changed=world.time))
        world.time += timedelta(minutes=15)

    await world.sweep()
    await world.work_all()

    assert world.cluster.values(PLACE) == {"password": "after"}
    assert world.cluster.writes == 4


async def test_a_pinned_entry_is_filled_and_kept_right() -> None:
    world = build()
    world.cluster.views.clear()
    pinned = rotate_silently(world, "pinned", tags={TAG: "aks-one/shop"})
    rotate_silently(world, "newer", tags={TAG: "aks-one/shop"})
    world.cluster.declared.append(declare(build_entry(version=pinned)))
    world.cluster.put(build_secret(data={}, managed=False, owned=True))

    await world.sweep()
    await world.work_all()
    world.time += timedelta(minutes=15)
    again = await world.sweep()

    assert world.cluster.values(PLACE) == {"password": "pinned"}
    assert again.suspects == 0


async def test_an_owned_secret_that_is_right_is_not_read() -> None:
    world = build_owned()
    await world.sweep()
    await world.work_all()
    world.time += timedelta(minutes=15)

    again = await world.sweep()

    assert (again.targets, again.suspects) == (1, 0)


# Failures


@pytest.mark.parametrize("call", ["classes", "secret_state"])
async def test_a_cluster_that_fails_costs_the_others_nothing_and_is_seen(call: str) -> None:
    world = build(clusters=("aks-one", "aks-two"))
    rotate_silently(world)
    world.clusters[0].script.fail(call, TransientError("down", reason=Reason.CLUSTER_UNREACHABLE))

    with pytest.raises(ExceptionGroup):
        await world.sweep()
    await world.work_all()

    assert world.clusters[1].values(PLACE) == {"password": "after"}
    assert world.clusters[0].values(PLACE) == {"password": "before"}


async def test_a_vault_that_fails_is_seen() -> None:
    world = build()
    world.vault.script.fail("inventory", ConfigurationError("403", reason=Reason.VAULT_FORBIDDEN))

    with pytest.raises(ExceptionGroup) as failed:
        await world.sweep()

    (error,) = failed.value.exceptions
    assert isinstance(error, ConfigurationError)


@pytest.mark.parametrize("broken", ["schedule", "publish", "heard", "newest"])
async def test_what_a_sweep_could_not_finish_is_found_by_the_next(broken: str) -> None:
    world = build()
    version = rotate_silently(world)
    neighbours = {"schedule": world.queue, "publish": world.bus, "heard": world.watch, "newest": world.vault}
    neighbour: Any = neighbours[broken]
    neighbour.script.fail(broken, TransientError("down", reason=Reason.QUEUE_UNREACHABLE))
    with pytest.raises(ExceptionGroup):
        await world.sweep()
    world.heal()
    world.time += timedelta(minutes=15)

    await world.sweep()
    await world.work_all()

    assert world.cluster.values(PLACE) == {"password": "after"}
    assert world.told(NoticeType.OBJECT_NEW_VERSION) == [("kv-shop/secret/db-password", version)]


async def test_a_refused_write_is_left_for_the_flow_to_say() -> None:
    world = build()
    world.cluster.generation = Driver.V1_6_STATIC
    rotate_silently(world)

    await world.sweep()
    await world.work_all()

    (told,) = world.bus.told(NoticeType.TARGET_FAILED)
    assert json.loads(told.body)["data"]["reason"] == "driver-would-revert"


# The heartbeat


async def test_silence_for_too_long_fails_the_sweep_after_its_work(caplog: pytest.LogCaptureFixture) -> None:
    world = build(heartbeat=1800.0)
    rotate_silently(world)

    with pytest.raises(ExceptionGroup) as failed:
        await world.sweep()

    assert {error.reason for error in failed.value.exceptions if isinstance(error, ConfigurationError)} == {
        Reason.EVENTS_SILENT
    }
    assert world.queue.waiting
    assert "no event arrives any more" in caplog.text


async def test_a_recent_event_of_any_object_is_a_heartbeat() -> None:
    world = build(heartbeat=1800.0)
    version = world.vault.put("canary", "x", created=LATER)
    await world.deliver(build_payload(version, name="canary"))
    world.watch.times = dict.fromkeys(world.bus.kept, LATER - timedelta(minutes=5))

    found = await world.sweep()

    assert found.errors == []


async def test_what_the_sweep_told_itself_is_no_heartbeat() -> None:
    world = build(heartbeat=1800.0)
    rotate_silently(world)
    with pytest.raises(ExceptionGroup):
        await world.sweep()

    with pytest.raises(ExceptionGroup):
        await world.sweep()


async def test_what_every_sweep_finds_again_makes_one_chain_of_retries_a_day() -> None:
    world = build()
    rotate_silently(world)
    refusal = ConfigurationError("403", reason=Reason.CLUSTER_FORBIDDEN)
    world.cluster.script.fail("write", refusal)

    longest = 0
    for _ in range(24):
        await world.sweep()
        until = world.time + timedelta(minutes=15)
        while world.queue.waiting and min(job.due for job in world.queue.waiting.values()) < until:
            await world.work()
        world.time = until
        longest = max(longest, len(world.queue.waiting))

    assert longest <= 2


async def test_what_may_not_be_used_yet_is_left_to_its_time() -> None:
    world = build()
    rotate_silently(world, not_before=LATER + timedelta(days=30))

    found = [await world.sweep() for _ in range(3)]

    assert [one.suspects for one in found] == [0, 0, 0]
    assert world.queue.waiting == {}
    world.time = LATER + timedelta(days=30)
    await world.sweep()
    await world.work_all()
    assert world.cluster.values(PLACE) == {"password": "after"}


async def test_without_its_ears_a_sweep_tells_all_the_same() -> None:
    world = build()
    version = rotate_silently(world)
    world.watch.script.fail("heard", ConfigurationError("no role", reason=Reason.TOPIC_FORBIDDEN))

    with pytest.raises(ExceptionGroup):
        await world.sweep()

    assert world.told(NoticeType.OBJECT_NEW_VERSION) == [("kv-shop/secret/db-password", version)]


async def test_what_changed_a_moment_ago_is_left_to_its_event() -> None:
    world = build()
    event = build_payload(world.vault.put(NAME, "after", created=LATER - timedelta(minutes=5)))

    found = await world.sweep()
    await world.deliver(event)

    assert (found.suspects, found.missed) == (1, [])
    (told,) = world.bus.told(NoticeType.OBJECT_NEW_VERSION)
    assert told.properties["origin"] == "event"


async def test_a_secret_that_two_objects_feed_is_looked_at_once() -> None:
    world = build()
    world.vault.put("other", "before", created=NOW - timedelta(hours=1))
    world.cluster.views.append(build_class(name="other", objects=[{"objectName": "other"}], secrets=[SECOND]))

    found = await world.sweep()

    assert found.targets == 2
    assert world.cluster.script.calls.count("secret_state") == 1


SECOND = build_secret_object(other="other")
