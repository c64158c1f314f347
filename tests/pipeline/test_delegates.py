"""Secrets that somebody else fills: their owner is asked, and the answer is told once it is there."""

import json
from datetime import timedelta
from typing import Any

import pytest

from shared import hold, secret_sync
from shared.delegate import Progress, Standing
from shared.errors import ConfigurationError, TransientError
from shared.external_secrets import declaration, stores
from shared.neighbours import Limits
from shared.notice import NoticeType
from shared.nudge import Pod
from shared.observed import Driver
from shared.pace import Pace
from shared.reason import Reason
from tests.builders import HOST, NAME, PLACE, World, bind, build_class, build_secret, build_world
from tests.fakes import NOW

SYNCED = Progress(standing=Standing.SYNCED)
PENDING = Progress(standing=Standing.PENDING)
FAILING = Progress(standing=Standing.FAILING, detail="SecretSyncedError")


def external_secret(**spec: Any) -> dict[str, Any]:
    """Build an ExternalSecret that fills `shop/web-secret` from the default object."""
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"namespace": "shop", "name": "web", "generation": 1},
        "spec": {
            "secretStoreRef": {"name": "kv"},
            "target": {"name": "web-secret"},
            "data": [{"secretKey": "password", "remoteRef": {"key": NAME}}],
            **spec,
        },
        "status": {"syncedResourceVersion": "1-abc", "refreshTime": "2026-11-20T00:00:00Z"},
    }


def build(**spec: Any) -> World:
    """Build a world whose Secret External Secrets fills."""
    world = build_world(limits=Limits(deadline=5, telling=1, pace=Pace(restarting=False)))
    world.cluster.views.clear()
    store = {
        "kind": "SecretStore",
        "metadata": {"namespace": "shop", "name": "kv"},
        "spec": {"provider": {"azurekv": {"vaultUrl": f"https://{HOST}"}}},
    }
    world.cluster.stores = [found for found in [stores.parse(store)] if found]
    world.cluster.external_secrets = [
        found for found in [declaration.parse(external_secret(**spec))] if found is not None
    ]
    world.cluster.put(build_secret(managed=False))
    return world


RESOURCE = "externalsecrets shop/web"


async def test_the_owner_is_asked_and_nothing_is_written_or_told_of_the_secret() -> None:
    world = build()

    await world.deliver(world.rotate("after"))

    assert world.cluster.asked == [(RESOURCE, world.newest())]
    assert world.cluster.writes == 0
    assert world.told() == []
    assert "secret" not in world.cluster.script.calls


async def test_once_the_owner_has_written_the_secret_it_is_told_and_its_pods_are_woken() -> None:
    world = build()
    world.cluster.running["shop"] = [
        Pod(name="web-0", secrets=frozenset({"web-secret"}), classes=frozenset(), woken_for="")
    ]
    await world.deliver(world.rotate("after"))
    world.cluster.standing[RESOURCE] = PENDING
    await world.work()
    early = world.told()
    stored = world.cluster.put(build_secret(data={"password": "after"}, managed=False))
    world.cluster.standing[RESOURCE] = SYNCED

    await world.work_all()

    assert early == []
    (told,) = world.bus.told(NoticeType.TARGET_REFRESHED)
    data = json.loads(told.body)["data"]
    assert (data["owner"], data["action"], data["version"]) == ("external-secrets", "nudged", world.newest())
    assert data["resourceVersion"] == stored.resource_version
    assert world.cluster.woken == {"shop/web-0": [f"web-secret={stored.resource_version}"]}


async def test_an_owner_that_found_nothing_new_is_told_and_wakes_nobody() -> None:
    world = build()
    await world.deliver(world.rotate("after"))
    world.cluster.standing[RESOURCE] = SYNCED

    await world.work_all()

    assert len(world.told()) == 1
    assert "pods" not in world.cluster.script.calls


@pytest.mark.parametrize("standing", [PENDING, FAILING])
async def test_an_owner_that_does_not_write_is_given_up_with_a_reason(standing: Progress) -> None:
    world = build()
    await world.deliver(world.rotate("after"))
    world.cluster.standing[RESOURCE] = standing

    await world.work_all()

    (told,) = world.bus.told(NoticeType.TARGET_FAILED)
    data = json.loads(told.body)["data"]
    assert (data["reason"], data["owner"]) == ("owner-failing", "external-secrets")
    assert data["remedy"]
    assert world.told() == []


async def test_a_resource_that_is_gone_ends_its_check() -> None:
    world = build()
    await world.deliver(world.rotate("after"))

    await world.work_all()

    assert world.told(NoticeType.TARGET_FAILED) == []


async def test_a_policy_that_ignores_requests_is_said_and_not_hidden() -> None:
    world = build(refreshInterval="0")

    await world.deliver(world.rotate("after"))

    assert world.cluster.asked == []
    (told,) = world.bus.told(NoticeType.TARGET_FAILED)
    assert json.loads(told.body)["data"]["reason"] == "owner-ignores"
    assert world.queue.waiting == {}


@pytest.mark.parametrize(
    ("tags", "asked"), [({"app": "shop", "team": "x"}, True), ({"app": "bank"}, False), ({}, False)]
)
async def test_a_search_by_tags_concerns_objects_that_carry_them(tags: dict[str, str], *, asked: bool) -> None:
    world = build(dataFrom=[{"find": {"tags": {"app": "shop"}}}], data=[])

    await world.deliver(world.rotate("after", tags=tags))

    assert bool(world.cluster.asked) is asked
    assert world.told(NoticeType.TARGET_FAILED) == []


async def test_one_redelivery_asks_again_with_the_same_words() -> None:
    world = build()
    payload = world.rotate("after")

    await world.deliver(payload)
    await world.deliver(payload)

    assert set(world.cluster.asked) == {(RESOURCE, world.newest())}
    assert len(world.queue.waiting) == 1


async def test_an_owner_that_cannot_be_asked_fails_alone() -> None:
    world = build()
    world.cluster.script.fail("ask", ConfigurationError("no right", reason=Reason.CLUSTER_FORBIDDEN))

    await world.deliver(world.rotate("after"))
    world.heal()
    world.cluster.standing[RESOURCE] = SYNCED
    await world.work_all()

    assert len(world.told(NoticeType.OBJECT_NEW_VERSION)) == 1
    assert world.cluster.asked == [(RESOURCE, world.newest())]


async def test_a_class_and_an_external_secret_for_one_secret_are_a_contest() -> None:
    world = build()
    world.cluster.views.append(build_class())

    await world.deliver(world.rotate("after"))

    assert world.cluster.asked == []
    assert world.cluster.values(PLACE) == {"password": "before"}
    (told,) = world.bus.told(NoticeType.TARGET_FAILED)
    assert json.loads(told.body)["data"]["reason"] == "contested"


async def test_the_sync_controller_is_asked_by_its_own_field() -> None:
    world = build_world(limits=Limits(deadline=5, telling=1, pace=Pace(restarting=False)))
    world.cluster.views[:] = [build_class(secrets=[])]
    world.cluster.secret_syncs = [
        secret_sync.parse(
            {
                "metadata": {"namespace": "shop", "name": "synced"},
                "spec": {
                    "secretProviderClassName": "web",
                    "secretObject": {"type": "Opaque", "data": [{"sourcePath": NAME, "targetKey": "password"}]},
                },
            }
        )
    ]
    world.cluster.put(build_secret("shop/synced", managed=False))
    await world.deliver(world.rotate("after"))
    world.cluster.standing["secretsyncs shop/synced"] = SYNCED

    await world.work_all()

    assert world.cluster.asked == [("secretsyncs shop/synced", world.newest())]
    (told,) = world.bus.told(NoticeType.TARGET_REFRESHED)
    assert json.loads(told.body)["data"]["owner"] == "secrets-store-sync-controller"


async def test_progress_that_cannot_be_read_is_read_again() -> None:
    world = build()
    await world.deliver(world.rotate("after"))
    world.cluster.standing[RESOURCE] = SYNCED
    world.cluster.script.fail("progress", TransientError("down", reason=Reason.CLUSTER_UNREACHABLE), times=1)

    await world.work_all()

    assert len(world.told()) == 1


async def test_a_late_event_asks_and_tells_for_the_version_that_is_served() -> None:
    """Nobody is told of an older version after a newer one."""
    world = build()
    older, newer = world.rotate("older"), world.rotate("newer")
    world.cluster.standing[RESOURCE] = SYNCED

    await world.deliver(newer)
    await world.deliver(older)
    await world.work_all()

    assert {state for _, state in world.cluster.asked} == {world.newest()}
    assert {version for _, version in world.told()} == {world.newest()}


async def test_an_owner_that_wrote_what_is_not_served_any_more_is_not_told_of() -> None:
    """Which of the two it fetched nobody knows; its pods are woken all the same."""
    world = build()
    world.cluster.running["shop"] = [
        Pod(name="web-0", secrets=frozenset({"web-secret"}), classes=frozenset(), woken_for="")
    ]
    await world.deliver(world.rotate("older"))
    world.cluster.standing[RESOURCE] = SYNCED
    world.cluster.put(build_secret(managed=False))
    event = world.rotate("newer")

    await world.work()

    assert world.told() == []
    assert list(world.cluster.woken) == ["shop/web-0"]
    await world.deliver(event)
    await world.work_all()
    assert world.told() == [("aks-one/shop/web-secret", world.newest())]


async def test_a_newer_version_that_is_held_back_does_not_silence_the_older_one() -> None:
    world = build()
    await world.deliver(world.rotate("older"))
    older = world.newest()
    world.cluster.standing[RESOURCE] = SYNCED
    await world.deliver(world.rotate("newer", tags={hold.TAG: (NOW + timedelta(days=1)).isoformat()}))

    await world.work()

    assert world.told() == [("aks-one/shop/web-secret", older)]


async def test_of_one_check_an_owner_is_not_told_of_for_what_the_driver_wrote() -> None:
    """A newer version was written to the driver's Secret; the owner answered for the older one."""
    world = build()
    world.cluster.generation = Driver.V1_6_ROTATING
    bind(world.cluster, "shop/other-secret", world.newest())
    await world.deliver(world.rotate("older"))
    event = world.rotate("newer")
    world.cluster.standing[RESOURCE] = SYNCED
    await world.deliver(event)
    first = min(world.queue.waiting, key=lambda key: world.queue.waiting[key].due)
    world.queue.waiting = {first: world.queue.waiting[first]}

    await world.work()

    assert [subject for subject, _ in world.told()].count("aks-one/shop/web-secret") == 0
