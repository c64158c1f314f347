"""Keep a message, or its session, locked for us while the application works on it.

The SDK's own renewer looks once a second and is waited for when it ends; this one ends at once.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver, ServiceBusSession

_log = logging.getLogger("keyvault_fanout")
_SOONEST = 0.5
_UNKNOWN = 15.0


@contextlib.asynccontextmanager
async def locked(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage) -> AsyncIterator[None]:
    """Renew the lock whenever half of it has passed, while the block runs.

    Where that fails the block goes on: the message comes again, and acting twice is harmless.
    """
    keeping = asyncio.create_task(_keep(receiver, message))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})


async def _keep(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage) -> None:
    session: ServiceBusSession | None = receiver.session  # the SDK's types leave the None out
    try:
        while True:
            until = message.locked_until_utc if session is None else session.locked_until_utc
            left = (until - datetime.now(UTC)).total_seconds() if until else _UNKNOWN
            await asyncio.sleep(max(left / 2, _SOONEST))
            if session is None:
                await receiver.renew_message_lock(message)
            else:
                await session.renew_lock()
    except (AzureError, ValueError) as error:
        _log.warning("the lock of a notice could not be renewed (%s); the notice will come again", type(error).__name__)
