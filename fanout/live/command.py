"""`fanout live`: its arguments, and what runs while the page is served."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from fanout.errors import UsageError
from fanout.live.board import Board
from fanout.live.hearing import hear
from fanout.live.server import LivePage
from fanout.subcommand import Command
from shared.edges import credential
from shared.errors import describe_fault
from shared.settings import Settings

SUBSCRIPTION = "fanout-live"
_PORT = 7073
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
        "--subscription",
        metavar="NAME",
        default="",
        help=f"of NOTICE_TOPIC; LIVE_SUBSCRIPTION by default, and {SUBSCRIPTION} where that is not set",
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
    settings = Settings.from_mapping(mapping)
    return Run(
        settings=settings,
        hosted=credential.is_hosted(mapping),
        subscription=parsed.subscription or settings.live_subscription or SUBSCRIPTION,
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
            board = Board()
            page = LivePage(board, rotate=(lambda: _post(session, self.rotate)) if self.rotate else None)
            try:
                url = await page.start(self.port)
            except OSError as error:
                self.code, self._problem = 1, f"fanout live: port {self.port}: {error.strerror}; --port takes another"
                return
            print(f"the live page is at {url}; Ctrl-C ends it", flush=True)
            heard = hear(board, self.settings, self.subscription, hosted=self.hosted, pause=self.pause, say=_complain)
            hearing = asyncio.create_task(heard)
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({stopping, hearing}, return_when=asyncio.FIRST_COMPLETED)
            if hearing.done() and (fault := hearing.exception()) is not None:
                self.code, self._problem = 1, f"fanout live: a fault of this program: {describe_fault(fault)}"
            for task in (stopping, hearing):
                task.cancel()
            await asyncio.gather(stopping, hearing, return_exceptions=True)
            await page.stop()

    def text(self) -> str:
        """Return what is left to say."""
        return self._problem


def _complain(trouble: str) -> None:
    print(f"fanout live: {trouble}", file=sys.stderr, flush=True)


async def _post(session: aiohttp.ClientSession, url: str) -> None:
    async with session.post(url) as answer:
        answer.raise_for_status()


COMMAND = Command(name="live", about=_ABOUT, add_arguments=add_arguments, prepare=prepare, epilog=_EPILOG)
