"""Say which version this instance uses, so that an operator sees when the old credential can be revoked.

Nothing here may hold up or fail an application: what is said is sent in the background, for as long as it takes.
"""

import asyncio
import contextlib
import itertools
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol, Self

from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

from keyvault_fanout.acknowledgement import Use, compose
from keyvault_fanout.bus import Bus, explain
from keyvault_fanout.calling import describe
from keyvault_fanout.kept import utc_now
from keyvault_fanout.notice import checked
from keyvault_fanout.pace import Pace

_log = logging.getLogger("keyvault_fanout")

_made = itertools.count(1)
_GOODBYE = 3.0
_LOOK = 1.0
"""Seconds between two looks at what is followed."""

_LIVES = 3
"""Repeats after which a message of an instance that says nothing any more goes away."""


class Held(Protocol):
    """What has a version that changes: `SecretFile`, `VaultSecret`, and `Renewed`, which is made of one of them."""

    @property
    def vault(self) -> str:
        """Name of the vault; empty where it is not known yet."""
        ...

    @property
    def object(self) -> str:
        """Name of the object; empty where it is not known yet."""
        ...

    @property
    def version(self) -> str:
        """The version that is held or used; empty where it is not known."""
        ...


class Acknowledger:
    """Tells a queue which versions this instance uses.

        async with Acknowledger(bus, application="shop-web") as acknowledger:
            acknowledger.follow(pool)                               # a Renewed, a SecretFile or a VaultSecret
            acknowledger.using("kv-shop", "db-password", version)   # or by hand

    What is said last about an object is sent, tried again at `pace` for as long as it takes, and said again every
    `repeat` seconds while the block runs: an instance that is gone is told apart from one that is slow. A message lives
    for three times as long. It takes the role *Azure Service Bus Data Sender* on the queue. `instance` has to be
    unique within the application: by default the host's name, which in Kubernetes is the pod's, and the number of the
    process, because several workers of one pod may use different versions. So may several things of one process that
    hold the same object: each that is followed is told apart, as `INSTANCE~2` and so on.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        application: str,
        instance: str = "",
        queue: str = "acks",
        repeat: float = 600.0,
        grace: float = 10.0,
        pace: Pace | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        if not application:
            raise ValueError("expected the application's name")
        self._bus, self._queue = bus, queue
        self._application, self._instance = application, instance or _unique()
        self._repeat, self._pace, self._now = repeat, pace or Pace(), now
        self._grace = grace
        self._uses: dict[tuple[str, int], Use] = {}
        self._due: dict[tuple[str, int], float] = {}
        self._followed: list[tuple[Held, str]] = []
        self._parts: dict[tuple[str, int], int] = {}
        self._woken, self._closing = asyncio.Event(), asyncio.Event()
        self._error = self._broken = ""
        self._task: asyncio.Task[None] | None = None

    @property
    def error(self) -> str:
        """Why the last thing could not be said, and what to do; empty where it could. For a page, not for an alarm."""
        return self._error or self._broken

    def using(self, vault: str, name: str, version: str, *, object_type: str = "secret") -> None:
        """Say that this instance uses a version of an object from now on. Returns at once; call it in the loop.

        `object_type` is `secret`, `key` or `cert`; another one raises `ValueError`. Not for an object that is followed:
        what that says counts.
        """
        self._say(Use(vault.lower(), checked(object_type), name.lower(), version, self._now()))

    def _say(self, use: Use) -> None:
        known = self._uses.get(use.key)
        if known is None or known.version != use.version:
            self._uses[use.key] = use
            self._due[use.key] = 0.0
            self._woken.set()

    def follow(self, held: Held, *, object_type: str = "secret") -> None:
        """Say so of what is held, now and whenever that is another version; nothing until a version is known.

        `object_type` is `secret`, `key` or `cert`, as in the notices about it; another one raises `ValueError`.
        """
        self._followed.append((held, checked(object_type)))
        self._woken.set()

    async def start(self) -> None:
        """Begin to send. Raises `ValueError` for a connection string that is none."""
        await self._bus.open().close()
        self._closing.clear()
        self._task = self._task or asyncio.create_task(self._run())

    async def close(self) -> None:
        """Send what is left, for `grace` seconds at most, and disconnect."""
        task, self._task = self._task, None
        if task is None:
            return
        self._closing.set()
        self._woken.set()
        _, late = await asyncio.wait({task}, timeout=self._grace)
        if late:
            task.cancel()
            await asyncio.wait({task}, timeout=_GOODBYE)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _run(self) -> None:
        failures = 0
        while True:
            await self._wait()
            try:
                if self._unsent():  # a connection that is idle for minutes is closed by the service
                    async with self._bus.open() as client:
                        await self._send(client)
                failures, self._error = 0, ""
            except Exception as error:  # noqa: BLE001 - for ever: an error of the SDK's that nobody foresaw, too
                if not self._error:
                    _log.warning("versions in use are not acknowledged on %s: %s", self._queue, explain(error))
                failures, self._error = failures + 1, explain(error)
            if self._closing.is_set() and (not self._unsent() or failures > 1):
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pace.wait(failures)):
                    await self._closing.wait()

    async def _wait(self) -> None:
        """Wait until something is to be said."""
        while True:
            self._woken.clear()
            self._look()
            if self._unsent() or self._closing.is_set():
                return
            left = min(self._due.values(), default=float("inf")) - asyncio.get_running_loop().time()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, _LOOK)):
                    await self._woken.wait()

    def _look(self) -> None:
        """Ask what is followed. It may be somebody else's code: what raises is passed over, and named."""
        broken = ""
        for index, (held, object_type) in enumerate(self._followed):
            try:
                vault, name, version = held.vault, held.object, held.version
            except Exception as error:  # noqa: BLE001 - an instance must not seem to be gone
                broken = f"{type(held).__qualname__} cannot be asked: {describe(error)}"
                continue
            if vault and name and version:
                use = Use(vault.lower(), object_type, name.lower(), version, self._now())
                self._say(replace(use, part=self._part(use.subject, index)))
        if broken and not self._broken:
            _log.error("a version in use is not known: %s", broken)
        self._broken = broken

    def _part(self, subject: str, index: int) -> int:
        """Return which one of those that hold an object this is; it stays the same whatever becomes of the others."""
        known = sum(one == subject for one, _ in self._parts)
        return self._parts.setdefault((subject, index), known)

    def _unsent(self) -> list[tuple[str, int]]:
        """Return what is to be said now: what is new, and what was said `repeat` seconds ago."""
        now = asyncio.get_running_loop().time()
        return [key for key, due in self._due.items() if due <= now]

    async def _send(self, client: ServiceBusClient) -> None:
        sender: ServiceBusSender
        async with client.get_queue_sender(self._queue) as sender:
            for key in self._unsent():
                use = self._uses[key]
                await sender.send_messages(self._message(use))
                if self._uses[key] is use:
                    self._due[key] = asyncio.get_running_loop().time() + self._repeat

    def _message(self, use: Use) -> ServiceBusMessage:
        return compose(use, self._application, self._instance, self._now(), lives=_LIVES * self._repeat)


def _unique() -> str:
    """Return a name that no other acknowledger has: of host and process, and a number where it is not the first."""
    number = next(_made)
    return f"{socket.gethostname()}-{os.getpid()}" + (f"-{number}" if number > 1 else "")
