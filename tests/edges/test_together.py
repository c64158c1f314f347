"""One run for everybody who asked before it began."""

import asyncio

import pytest

from shared.edges.together import Together


class Work:
    """Counts its runs; each waits until it is let go."""

    def __init__(self) -> None:
        self.runs = 0
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> None:
        """Run once."""
        self.runs += 1
        await self.go.wait()
        if self.error is not None:
            raise self.error


async def turns(number: int = 5) -> None:
    """Let the other tasks have their turn."""
    for _ in range(number):
        await asyncio.sleep(0)


async def test_all_who_ask_before_a_run_begins_share_it() -> None:
    work = Work()
    together = Together(work)
    asked = [together.run() for _ in range(9)]
    work.go.set()
    await asyncio.gather(*asked)

    assert work.runs == 1


async def test_who_asks_while_a_run_is_under_way_waits_for_the_next_one() -> None:
    """What changed after the run under way began is not in its answer."""
    work = Work()
    together = Together(work)
    first = together.run()
    await turns()
    later = [together.run() for _ in range(3)]
    await turns()
    under_way = work.runs
    work.go.set()
    await asyncio.gather(first, *later)

    assert (under_way, work.runs) == (1, 2)


async def test_a_failure_reaches_everybody_who_waited_and_nobody_after_them() -> None:
    work = Work()
    work.error = ValueError("once")
    work.go.set()
    together = Together(work)

    ends = await asyncio.gather(together.run(), together.run(), return_exceptions=True)
    work.error = None
    await together.run()

    assert [type(end) for end in ends] == [ValueError] * 2
    assert work.runs == 2


async def test_who_gives_up_waiting_takes_nothing_from_the_others() -> None:
    """One event's deadline is not another's."""
    work = Work()
    together = Together(work)
    hasty, patient = together.run(), together.run()
    await turns()
    hasty.cancel()
    work.go.set()
    await patient

    assert (hasty.cancelled(), work.runs) == (True, 1)


async def test_closing_ends_what_runs_and_what_waits_for_its_turn() -> None:
    work = Work()
    together = Together(work)
    first = together.run()
    await turns()
    second = together.run()

    await together.close()

    assert work.runs == 1
    for asked in (first, second):
        with pytest.raises(asyncio.CancelledError):
            await asked
