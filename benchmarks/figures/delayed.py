"""The same with 20 ms added at the vault, and 10 ms each at the API server and at the bus."""

from benchmarks import one_target, spread, timing
from benchmarks.bare_wire import BareWire
from benchmarks.figure import Aim, Figure, Result, Row, Scale
from benchmarks.world import World

VAULT, CLUSTER, BUS = 0.020, 0.010, 0.010
WAITS = CLUSTER + CLUSTER + VAULT + CLUSTER + BUS
"""Bindings, Secret, vault, write, notice: the waits that no program can have at the same time."""


async def run(world: World, scale: Scale) -> Result:
    """Rotate, then let the app or the bare program bring the value into the Secret, in turns."""
    await one_target.furnish(world)
    app = world.app()
    async with BareWire(world) as bare:
        programs = {"ours": one_target.of_app(world, app), "floor": one_target.of_bare(world, bare.refresh)}
        for program in programs.values():
            await one_target.verify(world, program)
        await world.ask("delay", vault=VAULT, cluster=CLUSTER, bus=BUS)
        seconds = await timing.in_turns(programs, repetitions=scale.repetitions, rounds=scale.of(50, 20))
    medians = {name: [spread.percentile(one, 50) for one in lists] for name, lists in seconds.items()}
    return Result(
        rows=[
            Row(
                what=what,
                unit="ms",
                ours=[spread.percentile(one, percent) * 1000 for one in seconds["ours"]],
                floor=[spread.percentile(one, percent) * 1000 for one in seconds["floor"]],
                aims=[Aim(at_most=1.2)],
            )
            for what, percent in (("median", 50), ("p99", 99))
        ],
        remarks=[
            (
                f"The added delays one after the other, without any work, are {WAITS * 1000:g} ms; "
                f"{_above(medians['ours'])} of ours and {_above(medians['floor'])} of the floor's are above that."
            )
        ],
    )


def _above(seconds: list[float]) -> str:
    return f"{(spread.of(seconds).median - WAITS) * 1000:.1f} ms"


FIGURE = Figure(
    name="delayed",
    title="one event, one target, with delays",
    ours="the app in process as in `event`, with 20 ms added at the vault, 10 ms at the API server, 10 ms at the bus",
    floor="bare aiohttp and raw AMQP frames with the same delays, in the order that the design forces",
    aim="at most 1.2 times",
    bound=(
        "five waits that no program can have at the same time, and the app has no sixth: the four kinds of "
        "declarations (at once), the Secret and the pod statuses (at once), the vault, the write, the target's "
        "notice. The object's own notice goes out beside the write. Above the delays, timers that end a little late "
        "cost all programs alike about 6 ms; without any delay the floor takes 5.1 ms, the SDKs' bare loop 6.5 ms and "
        "the app 8.7 ms. The p99 is that of a few dozen runs: a collection of garbage, or a neighbour on the machine."
    ),
    run=run,
)
