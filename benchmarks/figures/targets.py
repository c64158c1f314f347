"""One event and a thousand targets in one cluster: the devstack and a real API server, near and at a distance."""

from benchmarks import bare_wire, real_server, timing
from benchmarks import fleet as fleets
from benchmarks.figure import About, Aim, Figure, Result, Row, Scale
from benchmarks.fleet import Fleet
from benchmarks.world import World

DISTANCE = 0.020
"""Seconds added to each call."""
_LONGEST = 25.0


async def run(world: World, scale: Scale) -> Result:
    """Measure the devstack and, where it is built, a real API server."""
    case = _Case(world, scale)
    (kubeconfig,) = world.kubeconfigs()
    await case.furnish(kubeconfig)
    rows = await case.near("devstack", kubeconfig)
    await world.ask("delay", cluster=DISTANCE)
    rows += await case.far("devstack", kubeconfig)
    async with real_server.start() as real:
        if real is None:
            return Result(rows=rows, remarks=[real_server.ABSENT])
        far = await world.ask("relay", port=real.port, seconds=DISTANCE / 2)
        await case.furnish(real.kubeconfig(real.port))
        rows = [
            *await case.near(real.name, real.kubeconfig(real.port)),
            *await case.far(real.name, real.kubeconfig(far)),
            *rows,
        ]
        await world.close()  # while the server still runs
    return Result(rows=rows)


class _Case:
    def __init__(self, world: World, scale: Scale) -> None:
        self._world, self._scale = world, scale
        self._number = scale.of(1000, 100)

    async def furnish(self, kubeconfig: str) -> None:
        """Make the Secrets."""
        async with bare_wire.kube_session(kubeconfig, concurrency=fleets.CONCURRENCY) as session:
            await Fleet(self._world, session, self._number).furnish()

    async def near(self, where: str, kubeconfig: str) -> list[Row]:
        """Compare the rates."""
        seconds = await self._seconds(kubeconfig)
        rates = {name: [self._number / one for one in taken] for name, taken in seconds.items()}
        what = f"{where}: targets per second"
        return [
            Row(what=what, unit="/s", ours=rates["ours"], floor=rates["floor"], aims=[Aim(at_least=0.8)]),
            Row(
                what=f"{what}, if the loop reads each Secret too", unit="/s", ours=rates["ours"], floor=rates["reading"]
            ),
        ]

    async def far(self, where: str, kubeconfig: str) -> list[Row]:
        """Compare the times at a distance."""
        seconds = await self._seconds(kubeconfig)
        aims = [Aim(about=About.OURS, at_most=_LONGEST)]
        what = f"{where}, 20 ms more per call: seconds"
        return [Row(what=what, unit="s", ours=seconds["ours"], floor=seconds["floor"], aims=aims)]

    async def _seconds(self, kubeconfig: str) -> dict[str, list[float]]:
        app = self._world.app(**fleets.settings(kubeconfig))
        async with bare_wire.kube_session(kubeconfig, concurrency=fleets.CONCURRENCY) as session:
            fleet = Fleet(self._world, session, self._number)
            programs = {
                "ours": fleet.of_app(app),
                "floor": fleet.of_loop(reading=False),
                "reading": fleet.of_loop(reading=True),
            }
            await programs["ours"]()
            seconds = await timing.in_turns(programs, repetitions=self._scale.repetitions)
        await app.close()
        return {name: [one for (one,) in taken] for name, taken in seconds.items()}


FIGURE = Figure(
    name="targets",
    title="one event, 1,000 targets in one cluster",
    ours="the app: each of the 1,000 owned Secrets read, compared, written with its guard, and told of",
    floor="a bare aiohttp loop of 1,000 PATCHes at the same concurrency (16), which reads, guards and tells nothing",
    aim="at least 0.8 of its rate; under 25 s with 20 ms added per call",
    bound=(
        "two requests for each target where the loop makes one. The Secret is read before the vault and written with "
        "the resourceVersion that was read (docs/architecture.md), so that no older version ever replaces a newer "
        "one; the second row of each server has a loop that reads, too. Profile on the devstack (cProfile, shares of "
        "our CPU, about 1.6 ms for each target; the bare loop's PATCH takes 0.6 ms): the two requests 48 %, of which "
        "aiohttp 32 % and kubernetes.aio around it 8 % (`param_serialize` 5 %); our own writes coming back through "
        "the watch and read anew 14 %; notices 11 % (the SDK encodes each twice); deciding and comparing 5 %. More "
        "than half of the time is the server's, which shares the two cores. What would save most is to read the "
        "Secrets of a namespace by one list; that brings the values of other Secrets into the process, so it was not "
        "done."
    ),
    run=run,
)
