"""A burst of a thousand distinct events, all handed over at once."""

import asyncio
import time

from benchmarks import scenes, spread, timing
from benchmarks.bare_sdk import BareSdk
from benchmarks.figure import About, Aim, Figure, Result, Row, Scale
from benchmarks.world import World
from shared.wiring import Fanout

CORES = 2
"""What the sum of the floors is divided by: one core for the app, one for the servers."""
_LATEST = 5.0
_IN_NAMESPACE = 50
_SINGLE = 20
"""Single refreshes by the bare loop in each repetition."""


async def run(world: World, scale: Scale) -> Result:
    """Hand over all events, and measure the bare loop alone beside it, in turns."""
    names = [f"object-{number}" for number in range(scale.of(1000, 100))]
    places = {name: f"team-{number // _IN_NAMESPACE}" for number, name in enumerate(names)}
    targets = [_target(name, namespace) for name, namespace in places.items()]
    await world.ask("rotate", names=names)
    manifests = [scenes.owned(name, namespace=namespace, about=name) for name, namespace in places.items()]
    await world.ask("apply", manifests=manifests)
    app = world.app()
    latencies: list[list[float]] = []
    again: list[int] = []
    cpu: list[float] = []
    async with BareSdk(world) as bare:

        async def burst() -> float:
            versions = await world.ask("rotate", names=names)
            events = [world.event(name, version) for name, version in zip(names, versions, strict=True)]
            began, used = time.perf_counter(), time.process_time()
            results = await asyncio.gather(*[_deliver(app, event) for event in events])
            taken = time.perf_counter() - began
            cpu.append(time.process_time() - used)
            latencies.append([seconds for seconds, _ in results])
            again.append(sum(attempts - 1 for _, attempts in results))
            await world.expect_newest(targets)
            await world.expect_all_told(versions)
            await world.ask("quiet")
            return taken

        async def single() -> float:
            alone = []
            for name in names[:_SINGLE]:
                await world.rotate(name)
                alone.append(await timing.took(bare.refresh(name, places[name], name, scenes.KEY)))
            return spread.of(alone).median

        for program in (single, burst):
            await program()
        latencies.clear()
        again.clear()
        cpu.clear()
        seconds = await timing.in_turns({"ours": burst, "floor": single}, repetitions=scale.repetitions)
    ours, floor = ([one for (one,) in seconds[name]] for name in ("ours", "floor"))
    return Result(
        rows=[
            Row(
                what="p99 from hand-over to the end",
                unit="s",
                ours=[spread.percentile(one, 99) for one in latencies],
                aims=[Aim(about=About.OURS, at_most=_LATEST)],
            ),
            Row(
                what=f"all {len(names):,} events, against the floor of one times {len(names):,} over {CORES} cores",
                unit="s",
                ours=ours,
                floor=[one * len(names) / CORES for one in floor],
            ),
        ],
        remarks=[
            (
                "Lost: none; every Secret held the newest value and was told of. Delivered again: "
                f"{sum(again)} times in {len(again)} bursts. CPU of the app's process: "
                f"{spread.of(cpu).median / len(names) * 1000:.1f} ms for each event."
            )
        ],
    )


async def _deliver(app: Fanout, event: str) -> tuple[float, int]:
    """Hand an event over until it is taken, as Event Grid does but at once; return the seconds and the attempts."""
    began, attempts = time.perf_counter(), 0
    while True:
        attempts += 1
        try:
            await app.handle(event)
        except ExceptionGroup:
            continue
        return time.perf_counter() - began, attempts


def _target(name: str, namespace: str) -> dict[str, object]:
    return {"cluster": 0, "namespace": namespace, "secret": name, "key": scenes.KEY, "object": name}


FIGURE = Figure(
    name="burst",
    title="a burst of 1,000 distinct events",
    ours="the app in one process, all events handed over at once; each has an object and a Secret of its own",
    floor="the bare loop's median for one such event, times 1,000, divided by the two cores",
    aim="nothing lost, p99 under 5 s on two cores",
    bound=(
        "one core in this process: all events are handed over at the same instant, up to 64 are under way, and the "
        "last waits for all before it, so the p99 is the time of the whole burst. Looks at a cluster that are asked "
        "for at the same time are one look, and notices that wait go out in one batch: that is what makes an event in "
        "a burst cheaper than one alone. The servers have the other core."
    ),
    run=run,
)
