"""One TCP connection from its first byte to its last: headers, SASL, open, sessions, close (AMQP 1.0 parts 2.4, 5.3).

Whatever a peer sends, only its own connection ends. Who may do what is not decided here: SASL lets everybody in, as
Service Bus does, and the nodes ask for a token. A silent peer is waited for without end: on loopback none gets lost.
"""

import asyncio
import contextlib
import logging

from devstack.amqp import framing
from devstack.amqp.channels import Channel
from devstack.amqp.codec import Array, Symbol, UByte, UInt
from devstack.amqp.errors import FRAMING, INTERNAL, NOT_ALLOWED, AmqpError, ConnectionCutError
from devstack.amqp.nodes import Container
from devstack.amqp.performatives import (
    Begin,
    Close,
    Composite,
    End,
    Open,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    explain,
)
from devstack.amqp.sessions import Session

logger = logging.getLogger(__name__)

_LEAST_FRAME_SIZE = 512
_LINGER = 1.0
_SHORTEST_HEARTBEAT = 0.5

MECHANISMS = (Symbol("ANONYMOUS"), Symbol("MSSBCBS"), Symbol("EXTERNAL"))
"""What is offered. PLAIN is not: it would carry a password that nothing here checks."""


class Connection:
    """A connection that a peer has made."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, container: Container) -> None:
        self._reader = reader
        self._writer = writer
        self._container = container
        self._channel = Channel(writer, 0, _LEAST_FRAME_SIZE)
        self._max_frame_size = framing.MAX_FRAME_SIZE
        self._sessions: dict[int, Session] = {}
        self._heartbeat: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Serve the peer until it leaves or breaks a rule. Raises nothing but CancelledError."""
        try:
            await self._authenticate()
            await self._open()
            await self._converse()
        except AmqpError as error:
            await self._close(error)
        except (ConnectionCutError, OSError, EOFError):
            self._channel.cut()
        except asyncio.CancelledError:
            self._channel.cut()
            raise
        except Exception:
            logger.exception("a connection failed")
            await self._close(AmqpError(INTERNAL, "the server failed, see its log"))
        finally:
            await self._end()

    async def _authenticate(self) -> None:
        await self._exchange_headers(framing.SASL_HEADER)
        self._write_sasl(SaslMechanisms(Array(MECHANISMS)))
        init = (await framing.read_frame(self._reader, kind=framing.SASL_FRAME)).performative
        if not isinstance(init, SaslInit) or init.mechanism not in MECHANISMS:
            self._write_sasl(SaslOutcome(UByte(1)))
            raise AmqpError(NOT_ALLOWED, "a mechanism that was not offered")
        self._write_sasl(SaslOutcome(UByte(0)))
        await self._exchange_headers(framing.AMQP_HEADER)

    async def _exchange_headers(self, expected: bytes) -> None:
        header = await self._reader.readexactly(len(expected))
        self._writer.write(expected)  # Also to a peer that speaks something else, as part 2.2 asks.
        if header != expected:
            raise ConnectionCutError

    def _write_sasl(self, performative: Composite) -> None:
        self._writer.write(framing.encode_frame(0, performative, kind=framing.SASL_FRAME))

    async def _open(self) -> None:
        opening = (await framing.read_frame(self._reader)).performative
        reply = Open("devstack", max_frame_size=UInt(framing.MAX_FRAME_SIZE))
        await self._channel.send(reply)
        if not isinstance(opening, Open):
            raise AmqpError(NOT_ALLOWED, "a connection begins with open")
        if opening.max_frame_size < _LEAST_FRAME_SIZE:
            raise AmqpError(FRAMING, f"a frame has at least {_LEAST_FRAME_SIZE} bytes")
        self._max_frame_size = min(int(opening.max_frame_size), framing.MAX_FRAME_SIZE)
        await self._container.opened()
        if opening.idle_timeout:
            self._heartbeat = asyncio.create_task(self._beat(opening.idle_timeout / 1000))

    async def _converse(self) -> None:
        while True:
            frame = await framing.read_frame(self._reader)
            match frame.performative:
                case None:
                    pass
                case Close():
                    await self._channel.send(Close())
                    return
                case End() if frame.channel in self._sessions:
                    await self._sessions.pop(frame.channel).close()
                    await Channel(self._writer, frame.channel, self._max_frame_size).send(End())
                case performative:
                    session = self._find_session(frame.channel, performative)
                    await session.handle(performative, frame.payload)

    def _find_session(self, number: int, performative: Composite) -> Session:
        """Return the session on a channel, a new one for begin. Raises AmqpError."""
        begins = isinstance(performative, Begin)
        if begins is (number in self._sessions):
            raise AmqpError(NOT_ALLOWED, f"{type(performative).__name__} on channel {number}")
        if begins:
            self._sessions[number] = Session(Channel(self._writer, number, self._max_frame_size), self._container)
        return self._sessions[number]

    async def _beat(self, idle_timeout: float) -> None:
        """Show the peer twice in its idle timeout that this side lives."""
        with contextlib.suppress(OSError):
            while True:
                await asyncio.sleep(max(idle_timeout / 2, _SHORTEST_HEARTBEAT))
                await self._channel.send(None)

    async def _close(self, error: AmqpError) -> None:
        """Tell the peer why, and give it a moment to read that: closing at once would reset the connection."""
        with contextlib.suppress(OSError):
            await self._channel.send(Close(explain(error)))
            async with asyncio.timeout(_LINGER):
                while await self._reader.read(framing.MAX_FRAME_SIZE):
                    pass

    async def _end(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            await asyncio.wait([self._heartbeat])
        for session in self._sessions.values():
            await session.close()
        self._writer.close()
        try:
            async with asyncio.timeout(_LINGER):
                await self._writer.wait_closed()
        except OSError:
            self._channel.cut()  # Also where the peer does not read what is left: TimeoutError is an OSError.
