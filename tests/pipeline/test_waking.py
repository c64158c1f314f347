"""Waking pods makes a refresh arrive sooner: it never holds a notice up, and never brings the event back."""

import pytest

from shared.errors import ConfigurationError, TransientError
from shared.neighbours import Limits
from shared.notice import NoticeType
from shared.nudge import Pod
from shared.observed import Driver
from shared.reason import Reason
from tests.builders import NAME, PLACE, World, build_class, build_world


def pod(name: str = "web-0", *secrets: str, classes: tuple[str, ...] = ()) -> Pod:
    return Pod(name=name, secrets=frozenset(secrets or ("web-secret",)), classes=frozenset(classes), woken_for="")


def build(*pods: Pod, limits: Limits | None = None) -> World:
    world = build_world(limits=limits)
    world.cluster.running["shop"] = list(pods)
    return world


async def test_a_pod_is_woken_for_the_state_that_was_written() -> None:
    world = build(pod())

    await world.deliver(world.rotate("after"))

    version = world.cluster.secrets[PLACE].resource_version
    assert world.cluster.woken == {"shop/web-0": [f"web-secret={version}"]}


async def test_a_redelivery_wakes_only_pods_that_were_not_woken() -> None:
    world = build(pod())
    payload = world.rotate("after")
    await world.deliver(payload)
    world.cluster.running["shop"].append(pod("web-1"))

    await world.deliver(payload)

    assert [len(states) for states in world.cluster.woken.values()] == [1, 1]


@pytest.mark.parametrize("call", ["pods", "wake"])
@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("no right", reason=Reason.CLUSTER_FORBIDDEN),
        TransientError("down", reason=Reason.CLUSTER_UNREACHABLE),
    ],
)
async def test_what_fails_while_waking_does_not_bring_the_event_back(call: str, error: Exception) -> None:
    world = build(pod())
    world.cluster.script.fail(call, error)

    await world.deliver(world.rotate("after"))

    assert world.cluster.values(PLACE) == {"password": "after"}
    assert len(world.told(NoticeType.TARGET_REFRESHED)) == 1


@pytest.mark.parametrize("call", ["pods", "wake"])
async def test_a_cluster_that_stalls_while_waking_holds_neither_the_notice_nor_the_event(call: str) -> None:
    world = build(pod(), limits=Limits(deadline=0.6, telling=0.3))
    world.cluster.timeout = 0.1
    world.cluster.script.stall(call)

    await world.deliver(world.rotate("after"))

    assert len(world.told(NoticeType.TARGET_REFRESHED)) == 1


async def test_waking_can_be_switched_off() -> None:
    world = build(pod(), limits=Limits(deadline=5, telling=1, nudging=False))

    await world.deliver(world.rotate("after"))

    assert world.cluster.woken == {}
    assert "pods" not in world.calls()


@pytest.mark.parametrize(
    ("driver", "woken"),
    [(Driver.V1_6_ROTATING, True), (Driver.V1_5, False), (Driver.V1_6_STATIC, False), (Driver.UNKNOWN, False)],
)
async def test_pods_that_only_mount_files_are_woken_where_the_driver_then_mounts_anew(
    driver: Driver, *, woken: bool
) -> None:
    world = build(pod("web-0", "another", classes=("web",)))
    world.cluster.generation = driver
    world.cluster.views = [build_class(secrets=[])]
    payload = world.rotate("after")

    await world.deliver(payload)

    assert world.cluster.woken == ({"shop/web-0": [f"web={world.newest(NAME)}"]} if woken else {})
