"""The process dies in the middle of an event: the redelivery, to a fresh process, ends right.

Walked: every call that a cold process makes for one `SecretNewVersionCreated` about a Secret that the CSI driver made,
mounted by two pods and read by a workload that is to be restarted: reads of the vault (the value, the versions), all
requests to the API server (lists of declarations, the driver, mounts, the Secret, its patch, the pods and theirs), and
each message sent to the topic and the queue. At each of them a process dies once before and once after the effect.

Not walked: connecting, tokens and AMQP links, which have no effect; two deaths in one event (`test_deaths` in
tests/pipeline has them).
"""

import functools
import time
from collections.abc import Callable, Sequence

import pytest

from devstack import seed

from .estate import Estate
from .points import Calls, Point, walk

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("overtaken", [False, True], ids=["at once", "after a newer event"])
async def test_wherever_a_process_dies_in_an_event_its_redelivery_ends_right(
    several: Sequence[Estate], record_property: Callable[[str, object], None], *, overtaken: bool
) -> None:
    began = time.perf_counter()
    points = await _trial(several[0])

    await walk(several, points, functools.partial(_die, overtaken=overtaken))

    record_property("points", len(points))
    record_property("seconds", round(time.perf_counter() - began, 1))


async def _trial(estate: Estate) -> list[Point]:
    """Count the calls of an event that nothing happens to."""
    await estate.renew()
    calls = Calls(estate)
    calls.watch()
    assert await estate.deliver(estate.scene.event(estate.scene.rotate())) == 202
    calls.disarm()
    named = {name for _, name in calls.seen}
    assert {"get secret1", "patch secrets app-secret", "send keyvault-changes", "send keyvault-jobs"} <= named
    return calls.points()


async def _die(estate: Estate, point: Point, *, overtaken: bool) -> None:
    scene = estate.scene
    await estate.renew()
    calls = Calls(estate)
    calls.arm(point)
    versions = [scene.rotate()]
    event = scene.event(versions[0])

    answered = await estate.deliver(event)
    assert answered == 0, point
    await estate.bear_again()
    calls.disarm()
    if overtaken:
        versions.append(scene.rotate())
        assert await estate.deliver(scene.event(versions[1])) == 202, point
    assert await estate.deliver(event) == 202, point

    await estate.work_all()
    _assert_right(estate, versions, point)
    assert estate.restarts() == 1, point


def _assert_right(estate: Estate, versions: list[str], point: Point) -> None:
    """The Secret holds the newest, everything was told once, and nothing older was told after something newer."""
    scene = estate.scene
    assert scene.value() == scene.stack.vault.get(seed.OBJECT).value, point
    values = scene.values()
    assert len(values) == len(set(values)) <= 1 + len(versions), point
    for notice_type in ("object.new-version", "target.refreshed"):
        told = [str(one["version"]) for one in scene.told(notice_type)]
        assert told[-1] == versions[-1], point
        assert told == [version for version in versions if version in told], point
    assert len(scene.told("target.failed")) == 0, point
    assert 1 <= len(scene.jobs("restart")) <= 2 * len(versions), point
