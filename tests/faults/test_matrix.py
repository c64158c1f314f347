"""Every row of the matrix, over the wire: what the event is answered, what becomes of it, and what it costs others.

Two events at once: one meets the fault; the other is about another vault, and its target is in another cluster, where
the first event has a second target, too. When both are answered the fault is mended, an event that came back is
delivered again, and the jobs are done.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict

import pytest
import pytest_asyncio

from devstack import eventgrid, seed, stack
from devstack.kubernetes import KubernetesApi

from . import estate as estates
from .estate import OTHER_CLUSTER, OTHER_SECRET, Estate
from .matrix import ROWS, Fate, Outcome, Rest, Row
from .report import keep


@pytest_asyncio.fixture(scope="module")
async def estate() -> AsyncIterator[Estate]:
    """One estate for all rows."""
    async with estates.play() as estate:
        assert await estate.deliver(estate.scene.event(estate.scene.rotate())) == 202  # the connections are open then
        yield estate


@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_a_fault_of_a_neighbour_costs_what_the_matrix_says(estate: Estate, row: Row) -> None:
    estate.refurnish()

    outcome = await _undergo(estate, row)

    keep(row, outcome)
    assert asdict(outcome) == asdict(row.outcome)
    assert len(estate.scene.values()) <= 2
    estate.hunt()


async def _undergo(estate: Estate, row: Row) -> Outcome:
    scene = estate.scene
    began, event, other = time.time(), scene.event(scene.rotate()), estate.rotate_other()
    async with row.broken(estate) as meter:
        answers = await asyncio.gather(estate.deliver(event), estate.deliver(other))
        asked, done = meter.count, _rest(estate, scene.stack.cluster, seed.SECRET)
        other_cluster = _rest(estate, estate.other_cluster, seed.SECRET)
        other_vault = _rest(estate, estate.other_cluster, OTHER_SECRET)
    assert asked <= row.most, "the neighbour was asked more often"
    assert (asked > 0) is (row.most > 0), "the fault was not met"
    _assert_patient(estate, row, began)

    await _redeliver(estate, [event, other], answers)
    await estate.work_all()
    await scene.eventually(lambda: _rest(estate, estate.other_cluster, OTHER_SECRET) is Rest.TOLD)
    becomes, reason = _fate(estate, answers[0], done)
    return Outcome(
        answered=answers[0], becomes=becomes, reason=reason, other_cluster=other_cluster, other_vault=other_vault
    )


async def _redeliver(estate: Estate, events: Sequence[eventgrid.Event], answers: Sequence[int]) -> None:
    for event, answered in zip(events, answers, strict=True):
        if answered != 202:
            assert await estate.deliver(event) == 202


def _assert_patient(estate: Estate, row: Row, began: float) -> None:
    """A neighbour's wish for patience is granted by the jobs that follow."""
    waiting = [one for one in estate.scene.stack.bus.scheduled(stack.QUEUE) if one.subject == "RefreshJob"]
    if row.wait:
        assert waiting
        assert all((one.scheduled_for or 0.0) >= began + row.wait for one in waiting)


def _rest(estate: Estate, cluster: KubernetesApi, secret: str) -> Rest:
    """Tell what became of a target so far."""
    vault = estate.other_vault if secret == OTHER_SECRET else estate.scene.stack.vault
    place = (OTHER_CLUSTER if cluster is estate.other_cluster else stack.CLUSTER, secret)
    told = [(one["cluster"], one["secret"]) for one in estate.scene.told("target.refreshed")]
    assert told.count(place) <= 1, "told twice"
    if place in told:
        return Rest.TOLD
    return Rest.WRITTEN if estate.holds(cluster, secret) == vault.get(seed.OBJECT).value else Rest.WAITS


def _fate(estate: Estate, answered: int, done: Rest) -> tuple[Fate, str]:
    """Tell what became of the target in the end; `done` is how far the event itself had brought it."""
    if _rest(estate, estate.scene.stack.cluster, seed.SECRET) is not Rest.TOLD:
        failed = estate.scene.notices("target.failed", cluster=stack.CLUSTER, secret=seed.SECRET)
        return (Fate.FAILED, json.dumps(failed[0]["reason"]).strip('"')) if failed else (Fate.LOST, "")
    if answered != 202:
        return Fate.REDELIVERY, ""
    return (Fate.DONE if done is Rest.TOLD else Fate.JOB), ""
