"""The program: listens until it is told to end."""

import asyncio
import contextlib
import logging
import os
import signal

import aiohttp
from azure.identity.aio import DefaultAzureCredential

from keyvault_fanout import Bus, Interest, Listener, Pace
from near_expiry import composing
from near_expiry.owners import Owners
from near_expiry.sending import Mail, Sender, Terminal, Webhook
from near_expiry.settings import Channel, Settings, SettingsError, read
from near_expiry.telling import Teller

_PACE = Pace(first=5, longest=300)
_ATTEMPTS = 9
"""One below a subscription's own limit. With the pace, a channel may be down for a quarter of an hour."""


def channel(settings: Settings, session: aiohttp.ClientSession) -> Sender:
    """Return where messages go."""
    if settings.webhook is not None:
        body = composing.teams if settings.channel is Channel.TEAMS else composing.slack
        return Webhook(session, settings.webhook, body)
    if settings.smtp is not None:
        return Mail(settings.smtp, default=settings.default_owner, domains=settings.domains)
    return Terminal()


async def main(settings: Settings) -> None:
    """Listen until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with contextlib.AsyncExitStack() as held:
        credential = await held.enter_async_context(DefaultAzureCredential())
        session = await held.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        bus = (
            Bus(connection_string=settings.connection_string)
            if settings.connection_string
            else Bus(namespace=settings.namespace, credential=credential)
        )
        listener = Listener(
            bus, topic=settings.topic, subscription=settings.subscription, attempts=_ATTEMPTS, pace=_PACE
        )
        sender = channel(settings, session)
        teller = Teller(Owners(settings.vaults, credential), sender, default=settings.default_owner)
        listener.on(Interest(types=list(composing.TOLD)), teller)
        listener.on_connected(lambda: print("listening", flush=True))
        await held.enter_async_context(listener)
        await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("azure").setLevel(logging.CRITICAL)  # the listener and `owners` say it, and once
    try:
        asyncio.run(main(read(os.environ)))
    except SettingsError as error:
        raise SystemExit(f"near_expiry: {error}") from None
