"""The whole local stack with its live page, as `make up` runs it, on free ports."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

from devstack import livepage, stack
from devstack.eventgrid import Subscription
from devstack.host import start_process
from devstack.rotation import Rotation
from devstack.up import deliver_with


@dataclass(frozen=True, slots=True)
class Served:
    """The stack, and where its page is."""

    stack: stack.Stack
    url: str
    app: str
    """Where the app itself serves it."""


KEY = "KEY9f3a"
"""The function key of the app's own page."""


@contextlib.asynccontextmanager
async def serve() -> AsyncIterator[Served]:
    """Run it while the block runs."""
    async with stack.start() as running, Rotation(running.vault) as rotation, aiohttp.ClientSession() as session:
        running.seed()
        environment = stack.inherited() | running.environment
        async with (
            start_process(
                stack.APP, environment | {"LIVE_SUBSCRIPTION": stack.LIVE}, options=["--function-key", KEY]
            ) as host,
            livepage.serve(environment, rotate=rotation.address) as url,
        ):
            running.vault.subscribe(deliver_with(Subscription(session, stack.endpoint(host.url)), running))
            yield Served(running, url, f"{host.url}/api/live")
