"""A session: which handle is which link, how many frames may be under way, which deliveries await an outcome (2.5)."""

import asyncio
from typing import Protocol

from devstack.amqp import framing
from devstack.amqp.composites import Composite
from devstack.amqp.errors import (
    HANDLE_IN_USE,
    INVALID_FIELD,
    NOT_ALLOWED,
    NOT_IMPLEMENTED,
    UNATTACHED_HANDLE,
    AmqpError,
    ProtocolError,
    SessionError,
)
from devstack.amqp.links import SERIAL, IncomingLink, OutgoingLink, describe
from devstack.amqp.nodes import Container, Delivery, LinkRequest
from devstack.amqp.performatives import (
    SETTLED,
    Attach,
    Begin,
    Detach,
    Disposition,
    Flow,
    Outcome,
    Received,
    Rejected,
    Source,
    Target,
    Transfer,
)
from devstack.amqp.values import Described, UInt, ULong, UShort

WINDOW = UInt(0x7FFF_FFFF)
"""Frames that a peer may send ahead: all it likes, they are taken one after another anyway."""

MAX_HANDLE = 1023


class Wire(Protocol):
    """The connection, as its sessions see it."""

    max_frame_size: int

    async def send(self, channel: int, performative: Composite | None, payload: bytes = b"") -> None:
        """Send a frame."""

    def cut(self) -> None:
        """End the connection without another byte."""


class Session:
    """One session of a connection."""

    def __init__(self, wire: Wire, channel: int, begin: Begin, container: Container) -> None:
        self._wire = wire
        self._channel = channel
        self._container = container
        # None stands for a link that this side has detached and the peer not yet: what is still under way is dropped.
        self._links: dict[int, IncomingLink | OutgoingLink | None] = {}
        self._next_incoming = int(begin.next_outgoing_id)
        self._next_outgoing = 0
        self._next_delivery = 0
        self._peer_window = int(begin.incoming_window)
        self._window_changed = asyncio.Event()
        self._unsettled: dict[int, tuple[OutgoingLink, bytes]] = {}

    async def begin(self) -> None:
        """Answer the peer's begin."""
        reply = Begin(
            remote_channel=UShort(self._channel),
            next_outgoing_id=UInt(0),
            incoming_window=WINDOW,
            outgoing_window=WINDOW,
            handle_max=UInt(MAX_HANDLE),
        )
        await self._wire.send(self._channel, reply)

    async def handle(self, performative: Composite, payload: bytes) -> None:
        """Do what the peer says. Raises ProtocolError and SessionError."""
        match performative:
            case Attach():
                await self._attach(performative)
            case Transfer():
                await self._receive(performative, payload)
            case Flow():
                await self._flow(performative)
            case Disposition():
                await self._dispose(performative)
            case Detach():
                await self._detach(performative)
            case _:
                raise ProtocolError(NOT_ALLOWED, f"{type(performative).__name__} inside a session")

    async def close(self) -> None:
        """End every link. What was delivered and not settled stays locked where it came from."""
        links = [link for link in self._links.values() if link is not None]
        self._links.clear()
        self._unsettled.clear()
        for link in links:
            link.close()
        for link in links:
            if isinstance(link, OutgoingLink):
                await link.closed()

    def cut(self) -> None:
        """End the connection without another byte."""
        self._wire.cut()

    async def confirm_receipt(self, delivery_id: int, outcome: Outcome) -> None:
        """Tell the sender what became of its delivery."""
        reply = Disposition(role=True, first=UInt(delivery_id), settled=True, state=outcome)
        await self._wire.send(self._channel, reply)

    async def send_credit(self, handle: int, *, delivery_count: int, credit: int, drain: bool = False) -> None:
        """Tell the peer how a link stands."""
        flow = Flow(
            next_incoming_id=UInt(self._next_incoming),
            incoming_window=WINDOW,
            next_outgoing_id=UInt(self._next_outgoing),
            outgoing_window=WINDOW,
            handle=UInt(handle),
            delivery_count=UInt(delivery_count),
            link_credit=UInt(credit),
            drain=drain,
        )
        await self._wire.send(self._channel, flow)

    async def send_delivery(self, link: OutgoingLink, delivery: Delivery) -> None:
        """Send a delivery, in as many frames as the peer's frame size asks for."""
        number = self._next_delivery
        self._next_delivery = (number + 1) & SERIAL
        if not delivery.settled:
            self._unsettled[number] = (link, delivery.tag)
        identity = (UInt(number), delivery.tag, UInt(delivery.message_format), delivery.settled)
        handle, payload, start = UInt(link.handle), delivery.payload, 0
        room = self._wire.max_frame_size - framing.OVERHEAD - len(Transfer(handle, *identity).encode())
        while True:
            end = start + room
            more = end < len(payload)
            await self._take_window()
            await self._wire.send(self._channel, Transfer(handle, *identity, more=more), payload[start:end])
            if not more:
                return
            start = end

    async def refuse_link(self, handle: int, error: AmqpError) -> None:
        """Detach a link with an error."""
        self._drop(handle)
        self._links[handle] = None
        await self._wire.send(self._channel, Detach(UInt(handle), closed=True, error=describe(error)))

    async def _take_window(self) -> None:
        while self._peer_window <= 0:
            self._window_changed.clear()
            await self._window_changed.wait()
        self._peer_window -= 1
        self._next_outgoing = (self._next_outgoing + 1) & SERIAL

    async def _attach(self, attach: Attach) -> None:
        handle = int(attach.handle)
        if handle > MAX_HANDLE:
            raise ProtocolError(NOT_ALLOWED, f"handles end at {MAX_HANDLE}")
        if self._links.get(handle) is not None:
            raise SessionError(HANDLE_IN_USE, f"handle {handle} is a link already")
        try:
            if attach.role:
                await self._attach_receiver(attach)
            else:
                await self._attach_sender(attach)
        except (ProtocolError, SessionError):
            raise
        except AmqpError as error:
            await self._refuse_attach(attach, error)

    async def _attach_sender(self, attach: Attach) -> None:
        """Let the peer send: its target is our node."""
        request = LinkRequest(session=self, address=_address(attach.target), reply_address=_other(attach.source))
        sink = await self._container.provide_sink(request)
        link = IncomingLink(self, int(attach.handle), sink)
        self._links[int(attach.handle)] = link
        await self._confirm_attach(attach, request, max_message_size=ULong(sink.max_message_size))
        await link.grant()

    async def _attach_receiver(self, attach: Attach) -> None:
        """Let the peer receive: its source is our node."""
        source = attach.source
        request = LinkRequest(
            session=self,
            address=_address(source),
            reply_address=_other(attach.target),
            settled=attach.snd_settle_mode == SETTLED,
            filters=tuple(str(name) for name in (source.filter or {})) if isinstance(source, Source) else (),
        )
        supply = await self._container.provide_supply(request)
        link = OutgoingLink(self, int(attach.handle), supply)
        self._links[int(attach.handle)] = link
        await self._confirm_attach(attach, request, initial_delivery_count=UInt(0))
        link.start()

    async def _confirm_attach(
        self,
        attach: Attach,
        request: LinkRequest,
        *,
        max_message_size: ULong | None = None,
        initial_delivery_count: UInt | None = None,
    ) -> None:
        source, target = request.address, request.reply_address
        if not attach.role:
            source, target = target, source
        reply = Attach(
            name=attach.name,
            handle=attach.handle,
            role=not attach.role,
            snd_settle_mode=attach.snd_settle_mode,
            rcv_settle_mode=attach.rcv_settle_mode,
            source=Source(source),
            target=Target(target),
            initial_delivery_count=initial_delivery_count,
            max_message_size=max_message_size,
        )
        await self._wire.send(self._channel, reply)

    async def _refuse_attach(self, attach: Attach, error: AmqpError) -> None:
        """Answer with neither source nor target, then detach: the refusal that the SDK reads (local-stack 1.5)."""
        count = UInt(0) if attach.role else None
        reply = Attach(attach.name, attach.handle, role=not attach.role, initial_delivery_count=count)
        await self._wire.send(self._channel, reply)
        await self.refuse_link(int(attach.handle), error)

    async def _receive(self, transfer: Transfer, payload: bytes) -> None:
        self._next_incoming = (self._next_incoming + 1) & SERIAL
        link = self._link(transfer.handle)
        if isinstance(link, OutgoingLink):
            raise SessionError(NOT_ALLOWED, "a transfer on a link that the peer receives on")
        if link is not None:
            await link.receive(transfer, payload)

    async def _flow(self, flow: Flow) -> None:
        base = 0 if flow.next_incoming_id is None else int(flow.next_incoming_id)
        window = (base + int(flow.incoming_window) - self._next_outgoing) & SERIAL
        self._peer_window = 0 if window > SERIAL // 2 else window
        self._window_changed.set()
        if flow.handle is None:
            return
        link = self._link(flow.handle)
        if isinstance(link, OutgoingLink):
            link.update_credit(flow)
            if flow.echo and not flow.drain:
                await link.report_credit()
        elif link is not None and flow.echo:
            await link.grant()

    async def _dispose(self, disposition: Disposition) -> None:
        state = disposition.state
        if not disposition.role or (isinstance(state, Received | None) and not disposition.settled):
            return
        last = disposition.first if disposition.last is None else disposition.last
        # The range is the peer's word: walk what is tracked, not what is claimed.
        for number in [number for number in self._unsettled if disposition.first <= number <= last]:
            link, tag = self._unsettled.pop(number)
            if isinstance(state, Received | None):
                continue  # Settled without an outcome: the lock will run out.
            outcome = await _settle(link, tag, state)
            if not disposition.settled:
                reply = Disposition(role=False, first=UInt(number), settled=True, state=outcome)
                await self._wire.send(self._channel, reply)

    async def _detach(self, detach: Detach) -> None:
        handle = int(detach.handle)
        link = self._link(detach.handle)
        self._drop(handle)
        if link is not None:
            await self._wire.send(self._channel, Detach(detach.handle, closed=detach.closed))

    def _link(self, handle: UInt) -> IncomingLink | OutgoingLink | None:
        if int(handle) not in self._links:
            raise SessionError(UNATTACHED_HANDLE, f"handle {handle} is no link")
        return self._links[int(handle)]

    def _drop(self, handle: int) -> None:
        link = self._links.pop(handle, None)
        if link is None:
            return
        self._unsettled = {number: held for number, held in self._unsettled.items() if held[0] is not link}
        link.close()


def _address(terminus: Source | Target | Described | None) -> str:
    if isinstance(terminus, Described):
        raise AmqpError(NOT_IMPLEMENTED, "transactions are not served")
    if terminus is None or not terminus.address:
        raise AmqpError(INVALID_FIELD, "a link needs the address of its node")
    return terminus.address


def _other(terminus: Source | Target | Described | None) -> str:
    return "" if terminus is None or isinstance(terminus, Described) else terminus.address or ""


async def _settle(link: OutgoingLink, tag: bytes, state: Outcome | Described) -> Outcome:
    """Answer what is echoed: the peer's own outcome, or a rejection with the reason."""
    if isinstance(state, Described):
        return Rejected(describe(AmqpError(NOT_IMPLEMENTED, "transactions are not served")))
    try:
        await link.supply.settle(tag, state)
    except AmqpError as error:
        return Rejected(describe(error))
    # A rejection that worked is echoed without its error: with one it would mean failure (local-stack 1.5).
    return Rejected() if isinstance(state, Rejected) else state
