"""From an event to the Secret written and the notice sent: one target, everything warm."""

from collections.abc import Mapping

from benchmarks import one_target, spread, timing
from benchmarks.bare_sdk import BareSdk
from benchmarks.figure import Aim, Figure, Result, Row, Scale
from benchmarks.world import World


async def run(world: World, scale: Scale) -> Result:
    """Rotate, then let the app or one of the bare loops bring the value into the Secret, in turns."""
    await one_target.furnish(world)
    app = world.app()
    async with BareSdk(world) as bare:
        programs = {
            "ours": one_target.of_app(world, app),
            "floor": one_target.of_bare(world, bare.refresh),
            "at once": one_target.of_bare(world, bare.refresh_at_once),
        }
        calls = {name: await _calls(world, program) for name, program in programs.items()}
        seconds = await timing.in_turns(programs, repetitions=scale.repetitions, rounds=scale.of(200, 40))
        await one_target.verify(world, programs["ours"])
    return Result(
        rows=[
            _row("median", 50, seconds, "floor"),
            _row("p99", 99, seconds, "floor"),
            _row("median, against the loop that does at once what may be at once", 50, seconds, "at once"),
        ],
        remarks=[f"Asked of the servers for one event: {calls['ours']}. By the loop: {calls['floor']}."],
    )


def _row(what: str, percent: float, seconds: Mapping[str, list[list[float]]], floor: str) -> Row:
    return Row(
        what=what,
        unit="ms",
        ours=[spread.percentile(one, percent) * 1000 for one in seconds["ours"]],
        floor=[spread.percentile(one, percent) * 1000 for one in seconds[floor]],
        aims=[Aim(at_most=1.25)] if floor == "floor" else [],
    )


async def _calls(world: World, program: timing.Timed) -> str:
    """Return what one warm run asks of the servers."""
    for _ in range(3):
        await program()
    await world.ask("counts")
    await program()
    return timing.counted(await world.ask("counts"))


FIGURE = Figure(
    name="event",
    title="one event, one target, warm",
    ours="the app in process: event handed over, Secret written, both notices acknowledged (pods not woken)",
    floor=(
        "the same SDK calls back to back in a bare loop, against the same servers, the clients set up as the app's are"
    ),
    aim="at most 1.25 times, median and p99",
    bound=(
        "the Python of the SDKs on one core: eight requests and two sends are most of the CPU, whoever makes them. "
        "Measured by process time, 7.5 ms for the app and 4.8 ms for the loop that does at once what may be at once: "
        "about 2.7 ms are our own. Profile: no single place; our modules have 14 % of the time to themselves, asyncio "
        "18 % (a task and a time-out for each call), logging 1 %. The floor has to be set up with care: both SDKs "
        "look for proxies and a netrc file on every request by default, half a millisecond each, and beside a loop "
        "that does so the app would look a quarter faster than its own calls."
    ),
    run=run,
)
