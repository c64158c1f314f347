"""`make run`: the main job on the embedded stack, real input, a time line, and an end.

Exit code 0 when every step came out; 1 with the step that did not, and what the function logged.
"""

import asyncio
import contextlib
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial

import aiohttp

from devstack import kubelet, relapse, seed, stack, subscriber, timeline
from devstack.demonstration import Chapter, Demonstration, StepFailedError
from devstack.eventgrid import Schema, Subscription
from devstack.host import HostFailedError, HostProcess, start_process
from devstack.writers import csi


async def main() -> int:
    """Play the demonstration; return the exit code."""
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ  # noqa: TID251 - a program for a terminal
    began = time.monotonic()
    try:
        async with contextlib.AsyncExitStack() as held:
            host, play, relapse_of = await _set_up(held)
            print(timeline.heading("Key Vault Fan-out on the local stack", colour=colour))
            print(
                f"Python {platform.python_version()}, host: {host.engine}; everything on 127.0.0.1, nothing here is "
                f"Azure; ready after {time.monotonic() - began:.1f} s\n"
            )
            try:
                _show(await play.rotate_once("1. A rotation, all connections cold", Schema.CLOUD_EVENTS), colour=colour)
                _show(await play.rotate_once("2. A rotation, connections warm", Schema.EVENT_GRID), colour=colour)
                _show(await play.deliver_again("3. The same event twice more"), colour=colour)
                _show(await play.deliver_out_of_order("4. Two rotations, the older event last"), colour=colour)
                _show(await relapse_of("5. A node with a stale mount puts the old bytes back"), colour=colour)
            except StepFailedError as error:
                print(f"\nfailed: {error}\n\nthe function logged:\n{host.stderr_text()}", file=sys.stderr)
                return 1
    except HostFailedError as error:
        print(f"failed: the function app did not start: {error}", file=sys.stderr)
        return 1
    print("Every step came out. A kubelet that is not woken looks at a mounted Secret after 60 to 90 s.")
    return 0


async def _set_up(
    held: contextlib.AsyncExitStack,
) -> tuple[HostProcess, Demonstration, Callable[[str], Awaitable[Chapter]]]:
    """Start the servers and a CSI driver, seed the cluster, start the app, subscribe and mount."""
    running = await held.enter_async_context(stack.start())
    running.seed()
    driver = csi.Driver(
        running.admit(relapse.DRIVER_USER), generation=csi.Generation.V1_6_1, rotation=True, pace=csi.Pace(poll=0.05)
    )
    for manifest in driver.manifests():
        running.cluster.apply(manifest)
    await held.enter_async_context(driver)
    relapse.hold_back(driver)
    environment = stack.inherited() | running.environment | {"CHECK_DELAY_SECONDS": "1"}
    host = await held.enter_async_context(start_process(stack.APP, environment))
    listening = await held.enter_async_context(
        subscriber.subscribe(running.bus.connection_string, topic=stack.TOPIC, subscription="app")
    )
    mount = await held.enter_async_context(
        kubelet.mount(
            server=running.cluster.url,
            token=running.kubelet_token,
            ca_pem=running.authority.ca_pem,
            namespace=seed.NAMESPACE,
            pod=seed.PODS[0],
            secret=seed.SECRET,
            folder=running.folder / "mnt" / "secrets-volume",
        )
    )
    session = await held.enter_async_context(aiohttp.ClientSession())
    grid = Subscription(session, stack.endpoint(host.url), max_attempts=1)
    if not await grid.validate():
        raise HostFailedError(f"the endpoint refused Event Grid's handshake\n{host.stderr_text()}")
    play = Demonstration(running, grid=grid, subscriber=listening, mount=mount)
    return host, play, partial(relapse.play, running=running, driver=driver, grid=grid, listening=listening)


def _show(chapter: Chapter, *, colour: bool) -> None:
    print(timeline.heading(chapter.title, colour=colour))
    for line in timeline.render(chapter.moments, colour=colour):
        print(line)
    print(f"{'':9}     => {chapter.shown}\n")


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
