"""The broker as a server: a listening socket, its connections, and a look inside for tests."""

import asyncio
import contextlib
import functools
import ssl
from collections.abc import Callable, Iterable
from typing import Self

from devstack import clock as clocks
from devstack.amqp.connections import Connection
from devstack.faults import Faults
from devstack.servicebus.clients import Client
from devstack.servicebus.configuration import Queue, Topic
from devstack.servicebus.messages import StoredMessage
from devstack.servicebus.namespaces import Namespace
from devstack.servicebus.operations import Operation
from devstack.servicebus.tokens import Verifier

_HOST = "127.0.0.1"
_TICK = 0.05
"""Seconds between two looks at the clock: locks, expiry and scheduled messages are that late at most."""


class ServiceBus:
    """A Service Bus namespace on a socket: `async with ServiceBus(...) as bus`.

    `port` 0 takes a free one; afterwards it is the one that is listened on. `connections` counts the AMQP connections
    that were opened. `verify_token` vouches for JWTs; by default none is accepted. With `tls` the SDK cannot use
    `connection_string`, which says "no TLS": give it `custom_endpoint_address=bus.endpoint`. The SDK compares a lock
    with the system's time before it settles, so where it receives a `ManualClock` has to start at the present.
    """

    def __init__(
        self,
        *,
        topics: Iterable[Topic] = (),
        queues: Iterable[Queue] = (),
        key: str,
        key_name: str = "RootManageSharedAccessKey",
        clock: clocks.Clock = clocks.system,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        verify_token: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.faults: Faults[Operation] = Faults()
        self._namespace = Namespace(topics=topics, queues=queues, clock=clock)
        self._key_name, self._key = key_name, key
        self._tls = tls
        self.port = port
        self.connections = 0
        self._meet_client = functools.partial(
            Client,
            namespace=self._namespace,
            verifier=Verifier(key_name=key_name, key=key, verify_token=verify_token),
            faults=self.faults,
            count=self._count_connection,
        )
        self._server: asyncio.Server | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises OSError where the port is taken."""
        self._server = await asyncio.start_server(self._serve, _HOST, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Cut every connection and listen no longer. The messages stay: `start` continues on the same port."""
        if self._server is None or self._ticker is None:
            return
        self._server.close()
        tasks = {self._ticker, *self._serving}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def endpoint(self) -> str:
        """The address for `custom_endpoint_address`."""
        return f"sb://{_HOST}:{self.port}"

    @property
    def connection_string(self) -> str:
        """What the SDK connects with, without TLS."""
        return (
            f"Endpoint={self.endpoint};SharedAccessKeyName={self._key_name};SharedAccessKey={self._key};"
            "UseDevelopmentEmulator=true;"
        )

    def messages(self, path: str) -> tuple[StoredMessage, ...]:
        """Return what is in a queue, subscription or dead-letter queue and not settled, locked or not, in order."""
        self._namespace.advance()
        return self._namespace.find_queue(path).messages

    def scheduled(self, path: str) -> tuple[StoredMessage, ...]:
        """Return the messages of a queue or topic that wait for their time."""
        return self._namespace.find_inlet(path).scheduled

    def accepted(self, path: str) -> tuple[StoredMessage, ...]:
        """Return what was sent to a queue or topic, duplicates included, in order; the newest 10,000."""
        return self._namespace.find_inlet(path).accepted

    async def wait_for(self, path: str, count: int, timeout: float) -> tuple[StoredMessage, ...]:  # noqa: ASYNC109 -- the limit is part of the question
        """Return the messages as soon as there are that many. Raises TimeoutError after `timeout` seconds."""
        queue = self._namespace.find_queue(path)
        changed = asyncio.Event()
        queue.watch(changed.set)
        try:
            async with asyncio.timeout(timeout):
                while len(self.messages(path)) < count:
                    changed.clear()
                    await changed.wait()
        except TimeoutError as error:
            found = len(self.messages(path))
            raise TimeoutError(f"{found} of {count} messages in {path} after {timeout} s") from error
        finally:
            queue.unwatch(changed.set)
        return self.messages(path)

    def clear(self) -> None:
        """Empty every entity and forget the ids seen; planned failures and the count of connections stay."""
        self._namespace.clear()

    def _count_connection(self) -> None:
        self.connections += 1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        # Cancelled is only by stop(), and the stream's own machinery would report that as an error.
        with contextlib.suppress(asyncio.CancelledError):
            await Connection(reader, writer, self._meet_client()).serve()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self._namespace.advance()
