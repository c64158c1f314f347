"""A way to a port of loopback on which every byte takes its time: distance, for a server that cannot delay."""

import asyncio
import contextlib


async def listen(port: int, seconds: float) -> asyncio.Server:
    """Accept connections for a port of 127.0.0.1; what goes through takes `seconds` more, each way."""
    connections: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:  # it has ended before its clients
            writer.close()
            return
        for source, target in ((reader, back), (there, writer)):
            task = asyncio.create_task(_carry(source, target, seconds))
            connections.add(task)
            task.add_done_callback(connections.discard)

    return await asyncio.start_server(accept, "127.0.0.1", 0)


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter, seconds: float) -> None:
    """Copy until the end; the timers of one loop keep the order of equal delays."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(ConnectionError):
        while said := await source.read(65536):
            loop.call_later(seconds, target.write, said)
    loop.call_later(seconds, target.close)
