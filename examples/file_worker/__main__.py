"""The program: works until it is told to end."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Mapping

from azure.identity.aio import DefaultAzureCredential

from file_worker.working import Worker
from keyvault_fanout import Bus, Interest, Listener, NoValueYetError, SecretFile


@contextlib.asynccontextmanager
async def reach(environ: Mapping[str, str]) -> AsyncIterator[Bus]:
    """Return the bus: `SERVICE_BUS` is a connection string, `SERVICE_BUS_NAMESPACE` a host, reached by identity."""
    if connection_string := environ.get("SERVICE_BUS"):
        yield Bus(connection_string=connection_string)
        return
    async with DefaultAzureCredential() as credential:
        yield Bus(namespace=environ["SERVICE_BUS_NAMESPACE"], credential=credential)


async def main(environ: Mapping[str, str]) -> None:
    """Work with the key in `MOUNTED_FILE` until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    worker = Worker(every=float(environ.get("JOB_EVERY", "1")))
    async with reach(environ) as bus:
        listener = Listener(bus, topic=environ["TOPIC"], subscription=environ["SUBSCRIPTION"])
        interest = Interest(object_type="secret", object=environ["OBJECT"])
        look_every = float(environ.get("LOOK_EVERY", "10"))
        key = SecretFile(environ["MOUNTED_FILE"], listener=listener, interest=interest, poll=look_every)
        key.on_change(worker.use)

        async def work() -> None:
            async with key, listener:  # the first waits for the file to be there
                await worker.work()

        tasks = {asyncio.create_task(work()), asyncio.create_task(stop.wait())}
        ended, going = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        await asyncio.gather(*ended)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("azure").setLevel(logging.CRITICAL)  # the listener says it, and once
    try:
        asyncio.run(main(os.environ))
    except KeyError as missing:
        raise SystemExit(f"the environment variable {missing.args[0]} is missing") from None
    except NoValueYetError as error:
        raise SystemExit(str(error)) from None
