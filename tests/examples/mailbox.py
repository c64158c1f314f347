"""A mail server on loopback that insists on STARTTLS, through aiosmtpd."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER = "notices"
PASSWORD = "a-password-that-nobody-may-see"


class Mailbox:
    """What the server took, as (recipients, letter), and whose addresses it refuses."""

    def __init__(self) -> None:
        self.port = 0
        self.taken: list[tuple[list[str], EmailMessage]] = []
        self.refused: set[str] = set()
        self.busy = False

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name for it
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient or refuse it."""
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        """Take a letter."""
        if self.busy:
            return f"451 not now, {PASSWORD}"
        content = envelope.content
        letter = message_from_bytes(content if isinstance(content, bytes) else b"", policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.taken.append((envelope.rcpt_tos, letter))
        return "250 OK"


def _sign_in(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object) -> AuthResult:
    known = LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=given == known, handled=False)


@contextlib.asynccontextmanager
async def serve(tls: ssl.SSLContext) -> AsyncIterator[Mailbox]:
    """Serve a mailbox while the block runs."""
    mailbox = Mailbox()

    def speak() -> SMTP:
        return SMTP(
            mailbox,
            hostname="127.0.0.1",
            tls_context=tls,
            require_starttls=True,
            auth_required=True,
            authenticator=_sign_in,
        )

    server = await asyncio.get_running_loop().create_server(speak, "127.0.0.1", 0)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        await server.wait_closed()
