"""An application that listens: it receives notices of one subscription through the unmodified SDK."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver


@dataclass(frozen=True, slots=True)
class Heard:
    """A notice and when it came (Unix seconds)."""

    at: float
    notice: dict[str, Any]


class Subscriber:
    """Receives until it is closed; `heard` holds the notices in the order they came."""

    def __init__(self, receiver: ServiceBusReceiver) -> None:
        self.heard: list[Heard] = []
        self._receiver = receiver
        self._news = asyncio.Condition()

    async def wait_for(self, notice_type: str, version: str, *, seconds: float) -> Heard:
        """Return the first notice of a type (`target.refreshed`) about a version. Raises TimeoutError."""

        def found() -> Heard | None:
            return next((one for one in self.heard if _is(one.notice, notice_type, version)), None)

        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(found)
        heard = found()
        assert heard is not None  # noqa: S101 - the condition just held
        return heard

    async def listen(self) -> None:
        """Take message after message; each is completed once it is noted."""
        async for message in self._receiver:
            await self._note(message)

    async def _note(self, message: ServiceBusReceivedMessage) -> None:
        at = time.time()
        body = b"".join(message.body)
        await self._receiver.complete_message(message)
        async with self._news:
            self.heard.append(Heard(at, json.loads(body)))
            self._news.notify_all()


@contextlib.asynccontextmanager
async def subscribe(connection_string: str, *, topic: str, subscription: str) -> AsyncIterator[Subscriber]:
    """Listen to a subscription while the block runs."""
    async with (
        ServiceBusClient.from_connection_string(connection_string) as client,
        client.get_subscription_receiver(topic, subscription, prefetch_count=20) as receiver,
    ):
        subscriber = Subscriber(receiver)
        listening = asyncio.create_task(subscriber.listen())
        try:
            yield subscriber
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


def _is(notice: dict[str, Any], notice_type: str, version: str) -> bool:
    return (notice["type"], notice["data"]["version"]) == (f"dev.keyvault-fanout.{notice_type}.v1", version)
