"""Send a message. What is raised names the kind of failure, never the webhook's URL or a server's answer."""

import asyncio
import smtplib
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Protocol

import aiohttp

from keyvault_fanout import SecretValue
from near_expiry.composing import Message, mail, plain
from near_expiry.settings import Smtp, is_address

_SECONDS = 20.0
"""For one request, and for each step with a mail server."""

_TRIES = 3
_LONGEST_WAIT = 60.0
"""Seconds that we wait because a webhook asks for it. For longer ones the notice comes again."""

_USUAL_WAIT = 5.0


class NotSentError(Exception):
    """The message was not taken."""


class Sender(Protocol):
    """A channel."""

    async def send(self, message: Message) -> None:
        """Send a message. Raises `NotSentError`."""


class Terminal:
    """Prints messages, for a first look."""

    async def send(self, message: Message) -> None:
        """Print it."""
        print(f"{plain(message)}\n", flush=True)


class Webhook:
    """Posts JSON to a URL that is itself the password. `pause` waits for some seconds."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: SecretValue,
        body: Callable[[Message], dict[str, Any]],
        *,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._session = session
        self._url = url
        self._body = body
        self._pause = pause

    async def send(self, message: Message) -> None:
        """Post it; where the webhook is too busy, wait as long as it says, within bounds, three times in all."""
        body = self._body(message)
        for left in reversed(range(_TRIES)):
            status, wait = await self._post(body)
            if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                return
            if status != HTTPStatus.TOO_MANY_REQUESTS or not left or wait > _LONGEST_WAIT:
                raise NotSentError(f"the webhook answered {status}")
            await self._pause(wait)

    async def _post(self, body: dict[str, Any]) -> tuple[int, float]:
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            # A redirect would take the message to somebody who was not named.
            async with self._session.post(
                self._url.text(), json=body, allow_redirects=False, timeout=timeout
            ) as response:
                return response.status, retry_after(response.headers.get("Retry-After", ""), datetime.now(UTC))
        except (aiohttp.ClientError, TimeoutError) as error:
            kind = type(error).__name__
        raise NotSentError(f"the webhook does not answer: {kind}")


def retry_after(header: str, now: datetime) -> float:
    """Return the seconds that a `Retry-After` asks for, as a number or as a date; 5 where it says nothing readable."""
    if header.isascii() and header.isdecimal():
        return float(header[:9])
    try:
        then = parsedate_to_datetime(header)
    except ValueError:
        return _USUAL_WAIT
    return max(0.0, ((then if then.tzinfo else then.replace(tzinfo=UTC)) - now).total_seconds())


class Mail:
    """Sends mails through a server, never without TLS.

    A mail goes to the owner where the tag is an address of one of the domains, else to `default`; there also where the
    server refuses the owner's address. Whoever may write tags can so not have mails sent to the world.
    """

    def __init__(self, smtp: Smtp, *, default: str, domains: frozenset[str], tls: ssl.SSLContext | None = None) -> None:
        self._smtp = smtp
        self._default = default
        self._domains = domains
        self._tls = tls or ssl.create_default_context()

    async def send(self, message: Message) -> None:
        """Send it, in a thread."""
        owner = message.owner
        ours = is_address(owner) and owner.rpartition("@")[2].lower() in self._domains
        try:
            await asyncio.to_thread(self._deliver, message, [owner, self._default] if ours else [self._default])
        except (smtplib.SMTPException, OSError) as error:
            kind = type(error).__name__
        else:
            return
        raise NotSentError(f"the mail server did not take it: {kind}")

    def _deliver(self, message: Message, recipients: list[str]) -> None:
        with smtplib.SMTP(self._smtp.host, self._smtp.port, timeout=_SECONDS) as server:
            server.starttls(context=self._tls)
            if self._smtp.password is not None:
                server.login(self._smtp.user, self._smtp.password.text())
            for recipient in dict.fromkeys(recipients):
                try:
                    server.send_message(mail(message, sender=self._smtp.sender, recipient=recipient))
                except smtplib.SMTPRecipientsRefused:
                    if recipient == recipients[-1]:
                        raise
                else:
                    return
