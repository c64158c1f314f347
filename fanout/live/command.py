"""`fanout live`: its arguments, and what runs while the page is served."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from fanout.errors import OperatorError, UsageError
from fanout.live.listening import listen
from fanout.live.server import LivePage
from fanout.subcommand import Command
from shared.edges import credential
from shared.edges.bus_client import Reached
from shared.settings import Settings

SUBSCRIPTION = "fanout-live"
_PORT = 7073
_AGAIN = 5.0
"""Seconds until a subscription that could not be looked at is looked at again."""
_ABOUT = "serve a page on this machine that shows rotations as they happen"
_EPILOG = """\
The page shows what the topic tells: each rotation's time line from the event to the notices, and which Secret holds
which version. It looks through a subscription of its own and takes nothing out; make one that keeps notices for as long
as you want to look back (docs/live.md). It takes the role Azure Service Bus Data Receiver. No value is ever shown: no
notice holds one.

Exit codes: 0 it was ended with Ctrl-C; 1 the page could not be served; 2 usage or settings are wrong.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments to a parser."""
    parser.add_argument(
        "--subscription", metavar="NAME", default=SUBSCRIPTION, help=f"of NOTICE_TOPIC; {SUBSCRIPTION} by default"
    )
    parser.add_argument(
        "--port", metavar="NUMBER", type=int, default=_PORT, help=f"on 127.0.0.1; {_PORT} by default, 0 is any free one"
    )
    parser.add_argument(
        "--pause", metavar="SECONDS", type=float, default=1.0, help="between two looks when nothing came; 1 by default"
    )
    parser.add_argument(
        "--rotate", metavar="URL", default="", help="what the local stack's button posts to, on 127.0.0.1 only"
    )


def prepare(parsed: argparse.Namespace, mapping: Mapping[str, str]) -> "Run":
    """Read arguments and settings. Raises `UsageError` or `SettingsError`."""
    if not 0 <= parsed.port < 65_536:  # noqa: PLR2004 - ports have 16 bits
        raise UsageError("--port is wrong; expected a number from 0 to 65535")
    if not 0.05 <= parsed.pause <= 60:  # noqa: PLR2004 - seconds
        raise UsageError("--pause is wrong; expected seconds from 0.05 to 60")
    if parsed.rotate and urlsplit(parsed.rotate).hostname != "127.0.0.1":
        raise UsageError("--rotate is for the local stack; expected a URL on 127.0.0.1")
    return Run(
        settings=Settings.from_mapping(mapping),
        hosted=credential.is_hosted(mapping),
        subscription=parsed.subscription,
        port=parsed.port,
        pause=parsed.pause,
        rotate=parsed.rotate,
    )


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of the command. It ends with Ctrl-C."""

    settings: Settings
    hosted: bool
    subscription: str
    port: int
    pause: float
    rotate: str
    code: int = 0
    _problem: str = ""

    async def do(self) -> None:
        """Serve the page until interrupted."""
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with aiohttp.ClientSession() as session:
            page = LivePage(rotate=(lambda: _post(session, self.rotate)) if self.rotate else None)
            try:
                url = await page.start(self.port)
            except OSError as error:
                self.code, self._problem = 1, f"fanout live: port {self.port}: {error.strerror}; --port takes another"
                return
            print(f"the live page is at {url}; Ctrl-C ends it", flush=True)
            hearing = asyncio.create_task(self._hear(page))
            await stop.wait()
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
            await page.stop()

    def text(self) -> str:
        """Return what is left to say."""
        return self._problem

    async def _hear(self, page: LivePage) -> None:
        """Show what comes; where nothing can be heard, say so on the page and try again."""
        bus = self.settings.bus
        async with contextlib.AsyncExitStack() as held:
            reached: Reached = {"connection_string": bus.connection_string, "namespace": bus.namespace}
            if bus.connection_string is None:
                client_id = bus.client_id or self.settings.client_id
                reached["credential"] = await held.enter_async_context(
                    credential.make(hosted=self.hosted, client_id=client_id)
                )
            while True:
                try:
                    await self._hear_once(page, reached)
                except OperatorError as error:
                    print(f"fanout live: {error}", file=sys.stderr, flush=True)
                    await page.fail(str(error))
                await asyncio.sleep(_AGAIN)

    async def _hear_once(self, page: LivePage, reached: Reached) -> None:
        """Show what comes until that fails. What was heard before an outage is heard again: the story begins anew."""
        heard = listen(
            self.settings.bus.topic,
            self.subscription,
            patience=self.settings.topic_timeout,
            pause=self.pause,
            **reached,
        )
        first = True
        async with contextlib.aclosing(heard):
            async for told in heard:
                if first:
                    page.forget()
                await page.add(list(told))
                first = False


async def _post(session: aiohttp.ClientSession, url: str) -> None:
    async with session.post(url) as answer:
        answer.raise_for_status()


COMMAND = Command(name="live", about=_ABOUT, add_arguments=add_arguments, prepare=prepare, epilog=_EPILOG)
