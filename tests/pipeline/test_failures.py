"""A neighbour fails: what may pass comes back and heals, what stays is told, and the others go on.

A redelivery is always to a fresh process. Which answer of a neighbour means what is tested at the edges.
"""

import json
import logging

import pytest

from shared.errors import ConfigurationError, ConflictError, FanoutError, PermanentError, TransientError
from shared.neighbours import Limits
from shared.notice import NoticeType
from shared.reason import Reason, remedy
from tests.builders import PLACE, World, build_payload, build_secret, build_world

from .verdicts import assert_done, fails

OBJECT, TARGET, FAILED = NoticeType.OBJECT_NEW_VERSION, NoticeType.TARGET_REFRESHED, NoticeType.TARGET_FAILED
THREE = ("shop/web-secret", "shop/api-secret", "pay/web-secret")
SHORT = Limits(deadline=0.3, telling=0.1)

VAULT_PASSES = [
    TransientError("kv-shop: no answer", reason=Reason.VAULT_UNREACHABLE),
    TransientError("kv-shop: 429", reason=Reason.VAULT_THROTTLED, retry_after=30),
    ConfigurationError("kv-shop: 403 ForbiddenByRbac", reason=Reason.VAULT_FORBIDDEN),
    ConfigurationError("kv-shop: 403 ForbiddenByFirewall", reason=Reason.VAULT_FIREWALL),
    ConfigurationError("kv-shop: no token", reason=Reason.VAULT_UNAUTHENTICATED),
]
VAULT_STAYS = [
    PermanentError("kv-shop: 403 SecretDisabled", reason=Reason.OBJECT_DISABLED),
    PermanentError("kv-shop: 404", reason=Reason.OBJECT_NOT_FOUND),
    PermanentError("kv-shop: 400", reason=Reason.VAULT_REFUSED),
]
CLUSTER_PASSES = [
    TransientError("aks-one: no answer", reason=Reason.CLUSTER_UNREACHABLE),
    TransientError("aks-one: 429", reason=Reason.CLUSTER_THROTTLED, retry_after=30),
    ConfigurationError("aks-one: 403", reason=Reason.CLUSTER_FORBIDDEN),
    ConfigurationError("aks-one: 401", reason=Reason.CLUSTER_UNAUTHENTICATED),
]
BUS_PASSES = [
    TransientError("topic: no answer", reason=Reason.TOPIC_UNREACHABLE),
    ConfigurationError("topic: no claim", reason=Reason.TOPIC_FORBIDDEN),
    ConfigurationError("topic: not found", reason=Reason.TOPIC_NOT_FOUND),
]
LOOKING = ["classes", "driver"]


def by_reason(error: FanoutError) -> str:
    """Name a case after its reason."""
    return str(error.reason)


def reasons(world: World) -> dict[str, str]:
    """Return why targets stay behind, by subject."""
    return {notice.subject: json.loads(notice.body)["data"]["reason"] for notice in world.bus.told(FAILED)}


# The vault


@pytest.mark.parametrize("error", VAULT_PASSES, ids=by_reason)
async def test_a_fault_of_the_vault_that_passes_brings_the_event_back(error: FanoutError) -> None:
    world = build_world()
    payload = world.rotate("after")
    world.vault.script.fail("read", error)

    assert await fails(world, payload) == {error.reason}

    assert world.cluster.values(PLACE) == {"password": "before"}
    assert world.bus.kept == {}
    world.heal()
    await world.deliver(payload)
    assert_done(world)


@pytest.mark.parametrize("error", VAULT_PASSES, ids=by_reason)
async def test_a_grant_that_cannot_be_confirmed_brings_the_event_back(error: FanoutError) -> None:
    world = build_world()
    payload = world.rotate("after")
    world.vault.script.fail("confirms", error)

    assert await fails(world, payload) == {error.reason}

    assert world.cluster.values(PLACE) == {"password": "before"}
    assert world.told() == world.told(FAILED) == []
    world.heal()
    await world.deliver(payload)
    assert_done(world)


@pytest.mark.parametrize("error", VAULT_STAYS, ids=by_reason)
async def test_a_refusal_of_the_vault_that_stays_is_told_and_ends_the_event(error: FanoutError) -> None:
    world = build_world()
    payload = world.rotate("after")
    world.vault.script.fail("read", error)

    await world.deliver(payload)

    assert world.cluster.values(PLACE) == {"password": "before"}
    assert reasons(world) == {"aks-one/shop/web-secret": error.reason}
    assert world.told(OBJECT) == []


async def test_a_fault_that_somebody_must_mend_is_logged_loudly_with_its_remedy(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = build_world()
    world.vault.script.fail("read", VAULT_PASSES[2])

    await fails(world, world.rotate("after"))

    loud = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert any(remedy(Reason.VAULT_FORBIDDEN) in line for line in loud)


async def test_a_vault_that_never_answers_costs_the_event_its_deadline_and_no_more() -> None:
    world = build_world(limits=SHORT)
    payload = world.rotate("after")
    world.vault.script.stall("read")

    assert await fails(world, payload) == {Reason.DEADLINE}

    world.heal()
    await world.deliver(payload)
    assert_done(world)


# A cluster


@pytest.mark.parametrize("error", CLUSTER_PASSES, ids=by_reason)
@pytest.mark.parametrize("call", LOOKING)
async def test_a_cluster_that_cannot_be_looked_at_costs_the_others_nothing(call: str, error: FanoutError) -> None:
    world = build_world(clusters=("aks-one", "aks-two"))
    payload = world.rotate("after")
    world.clusters[0].script.fail(call, error)

    assert await fails(world, payload) == {error.reason}

    assert world.clusters[0].values(PLACE) == {"password": "before"}
    assert world.clusters[1].values(PLACE) == {"password": "after"}
    assert world.told() == [("aks-two/shop/web-secret", world.newest())]
    assert len(world.told(OBJECT)) == 1
    world.heal()
    await world.deliver(payload)
    assert_done(world)


@pytest.mark.parametrize("error", CLUSTER_PASSES, ids=by_reason)
@pytest.mark.parametrize(
    ("call", "about", "spared"),
    [
        ("pod_statuses", "shop", ["pay/web-secret"]),
        ("secret", "shop/web-secret", ["shop/api-secret", "pay/web-secret"]),
        ("write", "shop/web-secret", ["shop/api-secret", "pay/web-secret"]),
    ],
)
async def test_a_namespace_or_secret_that_fails_costs_the_others_nothing(
    call: str, about: str, spared: list[str], error: FanoutError
) -> None:
    world = build_world(*THREE)
    payload = world.rotate("after")
    world.cluster.script.fail(call, error, about=about)

    assert await fails(world, payload) == {error.reason}

    changed = [place for place in THREE if world.cluster.values(place)["password"] == "after"]
    assert changed == spared
    assert sorted(world.told()) == sorted((f"aks-one/{place}", world.newest()) for place in spared)
    world.heal()
    await world.deliver(payload)
    assert_done(world, *THREE)
    assert world.cluster.writes == 3


async def test_the_second_of_three_writes_fails() -> None:
    world = build_world(*THREE)
    payload = world.rotate("after")

    world.cluster.script.fail("write", CLUSTER_PASSES[0], about=THREE[1], times=1)

    assert await fails(world, payload) == {Reason.CLUSTER_UNREACHABLE}

    assert world.cluster.writes == len(world.told()) == 2
    world.heal()
    await world.deliver(payload)
    assert_done(world, *THREE)
    assert world.cluster.writes == 3


async def test_a_write_whose_answer_is_lost_is_found_done() -> None:
    world = build_world()
    payload = world.rotate("after")
    world.cluster.script.fail("write", CLUSTER_PASSES[0], after=True)

    assert await fails(world, payload) == {Reason.CLUSTER_UNREACHABLE}

    assert world.told() == []
    world.heal()
    await world.deliver(payload)
    assert_done(world)
    assert world.cluster.writes == 1


async def test_a_refusal_of_the_cluster_that_stays_is_told_and_ends_the_event() -> None:
    world = build_world(*THREE)
    error = PermanentError("aks-one: 422", reason=Reason.CLUSTER_REFUSED)
    world.cluster.script.fail("write", error, about="shop/web-secret")

    await world.deliver(world.rotate("after"))

    assert reasons(world) == {"aks-one/shop/web-secret": "cluster-refused"}
    assert len(world.told()) == 2


@pytest.mark.parametrize("call", [*LOOKING, "pod_statuses", "secret", "write"])
async def test_a_cluster_that_never_answers_costs_the_others_nothing(call: str) -> None:
    """The whole event has an hour here: it is the cluster's own limit that counts."""
    world = build_world(clusters=("aks-one", "aks-two"), limits=Limits(deadline=3600, telling=1))
    payload = world.rotate("after")
    stalled = world.clusters[0]
    stalled.timeout = 0.1
    stalled.script.stall(call)

    assert await fails(world, payload) <= {Reason.DEADLINE, Reason.CLUSTER_UNREACHABLE}

    assert stalled.values(PLACE) == {"password": "before"}
    assert world.clusters[1].values(PLACE) == {"password": "after"}
    assert world.told() == [("aks-two/shop/web-secret", world.newest())]
    assert len(world.told(OBJECT)) == 1
    world.heal()
    await world.deliver(payload)
    assert_done(world)


async def test_at_the_deadline_what_was_written_is_still_told() -> None:
    world = build_world(*THREE, limits=SHORT)
    payload = world.rotate("after")
    world.cluster.script.stall("write", about="shop/web-secret")

    assert await fails(world, payload) == {Reason.DEADLINE}

    assert len(world.told()) == 2
    world.heal()
    await world.deliver(payload)
    assert_done(world, *THREE)


async def test_a_secret_that_others_keep_writing_is_left_for_the_redelivery() -> None:
    world = build_world("shop/web-secret", "pay/web-secret")
    payload = world.rotate("after")
    busy = world.cluster.secrets["shop/web-secret"]

    async def edit() -> None:
        world.cluster.put(busy)

    world.cluster.script.at("write", edit, about="shop/web-secret", times=None)

    assert await fails(world, payload) == {Reason.SECRET_CONFLICT}

    assert set(world.cluster.past("shop/web-secret", "password")) == {"before"}
    assert world.cluster.values("pay/web-secret") == {"password": "after"}
    world.heal()
    await world.deliver(payload)
    assert_done(world, "shop/web-secret", "pay/web-secret")


async def test_a_few_conflicts_are_settled_in_one_delivery() -> None:
    world = build_world()
    conflict = ConflictError("aks-one: 409", reason=Reason.SECRET_CONFLICT)

    async def refuse() -> None:
        raise conflict

    world.cluster.script.at("write", refuse, times=3)

    await world.deliver(world.rotate("after"))

    assert_done(world)


async def test_a_conflict_with_a_vault_that_fails_meanwhile_brings_the_event_back() -> None:
    world = build_world()
    payload = world.rotate("after")

    async def edit() -> None:
        world.cluster.put(build_secret())
        world.vault.script.fail("read", VAULT_PASSES[0])

    world.cluster.script.at("write", edit)

    assert await fails(world, payload) == {Reason.VAULT_UNREACHABLE}

    world.heal()
    await world.deliver(payload)
    assert_done(world)


# The topic


@pytest.mark.parametrize("error", BUS_PASSES, ids=by_reason)
@pytest.mark.parametrize(("about", "told"), [(OBJECT, [TARGET]), (TARGET, [OBJECT]), ("", [])])
async def test_what_could_not_be_told_is_told_on_the_redelivery(
    about: str, told: list[NoticeType], error: FanoutError
) -> None:
    """The Secret was written before: a redelivery that told only of its own writes would tell nothing, ever."""
    world = build_world()
    payload = world.rotate("after")
    world.bus.script.fail("publish", error, about=about)

    assert await fails(world, payload) == {error.reason}

    assert world.cluster.values(PLACE) == {"password": "after"}
    assert [notice.type for notice in world.bus.kept.values()] == told
    world.heal()
    await world.deliver(payload)
    assert_done(world)
    assert world.cluster.writes == 1


async def test_a_notice_whose_receipt_is_lost_is_not_told_twice() -> None:
    world = build_world()
    payload = world.rotate("after")
    world.bus.script.fail("publish", BUS_PASSES[0], after=True)

    await fails(world, payload)
    world.heal()
    await world.deliver(payload)

    assert_done(world)
    assert len(world.bus.dropped) == 2


async def test_one_clusters_notices_do_not_wait_for_anothers() -> None:
    world = build_world(clusters=("aks-one", "aks-two"), limits=SHORT)
    payload = world.rotate("after")
    world.clusters[0].script.stall("write")

    await fails(world, payload)

    assert world.told() == [("aks-two/shop/web-secret", world.newest())]


async def test_a_notice_that_can_never_be_sent_does_not_bring_the_event_back() -> None:
    world = build_world()
    too_large = PermanentError("topic: MessageSizeExceededError", reason=Reason.TOPIC_REFUSED)
    world.bus.script.fail("publish", too_large, about=TARGET)

    await world.deliver(world.rotate("after"))

    assert world.told(OBJECT)
    assert world.cluster.values(PLACE) == {"password": "after"}


@pytest.mark.parametrize("error", BUS_PASSES, ids=by_reason)
async def test_an_expiry_that_could_not_be_told_comes_back(error: FanoutError) -> None:
    world = build_world()
    payload = build_payload("1", type_="SecretExpired")
    world.bus.script.fail("publish", error)

    assert await fails(world, payload) == {error.reason}

    world.heal()
    await world.deliver(payload)
    assert world.told(NoticeType.OBJECT_EXPIRED) == [("kv-shop/secret/db-password", "1")]


@pytest.mark.parametrize("about", [OBJECT, TARGET])
async def test_a_topic_that_never_answers_costs_the_event_its_deadline(about: str) -> None:
    world = build_world(limits=SHORT)
    payload = world.rotate("after")
    world.bus.script.stall("publish", about=about)

    assert await fails(world, payload) == {Reason.DEADLINE}

    assert world.cluster.values(PLACE) == {"password": "after"}
    world.heal()
    await world.deliver(payload)
    assert_done(world)
