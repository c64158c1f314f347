"""One direction of messages: `IncomingLink` where the peer sends, `OutgoingLink` where it receives (part 2.6).

Credit is granted generously and never enforced: the SDK's sender starts with 10,000 of its own (local-stack 1.5).
Towards a receiver it is kept exactly.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from devstack.amqp.channels import Channel
from devstack.amqp.codec import UInt
from devstack.amqp.errors import INVALID_FIELD, TOO_LARGE, AmqpError, ConnectionCutError
from devstack.amqp.nodes import Delivery, Sink, Supply
from devstack.amqp.performatives import Accepted, Disposition, Flow, Outcome, Rejected, Transfer, explain

logger = logging.getLogger(__name__)

CREDIT = 1000
"""Deliveries that a sender may have outstanding before it is granted more."""

MAX_MESSAGE_SIZE = 262_144
"""In bytes: the limit of Service Bus's standard tier."""


class IncomingLink:
    """A link on which the peer sends."""

    def __init__(self, channel: Channel, handle: int, sink: Sink) -> None:
        self._channel = channel
        self._handle = handle
        self._sink = sink
        self._first: Transfer | None = None
        self._payload = bytearray()
        self._delivery_count = 0

    async def start(self) -> None:
        """Let the peer send."""
        await self._channel.send_credit(self._handle, delivery_count=self._delivery_count, credit=CREDIT)

    async def receive(self, transfer: Transfer, payload: bytes) -> None:
        """Take a frame, and with the last one of a delivery the delivery."""
        first = self._first = self._first or transfer
        if first.delivery_id is None:
            raise AmqpError(INVALID_FIELD, "the first transfer of a delivery has no delivery-id")
        if len(self._payload) <= MAX_MESSAGE_SIZE:  # Of what is too large already no more is kept.
            self._payload += payload
        if transfer.more:
            return
        delivery = Delivery(
            payload=bytes(self._payload), message_format=first.message_format or 0, settled=bool(first.settled)
        )
        self._first = None
        self._payload.clear()
        outcome = await self._accept(delivery)
        if not delivery.settled:
            await self._channel.send(Disposition(role=True, first=first.delivery_id, settled=True, state=outcome))
        self._delivery_count += 1
        if self._delivery_count % (CREDIT // 2) == 0:
            await self.start()

    async def _accept(self, delivery: Delivery) -> Outcome:
        if len(delivery.payload) > MAX_MESSAGE_SIZE:
            return Rejected(explain(AmqpError(TOO_LARGE, f"a message has at most {MAX_MESSAGE_SIZE} bytes here")))
        try:
            await self._sink(delivery)
        except AmqpError as error:
            return Rejected(explain(error))
        return Accepted()


class OutgoingLink:
    """A link on which the peer receives, with a task of its own that waits for messages and credit.

    `wake` is set by the supply, `refuse` detaches the link with an error.
    """

    def __init__(
        self,
        channel: Channel,
        handle: int,
        supply: Supply,
        *,
        wake: asyncio.Event,
        refuse: Callable[[int, AmqpError], Awaitable[None]],
    ) -> None:
        self._channel = channel
        self._handle = handle
        self._supply = supply
        self._refuse = refuse
        self._unsettled: dict[int, bytes] = {}
        self._delivery_count = 0
        self._credit = 0
        self._drain = False
        self._wake = wake
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to wait for messages and credit."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop. What was delivered and not settled stays locked where it came from."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._supply.detached()

    def update_credit(self, flow: Flow) -> None:
        """Take over the credit that the peer grants, less what it has not seen yet."""
        seen = self._delivery_count if flow.delivery_count is None else flow.delivery_count
        self._credit = max(0, seen + (flow.link_credit or 0) - self._delivery_count)
        self._drain = flow.drain
        self._wake.set()

    async def settle(self, disposition: Disposition, outcome: Outcome) -> None:
        """Do what the outcome says with those deliveries of the range that this link has made, and confirm it."""
        last = disposition.first if disposition.last is None else disposition.last
        # The range is the peer's word: walk what is tracked, not what is claimed.
        for number in [number for number in self._unsettled if disposition.first <= number <= last]:
            echo = await self._settle(self._unsettled.pop(number), outcome)
            if not disposition.settled:
                await self._channel.send(Disposition(role=False, first=UInt(number), settled=True, state=echo))

    async def _settle(self, tag: bytes, outcome: Outcome) -> Outcome:
        try:
            await self._supply.settle(tag, outcome)
        except AmqpError as error:
            return Rejected(explain(error))
        # A rejection that worked is echoed without its error: with one it would mean failure (local-stack 1.5).
        return Rejected() if isinstance(outcome, Rejected) else outcome

    async def _run(self) -> None:
        try:
            while True:
                self._wake.clear()
                await self._pump()
                await self._wake.wait()
        except AmqpError as error:
            self._supply.detached()
            await self._refuse(self._handle, error)
        except (ConnectionCutError, OSError):
            self._channel.cut()
        except Exception:
            logger.exception("a receiving link failed")
            self._channel.cut()

    async def _pump(self) -> None:
        while self._credit > 0:
            delivery = await self._supply.take()
            if delivery is None:
                break
            number = self._channel.number_delivery()
            # Counted before the first byte leaves: a flow or an outcome that answers it must find it.
            self._delivery_count += 1
            self._credit -= 1
            if not delivery.settled:
                self._unsettled[number] = delivery.tag
            await self._channel.send_delivery(self._handle, number, delivery)
        if self._drain:
            self._drain = False
            self._delivery_count += self._credit
            self._credit = 0
            await self._channel.send_credit(self._handle, delivery_count=self._delivery_count, credit=0, drain=True)
