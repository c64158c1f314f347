"""Ctrl-C in the middle: the command says what is known, and claims nothing else."""

import signal

import pytest

from devstack.faults import Fault
from tests.operator import cli
from tests.operator.standing import OBJECT, Standing, eventually, hunted


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["plan", "--object", OBJECT], "not looked through to the end"),
        (["status"], "not looked through to the end"),
        (["refresh", "--object", OBJECT, "--follow"], "nothing was done"),
    ],
    ids=["plan", "status", "refresh"],
)
async def test_an_interrupted_run_does_not_call_an_object_unbound(
    standing: Standing, arguments: list[str], told: str
) -> None:
    standing.stack.vault.faults.plan(lambda _: True, Fault(delay=60), times=None)
    came = len(standing.stack.identity.requests)
    process = await cli.start_any(*arguments, environment=standing.stack.environment)
    await eventually(lambda: len(standing.stack.identity.requests) > came)

    process.send_signal(signal.SIGINT)
    said = hunted(await cli.end(process))

    assert said.code == 130
    assert told in said.out
    assert "interrupted" in said.err


async def test_a_refresh_that_is_followed_can_be_interrupted_and_says_how_far_it_was(standing: Standing) -> None:
    standing.rotate()
    process = await cli.start_any("refresh", "--object", OBJECT, "--follow", environment=standing.stack.environment)
    await eventually(lambda: any(one.resource.endswith("podstatuses") for one in standing.stack.cluster.requests))
    await eventually(lambda: "patch secrets" in standing.writes())
    standing.stack.cluster.clear_requests()
    # A look lists them twice, so the third list is of a look after one that came to its end.
    await eventually(lambda: sum(one.resource.endswith("podstatuses") for one in standing.stack.cluster.requests) > 2)

    process.send_signal(signal.SIGINT)
    said = hunted(await cli.end(process))

    assert said.code == 130
    assert "0/2" in said.out
