"""How often the vault is read for one change, counted at the vault, beside what the driver reads for each poll."""

from benchmarks import scenes
from benchmarks.figure import About, Aim, Figure, Result, Row, Scale
from benchmarks.world import World

_NAMESPACE_LIMIT = 100
_OBJECT = "shared-password"
_CASES = ((1, 1), (10, 1), (200, 1), (1, 3), (200, 3))
"""Targets in each cluster, and clusters."""


async def run(world: World, scale: Scale) -> Result:
    """Rotate and count, case by case. Times are of no matter here."""
    rows = []
    for targets, clusters in _CASES:
        numbers = list(range(clusters))
        await world.ask("clear")
        await world.rotate(_OBJECT)
        await world.ask("apply", manifests=_manifests(targets), clusters=numbers)
        counted = await _count(world, targets, numbers, scale.repetitions)
        pods = targets * clusters
        rows.append(
            Row(
                what=f"{targets} targets in each of {clusters} clusters" if clusters > 1 else f"{targets} targets",
                unit="reads",
                ours=counted,
                floor=[float(pods)] * len(counted),
                aims=[Aim(about=About.OURS, at_most=1, at_least=1)],
            )
        )
    return Result(rows=rows)


async def _count(world: World, targets: int, clusters: list[int], repetitions: int) -> list[float]:
    app = world.app(CLUSTERS=world.clusters(clusters))
    counted = []
    for repetition in range(repetitions + 1):
        version = await world.rotate(_OBJECT)
        await world.ask("counts")
        await app.handle(world.event(_OBJECT, version))
        counts = await world.ask("counts")
        await world.expect_told(version, targets * len(clusters))
        if repetition:  # the first is not warm: clusters that open connections do not wait for one another
            counted.append(float(sum(many for what, many in counts.items() if what.startswith("vault "))))
    return counted


def _manifests(targets: int) -> list[scenes.Manifest]:
    return [
        scenes.owned(f"owned-{number}", namespace=f"team-{number // _NAMESPACE_LIMIT}", about=_OBJECT)
        for number in range(targets)
    ]


FIGURE = Figure(
    name="reads",
    title="Key Vault reads per change",
    ours="requests counted at the vault for one event of one object, warm",
    floor=(
        "the driver, computed from its source and not run: pods x objects for each poll, with one pod for each target"
    ),
    aim="exactly 1 per object, version and group of clusters, whatever the number of targets",
    bound=(
        "nothing: clusters that look at the same time share one read, which begins after their Secrets were read "
        "(decision 2). The first event of a process is not counted: clusters that still open connections "
        "wait only 0.2 s for one another, and a late one reads by itself."
    ),
    run=run,
    clusters=3,
)
