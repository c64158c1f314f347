"""A subscription of the topic, looked through again and again: nothing is taken out, so others may look too.

The SDK's types and errors stop here.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from typing import Unpack

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver
from azure.servicebus.amqp import AmqpMessageBodyType

from fanout.errors import OperatorError
from fanout.live.story import Told, parse
from shared.edges.bus import WATCH_REASONS
from shared.edges.bus_client import Reached, open_client
from shared.edges.outlet import translate

_PAGE = 250
"""Messages of one look; a peek gives 250 at most."""


async def listen(
    topic: str, subscription: str, *, patience: float, pause: float, **reached: Unpack[Reached]
) -> AsyncGenerator[Sequence[Told], None]:
    """Yield what the subscription keeps, then what comes, each `pause` seconds; an empty list where nothing came.

    `patience` is for one look, in seconds.

    Raises `OperatorError` when the subscription cannot be looked at.
    """
    failure: OperatorError
    async with open_client(patience, **reached) as client:
        try:
            async with client.get_subscription_receiver(topic, subscription) as receiver:
                position = 1
                while True:
                    position, found = await _look(receiver, position, patience)
                    yield found
                    if len(found) == 0:
                        await asyncio.sleep(pause)
        except (AzureError, ValueError) as error:
            failure = OperatorError(str(translate(error, f"{topic}/{subscription}", WATCH_REASONS)))
    raise failure


async def _look(receiver: ServiceBusReceiver, position: int, patience: float) -> tuple[int, Sequence[Told]]:
    messages = await receiver.peek_messages(_PAGE, sequence_number=position, timeout=patience)
    found = []
    for message in messages:
        position = max(position, (message.sequence_number or 0) + 1)
        told = parse(_body(message), message.enqueued_time_utc or datetime.now(UTC))
        found += [told] if told else []
    return position, found


def _body(message: ServiceBusReceivedMessage) -> bytes:
    """Return a message's bytes; one of another AMQP form is no notice."""
    return b"".join(message.body) if message.body_type is AmqpMessageBodyType.DATA else b""
