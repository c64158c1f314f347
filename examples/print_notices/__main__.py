"""The program: listens until it is interrupted."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Mapping

from azure.identity.aio import DefaultAzureCredential

from keyvault_fanout import Bus, Interest, Listener, Notice
from print_notices.wording import line


@contextlib.asynccontextmanager
async def reach(environ: Mapping[str, str]) -> AsyncIterator[Bus]:
    """Return the bus: `SERVICE_BUS` is a connection string, `SERVICE_BUS_NAMESPACE` a host, reached by identity."""
    if connection_string := environ.get("SERVICE_BUS"):
        yield Bus(connection_string=connection_string)
        return
    async with DefaultAzureCredential() as credential:
        yield Bus(namespace=environ["SERVICE_BUS_NAMESPACE"], credential=credential)


async def main(environ: Mapping[str, str]) -> None:
    """Print what is told about `OBJECT`, or about everything, until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)

    async def show(notice: Notice) -> None:
        print(line(notice), flush=True)

    async with reach(environ) as bus:
        listener = Listener(bus, topic=environ["TOPIC"], subscription=environ["SUBSCRIPTION"])
        listener.on(Interest(object=environ.get("OBJECT", "")), show)
        listener.on_connected(lambda: print("listening", flush=True))
        async with listener:
            await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("azure").setLevel(logging.CRITICAL)  # the listener says it, and once
    try:
        asyncio.run(main(os.environ))
    except KeyError as missing:
        raise SystemExit(f"the environment variable {missing.args[0]} is missing") from None
