"""From the start of the interpreter to the first event handled, and the memory that is held then."""

import asyncio
import json
import sys
import time
from dataclasses import dataclass

from benchmarks import one_target, scenes, timing
from benchmarks.figure import About, Aim, Figure, Result, Row, Scale
from benchmarks.world import World, WrongResultError
from devstack import seed, stack

IMPORTS = "azure.functions, azure.identity.aio, azure.keyvault.secrets.aio, azure.servicebus.aio"
_FLOOR = (
    f"import json, {IMPORTS}; from benchmarks.first_event import resident; "
    "print(json.dumps({'resident': resident()}))"
)
_BATCH = 500


@dataclass(slots=True)
class _Start:
    """A program that is started again and again: how long until it said its line, and what it held then."""

    arguments: tuple[str, ...]
    environment: dict[str, str]
    resident: list[float]

    async def __call__(self) -> float:
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            sys.executable, *self.arguments, cwd=stack.APP, env=self.environment, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout  # noqa: S101 - it was asked for
        line = await process.stdout.readline()
        seconds = time.perf_counter() - began
        if await process.wait() != 0:
            raise WrongResultError("the program that was started failed")
        self.resident.append(json.loads(line)["resident"])
        return seconds


async def run(world: World, scale: Scale) -> Result:
    """Start both again and again, with few bindings in the cluster and with many."""
    few, many = scale.of(10, 10), scale.of(10_000, 500)
    rows = []
    for bindings in (few, many):
        await _furnish(world, bindings)
        rows += await _measure(world, bindings, scale, aimed=bindings == few)
    return Result(rows=rows, remarks=[f"The floor imports {IMPORTS}, and nothing else."])


async def _measure(world: World, bindings: int, scale: Scale, *, aimed: bool) -> list[Row]:
    environment = stack.inherited() | dict(world.environment)
    floor = _Start(("-c", _FLOOR), environment, [])
    ours = _Start((), environment, [])

    async def first() -> float:
        event = world.event(seed.OBJECT, await world.rotate(seed.OBJECT))
        ours.arguments = ("-m", "benchmarks.first_event", event)
        return await ours()

    await one_target.verify(world, first)
    await floor()
    floor.resident.clear()
    ours.resident.clear()
    seconds = await timing.in_turns({"floor": floor, "ours": first}, repetitions=scale.repetitions)
    return [
        Row(
            what=f"{bindings:,} bindings: seconds",
            unit="s",
            ours=[one for (one,) in seconds["ours"]],
            floor=[one for (one,) in seconds["floor"]],
            aims=[Aim(at_most=1.6)] if aimed else [],
        ),
        Row(
            what=f"{bindings:,} bindings: resident memory",
            unit="MB",
            ours=ours.resident,
            floor=floor.resident,
            aims=[Aim(about=About.OURS, at_most=120)] if aimed else [],
        ),
    ]


async def _furnish(world: World, bindings: int) -> None:
    await world.ask("clear")
    await one_target.furnish(world)
    for first in range(1, bindings, _BATCH):
        numbers = range(first, min(first + _BATCH, bindings))
        manifests = [scenes.class_of(f"other-{number}", namespace=f"team-{number % 50}") for number in numbers]
        await world.ask("apply", manifests=manifests)


FIGURE = Figure(
    name="cold",
    title="cold start",
    ours=(
        "a fresh interpreter loads function_app.py and handles its first event, in a cluster with 10 and with 10,000 "
        "SecretProviderClasses"
    ),
    floor=(
        "a fresh interpreter that imports azure-functions, azure-identity, azure-keyvault-secrets and azure- "
        "servicebus (the async clients) and does nothing"
    ),
    aim="at most 1.6 times the time; under 120 MB with 10 bindings",
    bound=(
        "imports and one link. Measured apart on the machine of the first run: the floor's imports take 0.42 s, ours "
        "0.53 s more: kubernetes 0.19 s (its aio package brings the synchronous one along, with pydantic), aiohttp "
        "0.13 s (it loads the trust store twice on import), the clients for keys and certificates 0.06 s, our own "
        "modules 0.14 s. Then the first event takes 0.54 s, of which the Secret is written after 0.08 s; the rest is "
        "the SDK opening the topic's link: it sleeps 50 ms after each of some nine frames, however near the broker. "
        "That link and the queue's are opened as the event begins, beside everything else. The floor opens nothing."
    ),
    run=run,
)
