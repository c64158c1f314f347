"""Listen to a subscription for as long as the application runs, whatever becomes of the bus."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self

from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusReceivedMessage, exceptions
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

from keyvault_fanout.bus import Bus, explain
from keyvault_fanout.calling import describe, name_of
from keyvault_fanout.delivery import Delivery, Handler
from keyvault_fanout.interest import Interest
from keyvault_fanout.notice import Reason
from keyvault_fanout.pace import Pace

_log = logging.getLogger("keyvault_fanout")
_LONGEST_WAIT = 30.0
"""Seconds without a message until the SDK is asked again; nothing happens then."""

_SESSION_WAIT = 1.0
"""Seconds without a message until a session is given up for the next one."""

_GOODBYE = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How the listener is. `error` is the last one and what to do about it, empty while connected.

    `skipped` counts messages that were no notice for this release, by reason.
    """

    connected: bool
    error: str = ""
    skipped: Mapping[Reason, int] = field(default_factory=dict)


class Listener:
    """Receives the notices of one subscription, one after another, and hands them to those who care.

        async with Listener(bus, topic="keyvault-changes", subscription="shop-web-0") as listener:
            listener.on(Interest(object="db-password"), handler)

    It comes up at once, also while the bus is down, connects again for ever at a pace with jitter, and needs one
    connection. A message is completed after every handler that cares has returned. Where one raises, the message comes
    again, to all of them; after `attempts` deliveries it becomes a dead letter, with the handler's name and the kind
    of its error. Keep `attempts` below the subscription's own limit (10 by default), or that one's reason is all that
    is left. Handlers run one after another: who takes long holds up the others, and has `handler_timeout` seconds.
    Locks are renewed meanwhile.

    `sessions` says that the subscription requires sessions. `prepare` is called before each attempt to connect, to
    make a subscription that was deleted while nobody listened, say. `close`, or the end of the block, takes
    nothing new, and waits `grace` seconds for the handler that runs.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        topic: str,
        subscription: str,
        sessions: bool = False,
        prepare: Callable[[], Awaitable[object]] | None = None,
        attempts: int = 5,
        handler_timeout: float = 300.0,
        grace: float = 10.0,
        pace: Pace | None = None,
    ) -> None:
        self._bus = bus
        self._topic, self._subscription = topic, subscription
        self._sessions = sessions
        self._prepare = prepare
        self._grace = grace
        self._pace = pace or Pace()
        self._handlers: list[tuple[Interest, Handler]] = []
        self._returns: list[Callable[[], object]] = []
        self._delivery = Delivery(
            handlers=self._handlers,
            attempts=attempts,
            handler_timeout=handler_timeout,
            pace=self._pace,
            pause=self._wait,
        )
        self._closing = asyncio.Event()
        self._connected = asyncio.Event()
        self._delivering = False
        self._failures = 0
        self._error = ""
        self._task: asyncio.Task[None] | None = None

    def on(self, interest: Interest, handler: Handler) -> None:
        """Call a handler, async or blocking, for every notice of this interest, from the next message on.

        A notice waits for the first handler; further ones that must not miss it are named before the listener is
        started. May be called from any thread.
        """
        self._handlers.append((interest, handler))

    def off(self, handler: Handler) -> None:
        """Call a handler no longer."""
        self._handlers[:] = [pair for pair in self._handlers if pair[1] != handler]

    def on_connected(self, look: Callable[[], object]) -> None:
        """Call something, in the loop and without waiting for it, whenever a connection is there (again).

        What was told in between may be lost, where the subscription was deleted: the time to look by oneself.
        """
        self._returns.append(look)

    def off_connected(self, look: Callable[[], object]) -> None:
        """Call it no longer."""
        self._returns[:] = [one for one in self._returns if one != look]

    def health(self) -> Connection:
        """Return how the listener is. May be called from any thread."""
        return Connection(
            connected=self._connected.is_set(),
            error=self._error,
            skipped=MappingProxyType(dict(self._delivery.skipped)),
        )

    async def connected(self) -> None:
        """Return once there is a connection."""
        await self._connected.wait()

    async def start(self) -> None:
        """Begin to listen. Raises `ValueError` for a connection string that is none."""
        await self._bus.open().close()
        self._closing.clear()
        self._task = self._task or asyncio.create_task(self._run())

    async def close(self) -> None:
        """Take nothing new, wait for the handler that runs, for `grace` seconds at most, and disconnect."""
        task, self._task = self._task, None
        self._closing.set()
        if task is None:
            return
        if self._delivering and not self._delivery.waiting:
            await asyncio.wait({task}, timeout=self._grace)
        task.cancel()
        # The SDK says goodbye to the service, which may not answer.
        _, stuck = await asyncio.wait({task}, timeout=_GOODBYE)
        if stuck:
            _log.warning("the connection to Service Bus does not close; it is left")

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _run(self) -> None:
        while not self._closing.is_set():
            try:
                if self._prepare is not None:
                    await self._prepare()
                async with self._bus.open() as client:
                    await self._listen(client)
            except Exception as error:  # noqa: BLE001 - for ever: an error of the SDK's that nobody foresaw, too
                self._failures += 1
                self._error = explain(error)
                _log.warning("not connected to %s/%s: %s", self._topic, self._subscription, self._error)
            finally:
                self._connected.clear()
            await self._wait(self._pace.wait(self._failures))

    async def _listen(self, client: ServiceBusClient) -> None:
        while not self._closing.is_set():
            if not self._sessions:
                async with client.get_subscription_receiver(self._topic, self._subscription) as receiver:
                    self._welcome()
                    while not self._closing.is_set():
                        await self._take(receiver, _LONGEST_WAIT)
                return
            with contextlib.suppress(exceptions.OperationTimeoutError):  # no session has a message
                async with client.get_subscription_receiver(
                    self._topic, self._subscription, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=_LONGEST_WAIT
                ) as receiver:
                    self._welcome()
                    while not self._closing.is_set() and await self._take(receiver, _SESSION_WAIT):
                        pass
            self._welcome()

    async def _take(self, receiver: ServiceBusReceiver, seconds: float) -> bool:
        """Take one message and deliver it; answer whether there was one."""
        messages: list[ServiceBusReceivedMessage] = await receiver.receive_messages(1, max_wait_time=seconds)
        self._failures = 0
        for message in messages:
            self._delivering = True
            try:
                await self._delivery.deliver(receiver, message)
            finally:
                self._delivering = False
        return bool(messages)

    def _welcome(self) -> None:
        if self._connected.is_set():
            return
        self._error = ""
        self._connected.set()
        for look in tuple(self._returns):
            try:
                look()
            except Exception as error:  # noqa: BLE001 - it ends no connection
                _log.error("%s failed when the connection was there: %s", name_of(look), describe(error))

    async def _wait(self, seconds: float) -> None:
        """Wait, but not for the end of a listener that is being closed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
