"""One event and a hundred clusters, each of which takes 50 ms for every request."""

import time

from benchmarks import scenes, timing
from benchmarks.figure import Aim, Figure, Result, Row, Scale
from benchmarks.timing import Timed
from benchmarks.world import World

CLUSTERS = 100
SLOWNESS = 0.050
"""Seconds that each request to a cluster takes more."""
_ALONE = 5
"""Clusters that are also refreshed each by itself; the slowest of them is the floor."""
_NAMESPACE, _NAME, _OBJECT = "team", "owned", "shared-password"


async def run(world: World, scale: Scale) -> Result:
    """Refresh all clusters by one event, and then some of them alone, in turns."""
    number = scale.of(CLUSTERS, 20)
    everywhere = list(range(number))
    await world.ask("apply", manifests=[scenes.owned(_NAME, namespace=_NAMESPACE, about=_OBJECT)], clusters=everywhere)
    programs = {"ours": _of_clusters(world, everywhere)}
    programs |= {f"alone {one}": _of_clusters(world, [one]) for one in range(0, number, number // _ALONE)}
    for program in programs.values():
        await program()
    await world.ask("delay", cluster=SLOWNESS)
    seconds = await timing.in_turns(programs, repetitions=scale.repetitions)
    ours = [one for (one,) in seconds.pop("ours")]
    slowest = [max(one for (one,) in alone) for alone in zip(*seconds.values(), strict=True)]
    await world.ask("counts")
    used = time.process_time()
    await programs["ours"]()
    used = time.process_time() - used
    asked = await world.ask("counts")
    return Result(
        rows=[Row(what=f"{number} clusters", unit="s", ours=ours, floor=slowest, aims=[Aim(at_most=2)])],
        remarks=[
            (
                f"Asked of all clusters and the vault for one event: {timing.counted(asked)}. "
                f"CPU of the app's process: {used:.2f} s."
            )
        ],
    )


def _of_clusters(world: World, numbers: list[int]) -> Timed:
    """Return what rotates the object and times an app that has only these clusters."""
    app = world.app(CLUSTERS=world.clusters(numbers), DIRECT_CLUSTERS="1000")

    async def timed() -> float:
        version = await world.rotate(_OBJECT)
        seconds = await timing.took(app.handle(world.event(_OBJECT, version)))
        await world.expect_told(version, len(numbers))
        return seconds

    return timed


FIGURE = Figure(
    name="clusters",
    title="one event, 100 clusters of 50 ms",
    ours="the app with 100 clusters, all in the event's own invocation (DIRECT_CLUSTERS raised); one target in each",
    floor="the slowest of five of these clusters, each refreshed alone by an app that has only that one",
    aim="at most 2 times",
    bound=(
        "CPU, not waiting. Six requests to each of 100 clusters go through one event loop here and through one Python "
        "process that plays all 100 servers; the remark says how much CPU our side used. The single cluster waits "
        "three times 50 ms and computes nearly nothing. With DIRECT_CLUSTERS at its default of 8, each cluster gets a "
        "job instead, and the host's scale-out shares them over processes."
    ),
    run=run,
    clusters=CLUSTERS,
)
