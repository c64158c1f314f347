"""One event, healthy neighbours: what the Secrets hold and what subscribers were told afterwards."""

import asyncio
import json
from typing import Any

import pytest

from shared.grant import TAG
from shared.notice import NoticeType
from shared.observed import Driver
from tests.builders import (
    NAME,
    PLACE,
    bind,
    build_class,
    build_data,
    build_envelope,
    build_mount,
    build_payload,
    build_refused_class,
    build_secret,
    build_secret_object,
    build_world,
)

NEW = "kv-shop/secret/db-password"


@pytest.mark.parametrize("cloud", [True, False])
async def test_a_new_version_reaches_the_secret_and_is_told(*, cloud: bool) -> None:
    world = build_world()
    version = world.vault.put(NAME, "after")

    await world.deliver(build_payload(version, cloud=cloud))

    assert world.cluster.values(PLACE) == {"password": "after"}
    assert world.told(NoticeType.OBJECT_NEW_VERSION) == [(NEW, version)]
    assert world.told() == [("aks-one/shop/web-secret", version)]
    assert len(world.bus.kept) == 2


async def test_a_notice_says_what_the_secret_became() -> None:
    world = build_world()

    await world.deliver(world.rotate("after"))

    (told,) = world.bus.told(NoticeType.TARGET_REFRESHED)
    data = json.loads(told.body)["data"]
    assert data["resourceVersion"] == world.cluster.secrets[PLACE].resource_version
    assert (data["action"], data["keys"], data["owner"]) == ("written", ["password"], "csi-driver 1.5")


async def test_only_data_of_the_object_changes() -> None:
    world = build_world()
    world.cluster.put(build_secret(data={"password": "before", "user": "shop"}))

    await world.deliver(world.rotate("after"))

    assert world.cluster.values(PLACE) == {"password": "after", "user": "shop"}


async def test_equal_bytes_are_not_written_again_but_told() -> None:
    world = build_world()
    before = world.cluster.secrets[PLACE]

    await world.deliver(world.rotate("before"))

    assert world.cluster.secrets[PLACE] is before
    assert world.told() == [("aks-one/shop/web-secret", world.newest())]


async def test_every_secret_in_every_cluster_is_refreshed() -> None:
    places = ("shop/web-secret", "shop/api-secret", "pay/web-secret")
    world = build_world(*places, clusters=("aks-one", "aks-two"))

    await world.deliver(world.rotate("after"))

    for cluster in world.clusters:
        assert [cluster.values(place)["password"] for place in places] == ["after"] * 3
    assert sorted(subject for subject, _ in world.told()) == sorted(
        f"{cluster.name}/{place}" for cluster in world.clusters for place in places
    )


async def test_the_vault_is_read_once_for_all_of_them() -> None:
    world = build_world("shop/web-secret", "pay/web-secret", clusters=("aks-one", "aks-two"))

    await world.deliver(world.rotate("after"))

    assert world.vault.script.calls.count("read") == 1


async def test_an_object_that_nobody_binds_is_told() -> None:
    world = build_world()
    payload = world.rotate("after", name="other")

    await world.deliver(payload)

    assert world.told(NoticeType.OBJECT_NEW_VERSION) == [("kv-shop/secret/other", world.newest("other"))]
    assert world.cluster.writes == 0
    assert "secret" not in world.cluster.script.calls


async def test_without_clusters_the_object_is_told() -> None:
    world = build_world(clusters=())

    await world.deliver(world.rotate("after"))

    assert world.told(NoticeType.OBJECT_NEW_VERSION) == [(NEW, world.newest())]


@pytest.mark.parametrize(
    ("type_", "notice"),
    [("NearExpiry", NoticeType.OBJECT_NEAR_EXPIRY), ("Expired", NoticeType.OBJECT_EXPIRED)],
)
@pytest.mark.parametrize(("family", "kind"), [("Secret", "secret"), ("Key", "key"), ("Certificate", "cert")])
async def test_an_expiry_is_told_and_nothing_else_is_done(
    family: str, kind: str, type_: str, notice: NoticeType
) -> None:
    world = build_world()

    await world.deliver(build_payload("1", type_=f"{family}{type_}"))

    assert world.told(notice) == [(f"kv-shop/{kind}/{NAME}", "1")]
    assert world.calls() == ["publish"]


async def test_a_certificate_refreshes_the_secret_of_its_name() -> None:
    world = build_world()
    version = world.vault.put(NAME, "after")

    await world.deliver(build_payload(version, type_="CertificateNewVersionCreated"))

    assert world.cluster.values(PLACE) == {"password": "after"}
    assert world.told(NoticeType.OBJECT_NEW_VERSION) == [(f"kv-shop/cert/{NAME}", version)]
    assert world.told() == [("aks-one/shop/web-secret", version)]


async def test_a_certificate_and_its_secret_are_written_once_and_told_once() -> None:
    world = build_world()
    version = world.vault.put(NAME, "after")

    await world.deliver(build_payload(version, type_="CertificateNewVersionCreated"))
    await world.deliver(build_payload(version))

    assert world.cluster.writes == 1
    assert world.told() == [("aks-one/shop/web-secret", version)]


async def test_a_key_that_no_class_binds_is_told_unread() -> None:
    world = build_world()

    await world.deliver(build_payload("k1", name="signing", type_="KeyNewVersionCreated"))

    assert world.told(NoticeType.OBJECT_NEW_VERSION) == [("kv-shop/key/signing", "k1")]
    assert world.vault.script.calls == []


async def test_a_batch_is_handled_event_by_event() -> None:
    world = build_world()
    other = world.vault.put("other", "x")
    version = world.vault.put(NAME, "after")
    batch = [build_envelope(data=build_data(name, told)) for name, told in ((NAME, version), ("other", other))]

    await world.deliver(json.dumps([*batch, build_envelope("VaultAccessPolicyChanged"), "no event"]))

    assert world.cluster.values(PLACE) == {"password": "after"}
    assert sorted(world.told(NoticeType.OBJECT_NEW_VERSION)) == sorted(
        [(NEW, version), ("kv-shop/secret/other", other)]
    )


async def test_several_keys_and_classes_of_one_secret_are_one_write() -> None:
    world = build_world()
    keys = build_secret_object(first=NAME, second=NAME)
    world.cluster.views.append(build_class(name="second", secrets=[keys]))
    world.cluster.mounts["shop"].append(build_mount(world.newest(), class_name="second"))

    await world.deliver(world.rotate("after"))

    assert world.cluster.values(PLACE) == {"password": "after", "first": "after", "second": "after"}
    assert world.cluster.writes == 1
    assert len(world.told()) == 1


async def test_a_pinned_version_stays() -> None:
    world = build_world()
    pinned = [{"objectName": NAME, "objectVersion": world.newest()}]
    world.cluster.views[:] = [build_class(objects=pinned)]

    await world.deliver(world.rotate("after"))

    assert world.cluster.values(PLACE) == {"password": "before"}
    assert world.told() == world.told(NoticeType.TARGET_FAILED) == []


async def test_an_object_that_is_bound_with_its_history_only_is_told_at_its_newest_version() -> None:
    """The class asks for a list of versions; which one the vault serves is a read of its own."""
    world = build_world()
    history = {"objectName": NAME, "objectVersionHistory": 2}
    secret = build_secret_object(password=f"{NAME}/0", previous=f"{NAME}/1")
    world.cluster.views[:] = [build_class(objects=[history], secrets=[secret])]

    await world.deliver(world.rotate("after"))

    assert world.cluster.values(PLACE) == {"password": "after", "previous": "before"}
    assert world.told(NoticeType.OBJECT_NEW_VERSION) == [(NEW, world.newest())]
    assert world.told() == [("aks-one/shop/web-secret", world.newest())]


async def test_the_owners_tag_lets_a_namespace_have_it_without_a_mount() -> None:
    world = build_world("shop/web-secret", "pay/web-secret")
    world.cluster.mounts.clear()
    payload = build_payload(world.vault.put(NAME, "after", tags={TAG: "aks-*/shop"}))

    await world.deliver(payload)

    assert world.cluster.values("shop/web-secret") == {"password": "after"}
    assert world.cluster.values("pay/web-secret") == {"password": "before"}
    assert world.told(NoticeType.TARGET_FAILED) == [("aks-one/pay/web-secret", world.newest())]


async def test_a_namespace_that_only_asks_gets_nothing() -> None:
    """Anybody who may edit a namespace can write a class; that alone moves no bytes (design 5)."""
    world = build_world()
    bind(world.cluster, "evil/loot-secret", "made-up-version")
    world.cluster.put(build_secret("evil/loot-secret", {"password": "guess"}))

    await world.deliver(world.rotate("after"))

    assert world.cluster.past("evil/loot-secret", "password") == ["before", "guess"]
    assert world.told() == [("aks-one/shop/web-secret", world.newest())]
    (failed,) = world.bus.told(NoticeType.TARGET_FAILED)
    assert json.loads(failed.body)["data"]["reason"] == "no-grant"


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("secret-immutable", {"immutable": True}),
        ("secret-not-managed", {"managed": False}),
        ("secret-other-type", {"type": "kubernetes.io/basic-auth"}),
    ],
)
async def test_a_secret_that_may_not_be_written_is_left_and_told(reason: str, change: dict[str, Any]) -> None:
    world = build_world()
    world.cluster.put(build_secret(**change))

    await world.deliver(world.rotate("after"))

    assert world.cluster.values(PLACE) == {"password": "before"}
    (failed,) = world.bus.told(NoticeType.TARGET_FAILED)
    assert json.loads(failed.body)["data"]["reason"] == reason


async def test_a_driver_that_would_revert_is_not_fought() -> None:
    world = build_world()
    world.cluster.generation = Driver.V1_6_STATIC

    await world.deliver(world.rotate("after"))

    assert world.cluster.values(PLACE) == {"password": "before"}
    (failed,) = world.bus.told(NoticeType.TARGET_FAILED)
    assert json.loads(failed.body)["data"]["reason"] == "driver-would-revert"


async def test_a_secret_that_is_not_there_is_not_made() -> None:
    world = build_world()
    world.cluster.secrets.clear()

    await world.deliver(world.rotate("after"))

    assert world.cluster.secrets == {}
    assert world.told(NoticeType.TARGET_FAILED) == []


async def test_a_class_that_only_mounts_is_no_target() -> None:
    world = build_world()
    world.cluster.views[:] = [build_class(secrets=[])]

    await world.deliver(world.rotate("after"))

    assert world.cluster.values(PLACE) == {"password": "before"}
    assert world.told() == world.told(NoticeType.TARGET_FAILED) == []


@pytest.mark.parametrize("there", [True, False])
async def test_a_class_that_the_driver_refuses_is_told_of_a_secret_that_is_there(*, there: bool) -> None:
    world = build_world()
    world.cluster.views.append(build_refused_class(secrets=("other-secret",)))
    if there:
        world.cluster.put(build_secret("shop/other-secret"))

    await world.deliver(world.rotate("after"))

    assert world.cluster.values(PLACE) == {"password": "after"}
    told = [("aks-one/shop/other-secret", world.newest())] if there else []
    assert world.told(NoticeType.TARGET_FAILED) == told


@pytest.mark.parametrize("broken", ["disabled", "deleted"])
async def test_an_object_that_the_vault_does_not_serve_ends_the_event(broken: str) -> None:
    world = build_world()
    payload = world.rotate("after")
    if broken == "disabled":
        world.vault.enable(NAME, enabled=False)
    else:
        world.vault.deleted.add(NAME)

    await world.deliver(payload)

    assert world.cluster.values(PLACE) == {"password": "before"}
    assert world.told(NoticeType.OBJECT_NEW_VERSION) == world.told() == []
    (failed,) = world.bus.told(NoticeType.TARGET_FAILED)
    assert (
        json.loads(failed.body)["data"]["reason"]
        == {
            "disabled": "object-disabled",
            "deleted": "object-not-found",
        }[broken]
    )


async def test_the_vault_is_read_after_every_secret_that_it_decides_about() -> None:
    world = build_world("shop/web-secret", "pay/web-secret", clusters=("aks-one", "aks-two"))

    await world.deliver(world.rotate("after"))

    moments = world.life.moments
    read = moments.index(f"before read {NAME}")
    assert max(at for at, moment in enumerate(moments) if moment.startswith("after secret")) < read


async def test_a_cluster_that_looks_late_gets_a_read_of_its_own() -> None:
    """Its Secret may hold a version that did not exist when the others' read began."""
    world = build_world(clusters=("aks-one", "aks-two"))
    slow = world.clusters[1]
    looking = slow.script.pause("secret")
    told = world.clusters[0].script.pause("write", after=True)

    delivery = asyncio.ensure_future(world.deliver(world.rotate("second")))
    await told.reached.wait()
    world.vault.put(NAME, "third")
    slow.put(build_secret(data={"password": "third"}))
    looking.end()
    told.end()
    await delivery

    assert slow.past(PLACE, "password") == ["before", "third"]
    assert ("aks-two/shop/web-secret", world.newest()) in world.told()


async def test_a_secret_changed_between_look_and_write_is_looked_at_again() -> None:
    world = build_world()

    async def edit() -> None:
        world.cluster.put(build_secret(data={"password": "before", "foreign": "x"}))

    world.cluster.script.at("write", edit)

    await world.deliver(world.rotate("after"))

    assert world.cluster.values(PLACE) == {"password": "after", "foreign": "x"}


async def test_a_secret_removed_between_look_and_write_is_not_made_again() -> None:
    world = build_world()

    async def remove() -> None:
        world.cluster.secrets.clear()

    world.cluster.script.at("write", remove)

    await world.deliver(world.rotate("after"))

    assert world.cluster.secrets == {}
    assert world.told() == []


async def test_an_old_event_tells_the_version_that_the_vault_serves_now() -> None:
    world = build_world()
    old = world.rotate("second")
    world.rotate("third")

    await world.deliver(old)

    assert world.cluster.past(PLACE, "password") == ["before", "third"]
    assert world.told(NoticeType.OBJECT_NEW_VERSION) == [(NEW, world.newest())]
