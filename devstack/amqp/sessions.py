"""A session: which handle is which link (part 2.5)."""

import asyncio
from dataclasses import replace

from devstack.amqp.channels import Channel
from devstack.amqp.codec import UInt, ULong
from devstack.amqp.errors import NOT_ALLOWED, UNATTACHED_HANDLE, AmqpError, ConnectionCutError
from devstack.amqp.links import MAX_MESSAGE_SIZE, IncomingLink, OutgoingLink
from devstack.amqp.nodes import Container, LinkRequest, Terms
from devstack.amqp.performatives import (
    SETTLED,
    Attach,
    Begin,
    Composite,
    Detach,
    Disposition,
    Flow,
    Source,
    Target,
    Transfer,
    explain,
)


class Session:
    """One session of a connection."""

    def __init__(self, channel: Channel, container: Container) -> None:
        self._channel = channel
        self._container = container
        # None stands for a link that this side has detached and the peer not yet: what is still under way is dropped.
        self._links: dict[int, IncomingLink | OutgoingLink | None] = {}
        self._attaching: dict[int, asyncio.Task[None]] = {}

    async def handle(self, performative: Composite, payload: bytes) -> None:
        """Do what the peer says. Raises AmqpError for what breaks the rules."""
        match performative:
            case Begin():
                await self._channel.send_begin(performative)
            case Attach():
                await self._attach(performative)
            case Transfer():
                await self._receive(performative, payload)
            case Flow():
                self._update_credit(performative)
            case Disposition():
                await self._settle(performative)
            case Detach():
                await self._detach(performative)
            case _:
                raise AmqpError(NOT_ALLOWED, f"{type(performative).__name__} inside a session")

    async def close(self) -> None:
        """End every link."""
        for task in self._attaching.values():
            task.cancel()
        await asyncio.gather(*self._attaching.values(), return_exceptions=True)
        for link in self._links.values():
            if isinstance(link, OutgoingLink):
                await link.close()
        self._links.clear()

    async def _attach(self, attach: Attach) -> None:
        handle = int(attach.handle)
        if self._links.get(handle) is not None:
            raise AmqpError(NOT_ALLOWED, f"no link can be attached to handle {handle}")
        reply = replace(
            attach,
            role=not attach.role,
            source=attach.source or Source(),
            target=attach.target or Target(),
            initial_delivery_count=UInt(0),
            max_message_size=ULong(MAX_MESSAGE_SIZE),
            offered_capabilities=None,
            desired_capabilities=None,
            properties=None,
        )
        if not (attach.role and attach.source and attach.source.filter):
            await self._provide(attach, reply)
            return
        self._links[handle] = None
        task = self._attaching[handle] = asyncio.create_task(self._provide_slowly(attach, reply))
        task.add_done_callback(lambda _: self._attaching.pop(handle, None))

    async def _provide_slowly(self, attach: Attach, reply: Attach) -> None:
        try:
            await self._provide(attach, reply)
        except (ConnectionCutError, OSError):
            self._channel.cut()

    async def _provide(self, attach: Attach, reply: Attach) -> None:
        handle = int(attach.handle)
        try:
            link, terms = await self._provide_link(attach)
        except AmqpError as error:
            # Neither source nor target, then detach: the refusal that the SDK reads (local-stack 1.5).
            await self._channel.send(replace(reply, source=None, target=None))
            await self._refuse(handle, error)
            return
        self._links[handle] = link
        if reply.source is not None:
            reply = replace(reply, source=replace(reply.source, filter=terms.filters), properties=terms.properties)
        await self._channel.send(reply)
        await link.start()

    async def _provide_link(self, attach: Attach) -> tuple[IncomingLink | OutgoingLink, Terms]:
        terminus = attach.source if attach.role else attach.target
        address = terminus.address or "" if terminus else ""
        handle = int(attach.handle)
        if not attach.role:
            sink = await self._container.provide_sink(LinkRequest(session=self, address=address))
            return IncomingLink(self._channel, handle, sink), Terms()
        request = LinkRequest(
            session=self,
            address=address,
            settled=attach.snd_settle_mode == SETTLED,
            filters=_named(attach.source.filter if attach.source else None),
            properties=_named(attach.properties),
        )
        wake = asyncio.Event()
        supply = await self._container.provide_supply(request, wake.set)
        return OutgoingLink(self._channel, handle, supply, wake=wake, refuse=self._refuse), supply.terms

    async def _refuse(self, handle: int, error: AmqpError) -> None:
        self._links[handle] = None
        await self._channel.send(Detach(UInt(handle), closed=True, error=explain(error)))

    async def _receive(self, transfer: Transfer, payload: bytes) -> None:
        self._channel.count_transfer()
        link = self._find(transfer.handle)
        if isinstance(link, OutgoingLink):
            raise AmqpError(NOT_ALLOWED, "a transfer on a link that the peer receives on")
        if link is not None:
            await link.receive(transfer, payload)

    def _update_credit(self, flow: Flow) -> None:
        link = None if flow.handle is None else self._find(flow.handle)
        if isinstance(link, OutgoingLink):
            link.update_credit(flow)

    async def _settle(self, disposition: Disposition) -> None:
        # A delivery that is settled without an outcome keeps its lock, which will run out.
        if not disposition.role or disposition.state is None:
            return
        for link in list(self._links.values()):
            if isinstance(link, OutgoingLink):
                await link.settle(disposition, disposition.state)

    async def _detach(self, detach: Detach) -> None:
        link = self._find(detach.handle)
        if attaching := self._attaching.get(int(detach.handle)):
            attaching.cancel()
        del self._links[int(detach.handle)]
        if isinstance(link, OutgoingLink):
            await link.close()
        if link is not None:
            await self._channel.send(Detach(detach.handle, closed=detach.closed))

    def _find(self, handle: UInt) -> IncomingLink | OutgoingLink | None:
        if int(handle) not in self._links:
            raise AmqpError(UNATTACHED_HANDLE, f"handle {handle} is no link")
        return self._links[int(handle)]


def _named(given: object) -> dict[str, object]:
    """Return a map of a link's with texts for keys; nothing where it is none."""
    return {str(name): value for name, value in given.items()} if isinstance(given, dict) else {}
