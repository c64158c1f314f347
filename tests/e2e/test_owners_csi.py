"""Each row of design part 4: what a driver's generation and its rotation make of our writes.

One rotation goes to eight clusters, in each of which another driver is at work on two pods; afterwards all checks have
ended, and each test reads one row.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from devstack import seed, stack
from devstack.kubernetes import Request
from devstack.writers import csi
from devstack.writers.csi import Generation
from shared.observed import Driver
from tests.e2e import jobs
from tests.e2e import wide as wides
from tests.e2e.scene import FIRST, Scene
from tests.e2e.wide import Wide

PACE = csi.Pace(poll=0.2, sync=0.1, requeue=0.3, owners=0.5, retry=0.1)
"""The driver's minutes as tenths of seconds."""

REMEDY = "Switch on the driver's rotation (enableSecretRotation), or restart the pods."


@dataclass(frozen=True, slots=True)
class Row:
    """A driver; `hidden` is one of which the app may read neither the CSIDriver nor a DaemonSet."""

    generation: Generation
    rotation: bool
    hidden: bool = False

    def __str__(self) -> str:
        rotation = "rotating" if self.rotation else "static"
        return f"{'hidden-' if self.hidden else ''}{str(self.generation).replace('.', '-')}-{rotation}"


ROWS = (
    *[Row(generation, rotation) for generation in Generation for rotation in (True, False)],
    Row(Generation.V1_5_6, rotation=True, hidden=True),
    Row(Generation.V1_6_0, rotation=False, hidden=True),
)


@dataclass(frozen=True, slots=True)
class Table:
    """What has become of one rotation in all clusters; the drivers are still running."""

    wide: Wide
    drivers: dict[str, csi.Driver]
    status: int
    newest: str


@pytest_asyncio.fixture(scope="module")
async def table() -> AsyncIterator[Table]:
    settings = {"CHECK_DELAY_SECONDS": "1", "CHECK_LIMIT_SECONDS": "10", "REWRITE_LIMIT": "1"}
    async with (
        wides.play(map(str, ROWS), RESTART_WORKLOADS="off", **settings) as wide,
        contextlib.AsyncExitStack() as at,
    ):
        drivers = {}
        for row in ROWS:
            scene = wide.scenes[str(row)]
            driver = csi.Driver(scene.stack.admit("csi"), generation=row.generation, rotation=row.rotation, pace=PACE)
            for manifest in driver.manifests():
                scene.stack.cluster.apply(manifest)
            if row.hidden:
                scene.stack.cluster.allow(stack.APP_USER, _seeing_no_driver)
            drivers[str(row)] = await at.enter_async_context(driver)
        status = await wide.any.deliver(wide.any.event(wide.any.rotate()))
        await jobs.empty(wide.any)
        yield Table(wide, drivers, status, wide.any.stack.vault.get(seed.OBJECT).value)


def _seeing_no_driver(request: Request) -> bool:
    return request.resource not in {"csidrivers", "daemonsets"}


def _writes(scene: Scene) -> int:
    return scene.writers().count(stack.APP_USER)


def _turns(scene: Scene) -> list[str]:
    """Return what the Secret held, one after the other, each as long as it stayed."""
    values = scene.values()
    return [value for value, before in zip(values, [None, *values], strict=False) if value != before]


@pytest.mark.parametrize("rotation", [True, False])
async def test_under_1_5_a_write_sticks_and_needs_no_check(table: Table, *, rotation: bool) -> None:
    row = str(Row(Generation.V1_5_6, rotation))
    scene = table.wide.scenes[row]

    await table.drivers[row].passed(2)

    assert table.status == 202
    assert _turns(scene) == [FIRST, table.newest]
    assert [notice["owner"] for notice in scene.notices("target.refreshed", cluster=row)] == [Driver.V1_5]
    assert row not in {job["cluster"] for job in scene.jobs("check")}


@pytest.mark.parametrize("generation", [Generation.V1_6_0, Generation.V1_6_1], ids=str)
async def test_under_1_6_with_rotation_a_write_is_proven_by_the_pods(table: Table, generation: Generation) -> None:
    row = str(Row(generation, rotation=True))
    scene = table.wide.scenes[row]

    await table.drivers[row].passed(2)

    assert _turns(scene)[-1] == table.newest
    (converged,) = scene.notices("target.converged", cluster=row)
    assert (converged["owner"], converged["pods"]) == (Driver.V1_6_ROTATING, 2)
    assert converged["classes"] == [seed.CLASS]
    assert scene.notices("target.refreshed", cluster=row)
    assert scene.notices("target.failed", cluster=row) == []


@pytest.mark.parametrize("generation", [Generation.V1_6_0, Generation.V1_6_1], ids=str)
async def test_under_1_6_without_rotation_the_secret_is_left_with_a_reason_and_a_remedy(
    table: Table, generation: Generation
) -> None:
    row = str(Row(generation, rotation=False))
    scene = table.wide.scenes[row]

    await table.drivers[row].passed(3)

    assert scene.asked()["patch secrets"] == 0
    assert _turns(scene) == [FIRST]
    (failed,) = scene.notices("target.failed", cluster=row)
    assert (failed["reason"], failed["remedy"]) == ("driver-would-revert", REMEDY)
    assert scene.notices("target.refreshed", cluster=row) == []


async def test_under_an_unknown_driver_that_rotates_a_write_is_proven_by_the_pods(table: Table) -> None:
    row = str(Row(Generation.V1_5_6, rotation=True, hidden=True))
    scene = table.wide.scenes[row]

    assert _turns(scene) == [FIRST, table.newest]
    (converged,) = scene.notices("target.converged", cluster=row)
    assert (converged["owner"], converged["pods"]) == (Driver.UNKNOWN, 2)


async def test_under_an_unknown_driver_that_keeps_reverting_that_is_told_once_and_the_writing_stops(
    table: Table,
) -> None:
    row = str(Row(Generation.V1_6_0, rotation=False, hidden=True))
    scene = table.wide.scenes[row]

    await table.drivers[row].passed(2)

    assert _turns(scene) == [FIRST, table.newest, FIRST, table.newest, FIRST]
    assert _writes(scene) == 2
    assert [failed["reason"] for failed in scene.notices("target.failed", cluster=row)] == ["keeps-reverting"]
    assert scene.notices("target.converged", cluster=row) == []


def test_no_planted_value_is_anywhere(table: Table) -> None:
    table.wide.hunt()
