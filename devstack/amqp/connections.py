"""One TCP connection from its first byte to its last: headers, SASL, open, sessions, close (AMQP 1.0 parts 2.4, 5.3).

Whatever a peer sends, only its own connection ends. Who may do what is not decided here: SASL lets everybody in, as
Service Bus does, and the nodes ask for a token.
"""

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Coroutine
from typing import TypeVar

from devstack.amqp import framing
from devstack.amqp.composites import Composite
from devstack.amqp.errors import (
    FRAMING,
    INTERNAL,
    INVALID_FIELD,
    NOT_ALLOWED,
    AmqpError,
    ConnectionCutError,
    ProtocolError,
    SessionError,
)
from devstack.amqp.links import describe
from devstack.amqp.nodes import Container
from devstack.amqp.performatives import (
    Begin,
    Close,
    End,
    Open,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
)
from devstack.amqp.sessions import Session
from devstack.amqp.values import Array, Symbol, UByte, UInt, UShort

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_FRAME_SIZE = 65_536
"""Bytes. Small enough that a large message comes in several frames."""

_LEAST_FRAME_SIZE = 512
_MAX_CHANNEL = 255
_IDLE_TIMEOUT = 240.0
_LINGER = 1.0
_SHORTEST_HEARTBEAT = 0.5

MECHANISMS = (Symbol("ANONYMOUS"), Symbol("MSSBCBS"), Symbol("EXTERNAL"))
"""What is offered. PLAIN is not: it would carry a password that nothing here checks."""


class Connection:
    """A connection that a peer has made."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, container: Container) -> None:
        self.max_frame_size = _LEAST_FRAME_SIZE
        self._reader = reader
        self._writer = writer
        self._container = container
        self._open = False
        self._sessions: dict[int, Session | None] = {}
        self._heartbeat: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Serve the peer until it leaves or breaks a rule. Raises nothing but CancelledError."""
        try:
            refusal = await self._announce()
            await self._authenticate()
            await self._answer_open(refusal)
            await self._converse()
        except AmqpError as error:
            await self._close(error)
        except (ConnectionCutError, OSError, EOFError):
            self.cut()
        except asyncio.CancelledError:
            self.cut()
            raise
        except Exception:
            logger.exception("a connection failed")
            await self._close(AmqpError(INTERNAL, "the server failed, see its log"))
        finally:
            await self._end()

    async def send(self, channel: int, performative: Composite | None, payload: bytes = b"") -> None:
        """Send a frame. Raises OSError where the peer has gone."""
        if self._writer.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._writer.write(framing.encode_frame(channel, performative, payload))
        await self._writer.drain()

    def cut(self) -> None:
        """End the connection without another byte: reset, as a network failure is.

        Not merely closed: at an orderly end of the stream the aio SDK never closes its own side of the socket (its
        `_disconnect` returns early in the state END), and every test that cuts would leak one.
        """
        sock = self._writer.get_extra_info("socket")
        if sock is not None and not self._writer.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def _announce(self) -> AmqpError | None:
        """Tell the container, and keep its refusal until the peer can understand it."""
        try:
            await self._container.connected()
        except AmqpError as error:
            return error
        return None

    async def _authenticate(self) -> None:
        if await self._read(self._reader.readexactly(len(framing.SASL_HEADER))) != framing.SASL_HEADER:
            self._writer.write(framing.SASL_HEADER)  # What would have been understood; then the end (part 2.2).
            raise ProtocolError(FRAMING, "no SASL header")
        mechanisms = SaslMechanisms(Array(MECHANISMS))
        offer = framing.encode_frame(0, mechanisms, kind=framing.SASL_FRAME)
        self._writer.write(framing.SASL_HEADER + offer)
        frame = await self._read_frame(framing.SASL_FRAME)
        accepted = isinstance(frame.performative, SaslInit) and frame.performative.mechanism in MECHANISMS
        outcome = SaslOutcome(UByte(0 if accepted else 1))
        self._writer.write(framing.encode_frame(0, outcome, kind=framing.SASL_FRAME))
        if not accepted:
            raise ProtocolError(NOT_ALLOWED, "a mechanism that was not offered")
        if await self._read(self._reader.readexactly(len(framing.AMQP_HEADER))) != framing.AMQP_HEADER:
            self._writer.write(framing.AMQP_HEADER)
            raise ProtocolError(FRAMING, "no AMQP header")
        self._writer.write(framing.AMQP_HEADER)

    async def _answer_open(self, refusal: AmqpError | None) -> None:
        opening = (await self._read_frame()).performative
        if not isinstance(opening, Open):
            raise ProtocolError(NOT_ALLOWED, "a connection begins with open")
        reply = Open(
            container_id="devstack",
            max_frame_size=UInt(MAX_FRAME_SIZE),
            channel_max=UShort(_MAX_CHANNEL),
            idle_timeout=UInt(int(_IDLE_TIMEOUT * 1000)),
        )
        await self.send(0, reply)
        self._open = True
        if refusal is not None:
            raise refusal
        if opening.max_frame_size < _LEAST_FRAME_SIZE:
            raise ProtocolError(INVALID_FIELD, f"a frame has at least {_LEAST_FRAME_SIZE} bytes")
        self.max_frame_size = min(int(opening.max_frame_size), MAX_FRAME_SIZE)
        if opening.idle_timeout:
            self._heartbeat = asyncio.create_task(self._beat(int(opening.idle_timeout) / 1000))
        self._container.opened()

    async def _converse(self) -> None:
        while True:
            frame = await self._read_frame()
            match frame.performative:
                case None:
                    pass
                case Close():
                    await self.send(0, Close())
                    return
                case Begin() as begin:
                    await self._begin(frame.channel, begin)
                case End():
                    await self._end_session(frame.channel)
                case performative:
                    await self._pass_on(frame.channel, performative, frame.payload)

    async def _begin(self, channel: int, begin: Begin) -> None:
        if channel > _MAX_CHANNEL or self._sessions.get(channel) is not None:
            raise ProtocolError(NOT_ALLOWED, f"no session can begin on channel {channel}")
        session = Session(self, channel, begin, self._container)
        self._sessions[channel] = session
        await session.begin()

    async def _pass_on(self, channel: int, performative: Composite, payload: bytes) -> None:
        if channel not in self._sessions:
            raise ProtocolError(NOT_ALLOWED, f"no session on channel {channel}")
        session = self._sessions[channel]
        if session is None:
            return  # Under way when this side ended the session.
        try:
            await session.handle(performative, payload)
        except SessionError as error:
            self._sessions[channel] = None
            await session.close()
            await self.send(channel, End(describe(error)))

    async def _end_session(self, channel: int) -> None:
        session = self._sessions.pop(channel, None)
        if session is not None:
            await session.close()
            await self.send(channel, End())

    async def _read_frame(self, kind: int = framing.AMQP_FRAME) -> framing.Frame:
        return await self._read(framing.read_frame(self._reader, kind=kind, max_size=MAX_FRAME_SIZE))

    async def _read(self, reading: Coroutine[None, None, T]) -> T:
        """Wait for the peer, twice as long as it was told to stay silent at most. Raises TimeoutError."""
        async with asyncio.timeout(2 * _IDLE_TIMEOUT):
            return await reading

    async def _beat(self, idle_timeout: float) -> None:
        """Show the peer twice in its idle timeout that this side lives."""
        with contextlib.suppress(OSError):
            while True:
                await asyncio.sleep(max(idle_timeout / 2, _SHORTEST_HEARTBEAT))
                await self.send(0, None)

    async def _close(self, error: AmqpError) -> None:
        """Tell the peer why, and give it a moment to read that: closing at once would reset the connection."""
        with contextlib.suppress(OSError):
            if self._open:
                await self.send(0, Close(describe(error)))
            async with asyncio.timeout(_LINGER):
                while await self._reader.read(MAX_FRAME_SIZE):
                    pass

    async def _end(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            await asyncio.wait([self._heartbeat])
        for session in self._sessions.values():
            if session is not None:
                await session.close()
        self._writer.close()
        try:
            async with asyncio.timeout(_LINGER):
                await self._writer.wait_closed()
        except OSError:
            self.cut()  # Also where the peer does not read what is left: TimeoutError is an OSError.
