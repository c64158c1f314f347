"""From an event posted to the host to the notice in a subscriber's hands."""

import time

import aiohttp

from benchmarks import one_target, spread, timing
from benchmarks.figure import Figure, Result, Row, Scale
from benchmarks.world import World
from devstack import eventgrid, seed, stack, subscriber
from devstack.eventgrid import Schema
from devstack.host import start_process

POLL, KUBELET = 120, 90
"""Seconds: the driver's rotation-poll-interval, and the longest pause between two looks of a kubelet."""


async def run(world: World, scale: Scale) -> Result:
    """Post events to the app in a host of its own, and receive its notices through the SDK."""
    await one_target.furnish(world)
    environment = stack.inherited() | dict(world.environment)
    async with (
        start_process(stack.APP, environment) as host,
        subscriber.subscribe(
            world.settings["ServiceBusConnection"], topic=stack.TOPIC, subscription="all"
        ) as listening,
        aiohttp.ClientSession() as session,
    ):

        async def timed() -> float:
            version = await world.rotate(seed.OBJECT)
            body = f"[{world.event(seed.OBJECT, version)}]".encode()
            began = time.time()
            headers = eventgrid.headers(Schema.CLOUD_EVENTS, subscription="BENCH")
            async with session.post(stack.endpoint(host.url), data=body, headers=headers) as response:
                response.raise_for_status()
            heard = await listening.wait_for("target.refreshed", version, seconds=20)
            return heard.at - began

        for _ in range(3):
            await timed()
        seconds = await timing.in_turns({"ours": timed}, repetitions=scale.repetitions, rounds=scale.of(100, 20))
    return Result(
        rows=[
            Row(what=what, unit="ms", ours=[spread.percentile(one, percent) * 1000 for one in seconds["ours"]])
            for what, percent in (("median", 50), ("p99", 99))
        ],
        remarks=[
            (
                f"Beside it, computed and not run: the driver polls every {POLL} s and a kubelet looks again after 60 "
                f"to {KUBELET} s, so a mounted Secret is up to {POLL + KUBELET} s old at the driver's defaults. "
                "Neither number holds Event Grid's own delivery, which is Azure's, nor a network."
            )
        ],
    )


FIGURE = Figure(
    name="notice",
    title="event to notice received",
    ours="event posted to the host's process, notice received by a subscriber in another, warm, pods woken beside it",
    floor=(
        "the driver's poll and the kubelet's delay, computed from their sources and not run: 120 to 210 s at the "
        "defaults"
    ),
    aim="stated as measured, no claim beyond what ran",
    bound=(
        "what bounds `event`, and the host: its endpoint, its worker, and the subscriber's SDK. Event Grid's "
        "delivery, which comes before it in Azure, is not in it."
    ),
    run=run,
)
