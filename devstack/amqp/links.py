"""One direction of messages: `IncomingLink` where the peer sends, `OutgoingLink` where it receives (part 2.6).

Credit is granted generously and never enforced: the SDK's sender starts with 10,000 of its own (local-stack 1.5).
Towards a receiver it is kept exactly.
"""

import asyncio
import logging
from typing import Protocol

from devstack.amqp.errors import INVALID_FIELD, TOO_LARGE, AmqpError, ConnectionCutError, ProtocolError
from devstack.amqp.nodes import Delivery, Sink, Supply
from devstack.amqp.performatives import Accepted, Error, Flow, Outcome, Rejected, Transfer
from devstack.amqp.values import Symbol

logger = logging.getLogger(__name__)

CREDIT = 1000
"""Deliveries that a sender may have outstanding before it is granted more."""

SERIAL = 0xFFFF_FFFF
"""Counters of deliveries are 32 bits wide and wrap around."""


class Lane(Protocol):
    """The session, as its links see it."""

    async def confirm_receipt(self, delivery_id: int, outcome: Outcome) -> None:
        """Tell the sender what became of its delivery."""

    async def send_delivery(self, link: "OutgoingLink", delivery: Delivery) -> None:
        """Send a delivery, in as many frames as it takes."""

    async def send_credit(self, handle: int, *, delivery_count: int, credit: int, drain: bool = False) -> None:
        """Tell the peer how a link stands."""

    async def refuse_link(self, handle: int, error: AmqpError) -> None:
        """Detach a link with an error."""

    def cut(self) -> None:
        """End the connection without another byte."""


def describe(error: AmqpError) -> Error:
    """Return the error as it is sent, with all its three fields."""
    return Error(Symbol(error.condition), error.description, {})


class IncomingLink:
    """A link on which the peer sends."""

    def __init__(self, lane: Lane, handle: int, sink: Sink) -> None:
        self._lane = lane
        self._handle = handle
        self._sink = sink
        self._first: Transfer | None = None
        self._payload = bytearray()
        self._oversized = False
        self._delivery_count = 0
        self._credit = 0

    async def grant(self) -> None:
        """Let the peer send."""
        self._credit = CREDIT
        await self._lane.send_credit(self._handle, delivery_count=self._delivery_count, credit=CREDIT)

    async def receive(self, transfer: Transfer, payload: bytes) -> None:
        """Take a frame, and with the last one of a delivery the delivery."""
        first = self._begin(transfer)
        if transfer.aborted:
            self._forget()
            return
        self._collect(payload)
        if transfer.more:
            return
        delivery = Delivery(
            payload=bytes(self._payload),
            message_format=first.message_format or 0,
            tag=first.delivery_tag or b"",
            settled=bool(first.settled or transfer.settled),
        )
        oversized = self._oversized
        self._forget()
        outcome = await self._accept(delivery, oversized=oversized)
        if not delivery.settled:
            await self._lane.confirm_receipt(int(first.delivery_id or 0), outcome)
        await self._count()

    def close(self) -> None:
        """Forget a delivery that was never completed."""
        self._forget()

    def _begin(self, transfer: Transfer) -> Transfer:
        if self._first is None:
            if transfer.delivery_id is None:
                raise ProtocolError(INVALID_FIELD, "the first transfer of a delivery has no delivery-id")
            self._first = transfer
        elif transfer.delivery_id not in {None, self._first.delivery_id}:
            raise ProtocolError(INVALID_FIELD, "a delivery begins before the last one has ended")
        return self._first

    def _collect(self, payload: bytes) -> None:
        if self._oversized or len(self._payload) + len(payload) > self._sink.max_message_size:
            self._oversized = True
            self._payload.clear()
        else:
            self._payload += payload

    def _forget(self) -> None:
        self._first = None
        self._payload.clear()
        self._oversized = False

    async def _accept(self, delivery: Delivery, *, oversized: bool) -> Outcome:
        limit = self._sink.max_message_size
        if oversized:
            return Rejected(describe(AmqpError(TOO_LARGE, f"a message has at most {limit} bytes here")))
        try:
            await self._sink.accept(delivery)
        except ProtocolError:
            raise
        except AmqpError as error:
            return Rejected(describe(error))
        return Accepted()

    async def _count(self) -> None:
        self._delivery_count = (self._delivery_count + 1) & SERIAL
        self._credit -= 1
        if self._credit <= CREDIT // 2:
            await self.grant()


class OutgoingLink:
    """A link on which the peer receives, with a task of its own that waits for messages and credit."""

    def __init__(self, lane: Lane, handle: int, supply: Supply) -> None:
        self.handle = handle
        self.supply = supply
        self._lane = lane
        self._delivery_count = 0
        self._credit = 0
        self._drain = False
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to wait for messages and credit."""
        self.supply.attached(self._wake.set)
        self._task = asyncio.create_task(self._run())

    def close(self) -> None:
        """Stop, and hold what was delivered no longer. Its locks stay."""
        self.supply.detached()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    async def closed(self) -> None:
        """Wait until the task has ended."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def update_credit(self, flow: Flow) -> None:
        """Take over the credit that the peer grants."""
        seen = self._delivery_count if flow.delivery_count is None else int(flow.delivery_count)
        granted = (seen + int(flow.link_credit or 0) - self._delivery_count) & SERIAL
        self._credit = 0 if granted > SERIAL // 2 else granted
        self._drain = flow.drain
        self._wake.set()

    async def report_credit(self) -> None:
        """Answer a peer that asked how the link stands."""
        await self._lane.send_credit(self.handle, delivery_count=self._delivery_count, credit=self._credit)

    async def _run(self) -> None:
        try:
            while True:
                self._wake.clear()
                await self._pump()
                await self._wake.wait()
        except AmqpError as error:
            await self._lane.refuse_link(self.handle, error)
        except (ConnectionCutError, OSError):
            self._lane.cut()
        except Exception:
            logger.exception("a receiving link failed")
            self._lane.cut()

    async def _pump(self) -> None:
        while self._credit > 0:
            delivery = await self.supply.take()
            if delivery is None:
                break
            # Counted before the first byte leaves: a flow that answers it must find the new count.
            self._delivery_count = (self._delivery_count + 1) & SERIAL
            self._credit -= 1
            await self._lane.send_delivery(self, delivery)
        if self._drain:
            self._drain = False
            self._delivery_count = (self._delivery_count + self._credit) & SERIAL
            self._credit = 0
            await self._lane.send_credit(self.handle, delivery_count=self._delivery_count, credit=0, drain=True)
