"""The floor of a send: AMQP frames to one topic over one link, with no SDK between.

It speaks to the devstack through the devstack's own codec: a connection without TLS, one session, a token for the
topic, one sending link. A send is a transfer frame and the wait for its disposition.
"""

import asyncio
import base64
import hashlib
import hmac
import time
from typing import Self, TypeVar
from urllib.parse import quote_plus, urlsplit

from devstack.amqp import framing
from devstack.amqp.codec import Symbol, UByte, UInt
from devstack.amqp.messages import APPLICATION_PROPERTIES, DATA, VALUE, Properties, encode_section
from devstack.amqp.performatives import (
    Accepted,
    Attach,
    Begin,
    Composite,
    Disposition,
    Flow,
    Open,
    SaslInit,
    Source,
    Target,
    Transfer,
)

C = TypeVar("C", bound=Composite)
_RECEIVER, _SENDER = True, False
_ANSWERS, _TOKENS, _NOTICES = 0, 1, 2
_WINDOW = UInt(5000)


class RawSender:
    """One sending link to a topic."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._sent = 0

    @classmethod
    async def open(cls, connection_string: str, topic: str) -> Self:
        """Connect, show a token and attach."""
        parts = dict(part.partition("=")[::2] for part in connection_string.strip(";").split(";"))
        url = urlsplit(parts["Endpoint"])
        sender = cls(*await asyncio.open_connection(url.hostname, url.port))
        await sender._greet()
        audience = f"{parts['Endpoint']}/{topic}"
        await sender._authorize(audience, _sign(audience, parts["SharedAccessKeyName"], parts["SharedAccessKey"]))
        await sender._attach(_NOTICES, _SENDER, topic)
        return sender

    async def send(self, body: bytes, *, identifier: str, properties: dict[object, object]) -> None:
        """Send a message and wait until the broker has it. Raises `ConnectionError` where it refuses it."""
        number, self._sent = self._sent, self._sent + 1
        parts = (encode_section(APPLICATION_PROPERTIES, properties), encode_section(DATA, body))
        payload = Properties(message_id=identifier).encode() + b"".join(parts)
        await self._transfer(_NOTICES, payload, number, settled=False)
        if (await self._expect(Disposition)).state != Accepted():
            raise ConnectionError("the broker refused a message")

    async def close(self) -> None:
        """Cut the connection."""
        self._writer.close()
        await self._writer.wait_closed()

    async def _greet(self) -> None:
        self._writer.write(framing.SASL_HEADER)
        await self._reader.readexactly(8)
        await framing.read_frame(self._reader, kind=framing.SASL_FRAME)
        self._writer.write(framing.encode_frame(0, SaslInit(Symbol("ANONYMOUS")), kind=framing.SASL_FRAME))
        await framing.read_frame(self._reader, kind=framing.SASL_FRAME)
        self._writer.write(framing.AMQP_HEADER)
        await self._reader.readexactly(8)
        await self._say(Open("bench"))
        await self._expect(Open)
        await self._say(Begin(next_outgoing_id=UInt(0), incoming_window=_WINDOW, outgoing_window=_WINDOW))
        await self._expect(Begin)

    async def _authorize(self, audience: str, token: str) -> None:
        await self._attach(_ANSWERS, _RECEIVER, "$cbs")
        await self._attach(_TOKENS, _SENDER, "$cbs")
        await self._say(
            Flow(
                next_incoming_id=UInt(0),
                incoming_window=_WINDOW,
                next_outgoing_id=UInt(0),
                outgoing_window=_WINDOW,
                handle=UInt(_ANSWERS),
                delivery_count=UInt(0),
                link_credit=UInt(10),
            )
        )
        request: dict[object, object] = {"operation": "put-token", "type": "jwt", "name": audience}
        parts = (encode_section(APPLICATION_PROPERTIES, request), encode_section(VALUE, token))
        await self._transfer(_TOKENS, Properties(message_id="1").encode() + b"".join(parts), 0, settled=True)
        await self._expect(Transfer)

    async def _attach(self, handle: int, role: bool, address: str) -> None:  # noqa: FBT001 - one of two constants
        source, target = (address, "here") if role is _RECEIVER else ("here", address)
        attach = Attach(f"link-{handle}", UInt(handle), role, snd_settle_mode=UByte(0), source=Source(source))
        await self._say(
            Attach(
                attach.name, attach.handle, role, snd_settle_mode=UByte(0), source=Source(source), target=Target(target)
            )
        )
        await self._expect(Attach)

    async def _transfer(self, handle: int, payload: bytes, number: int, *, settled: bool) -> None:
        transfer = Transfer(UInt(handle), UInt(number), number.to_bytes(4, "big"), UInt(0), settled=settled)
        await self._say(transfer, payload)

    async def _say(self, performative: Composite, payload: bytes = b"") -> None:
        self._writer.write(framing.encode_frame(0, performative, payload))
        await self._writer.drain()

    async def _expect(self, kind: type[C]) -> C:
        """Return the next frame of a kind; others, such as flows, are passed over."""
        while True:
            frame = await framing.read_frame(self._reader)
            if isinstance(frame.performative, kind):
                return frame.performative


def _sign(audience: str, name: str, key: str) -> str:
    resource, expiry = quote_plus(audience), int(time.time()) + 3600
    digest = hmac.new(key.encode(), f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = quote_plus(base64.b64encode(digest))
    return f"SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={name}"
