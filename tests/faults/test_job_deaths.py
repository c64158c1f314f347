"""The process dies in the middle of a job: its message comes back when its lock ends, and a fresh process ends right.

Walked, before and after the effect of every call of a cold process: a retry (`RefreshJob`: everything that an event
does but the object's own notice) and a restart (`RestartJob`: lists of workloads, the Lease, the Secret's metadata, the
patch), and a check (`CheckJob`: it finds old bytes put back, writes again, tells and looks again), each with the
settling of its own message, which is the host's call.
"""

import functools
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from devstack import seed, stack
from shared.event import EventKind, VaultEvent
from shared.job import CheckJob, Job, RefreshJob, Watched
from shared.model import ObjectType, VaultObject
from shared.observed import Driver
from shared.outcome import Mounts
from tests.e2e import jobs

from .estate import Estate
from .points import Calls, Point, walk

pytestmark = pytest.mark.timeout(240)


def _cause(version: str, now: datetime) -> VaultEvent:
    return VaultEvent(
        id=str(uuid.uuid4()),
        kind=EventKind.NEW_VERSION,
        object=VaultObject(vault=stack.VAULT, type=ObjectType.SECRET, name=seed.OBJECT),
        version=version,
        time=now,
    )


def _retry(estate: Estate) -> Job:
    """Rotate the secret, and return the job that an event leaves which could not be done."""
    now, version = datetime.now(UTC), estate.scene.rotate()
    return RefreshJob(cause=_cause(version, now), cluster=stack.CLUSTER, began=now, due=now, attempt=1)


def _check(estate: Estate) -> Job:
    """Rotate the secret where every pod shows it already and a stale node put the old bytes back."""
    now, version = datetime.now(UTC), estate.scene.rotate()
    for pod in seed.PODS:
        estate.scene.stack.cluster.apply(seed.pod_status(pod, version=version))
    estate.scene.clock.ahead += 2  # within one second nobody can tell the node's write from the app's
    watched = Watched(
        namespace=seed.NAMESPACE,
        secret=seed.SECRET,
        owner=Driver.V1_6_ROTATING,
        resource_version="of the write",
        since=now - timedelta(minutes=1),
        mounts=Mounts(expected={seed.CLASS: {f"secret/{seed.OBJECT}": version}}, remounts=True),
    )
    return CheckJob(cause=_cause(version, now), cluster=stack.CLUSTER, began=now, due=now, watched=(watched,))


def _restart(estate: Estate) -> Job:
    return jobs.restart_job(estate.scene)


def _refreshed(estate: Estate, point: Point | None) -> None:
    """Written once, told once; of the restarts that follow from it one takes place."""
    scene = estate.scene
    newest = scene.stack.vault.get(seed.OBJECT)
    assert scene.values()[1:] == [newest.value], point
    assert [one["version"] for one in scene.told()] == [newest.version], point
    assert 1 <= len(scene.jobs("restart")) <= 2, point
    assert estate.restarts() == 1, point


def _repaired(estate: Estate, point: Point | None) -> None:
    """Written again once, told once, and proven once."""
    scene = estate.scene
    newest = scene.stack.vault.get(seed.OBJECT)
    assert scene.values()[1:] == [newest.value], point
    assert [one["version"] for one in scene.told("target.refreshed")] == [newest.version], point
    assert [one["version"] for one in scene.told("target.converged")] == [newest.version], point
    assert scene.told("target.failed") == [], point
    assert estate.restarts() == 0, point


def _restarted(estate: Estate, point: Point | None) -> None:
    """The workload was restarted once, and nothing was written or told."""
    assert estate.restarts() == 1, point
    assert len(estate.scene.values()) == 1, point
    assert estate.scene.told() == [], point


@pytest.mark.parametrize(
    ("make", "check", "effect"),
    [
        pytest.param(_retry, _refreshed, "patch secrets app-secret", id="a retry"),
        pytest.param(_check, _repaired, "patch secrets app-secret", id="a check"),
        pytest.param(_restart, _restarted, "patch deployments reader", id="a restart"),
    ],
)
async def test_wherever_a_process_dies_in_a_job_its_message_comes_back_and_ends_right(
    several: Sequence[Estate],
    record_property: Callable[[str, object], None],
    make: Callable[[Estate], Job],
    check: Callable[[Estate, Point | None], None],
    effect: str,
) -> None:
    began = time.perf_counter()
    points = await _trial(several[0], make, check)
    assert {effect, f"settle {stack.QUEUE}"} <= {point.name for point in points}

    await walk(several, points, functools.partial(_die, make=make, check=check))

    record_property("points", len(points))
    record_property("seconds", round(time.perf_counter() - began, 1))


async def _trial(
    estate: Estate, make: Callable[[Estate], Job], check: Callable[[Estate, Point | None], None]
) -> list[Point]:
    """Count the calls of a job that nothing happens to, up to the end of its own message."""
    await estate.renew()
    job = make(estate)
    calls = Calls(estate)
    calls.watch()
    await jobs.put(estate.scene, job)
    await estate.scene.eventually(lambda: ("broker", f"settle {stack.QUEUE}") in calls.seen)
    calls.seen.remove(("broker", f"send {stack.QUEUE}"))  # the first was the test's own
    points = calls.points()
    calls.disarm()
    await estate.work_all()
    check(estate, None)
    return points


async def _die(
    estate: Estate,
    point: Point,
    *,
    make: Callable[[Estate], Job],
    check: Callable[[Estate, Point | None], None],
) -> None:
    await estate.renew()
    calls = Calls(estate)
    # Armed first: the job is at work as soon as it is sent.
    calls.arm(point, beside=1)
    await jobs.put(estate.scene, make(estate))

    await estate.bear_again()
    calls.disarm()
    estate.end_locks()
    await estate.work_all()

    check(estate, point)
    assert not estate.scene.stack.bus.messages(jobs.DEAD_LETTERS), point
