"""`fanout acks`: its arguments, and what is done in which order."""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from fanout import arguments, foresight, opening
from fanout.acks import report, roll, said
from fanout.acks.roll import Roll
from fanout.bus_reach import BusReach
from fanout.errors import UsageError, told
from fanout.progress import Progress
from fanout.subcommand import Command
from shared.edges import credential
from shared.errors import FanoutError
from shared.model import VaultObject
from shared.pipeline import utc_now
from shared.settings import Settings

_MOST = 50_000
"""Messages that are looked through."""

_WITHIN = 30.0
_EPILOG = """\
Applications say what they use by the client's Acknowledger, every ten minutes. The queue is looked through, and nothing
is taken from it. It is what they say, not a proof: an application that acknowledges nothing is not in the table.

Exit codes: 0 somebody was heard of lately, and the last word of every instance is the newest version; 1 one said last
that it uses another, nobody was heard of, an acknowledgement cannot be read, or something could not be looked at; 2
usage or settings are wrong.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments to a parser."""
    parser.add_argument("--object", metavar="TYPE/NAME", required=True, help="secret/NAME, key/NAME or cert/NAME")
    arguments.add_vault(parser)
    parser.add_argument("--queue", metavar="NAME", default="acks", help="where applications say it; acks by default")
    parser.add_argument(
        "--within",
        metavar="MINUTES",
        type=float,
        default=_WITHIN,
        help=f"who was not heard of for longer counts as gone; {_WITHIN:g} by default",
    )
    arguments.add_json(parser)


def prepare(parsed: argparse.Namespace, mapping: Mapping[str, str]) -> "Run":
    """Read arguments and settings. Raises `UsageError` or `SettingsError`."""
    settings = Settings.from_mapping(mapping)
    if not 1 <= parsed.within <= 10_080:  # noqa: PLR2004 - a week, in minutes
        raise UsageError("--within is wrong; expected minutes from 1 to 10080")
    if not parsed.queue.strip():
        raise UsageError("--queue: expected the name of a queue")
    return Run(
        mapping=mapping,
        settings=settings,
        about=arguments.vault_object(parsed.object, parsed.vault, settings),
        queue=parsed.queue.strip(),
        within=timedelta(minutes=parsed.within),
        as_json=parsed.json,
    )


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of the command, and what it has seen so far."""

    mapping: Mapping[str, str]
    settings: Settings
    about: VaultObject
    queue: str
    within: timedelta
    as_json: bool
    roll: Roll | None = None
    foreign: int = 0
    whole: bool = False
    errors: list[str] = field(default_factory=list)

    @property
    def code(self) -> int:
        """The exit code."""
        return 0 if self.roll is not None and self.roll.all_newest and not self.errors else 1

    async def do(self) -> None:
        """Ask the vault for the newest version, and look through the queue."""
        heard: list[said.Said | said.Unreadable] = []
        progress = Progress(sys.stderr)
        async with progress.during(lambda: f"{len(heard)} acknowledgements read"):
            async with opening.opened(self.settings, self.mapping) as app:
                subject = await foresight.subject(app.neighbours, self.about)
            if subject.remark:
                self.errors.append(f"{self.about}: {subject.remark}")
            await self._listen(heard)
        self.roll = roll.call(
            str(self.about).lower(), subject.version, heard, now=utc_now(), within=self.within, whole=self.whole
        )
        for error in self.errors:
            print(f"fanout: {error}", file=sys.stderr)

    async def _listen(self, heard: list[said.Said | said.Unreadable]) -> None:
        setting, identity = self.settings.bus, None
        if setting.connection_string is None:
            client_id = setting.client_id or self.settings.client_id
            identity = credential.make(hosted=credential.is_hosted(self.mapping), client_id=client_id)
        reach = BusReach(setting, identity, timeout=self.settings.topic_timeout)
        read, about = 0, str(self.about).lower()
        try:
            async for body, at in reach.bodies(self.queue):
                read += 1
                one = said.parse(body, at)
                if one is None:
                    self.foreign += 1
                elif not one.about or roll.is_same(one.about, about):
                    heard.append(one)
                if read >= _MOST:
                    self.errors.append(f"queue {self.queue}: {_MOST} messages or more; only the oldest were looked at")
                    break
            else:
                self.whole = True
        except FanoutError as error:
            self.errors.append(told(error))
        finally:
            await reach.aclose()
            if identity is not None:
                await identity.close()

    def text(self) -> str:
        """Return what to print."""
        if self.as_json:
            document = report.as_json(self.roll) if self.roll is not None else {}
            return json.dumps({**document, "foreign": self.foreign, "errors": self.errors}, indent=2)
        shown = report.lines(self.roll) if self.roll is not None else ["not looked through to the end"]
        if self.foreign:
            shown.append(f"{self.foreign} messages of the queue {self.queue} are no acknowledgements")
        return "\n".join(shown)


COMMAND = Command(
    name="acks",
    about="say which instances of which applications use which version of an object",
    add_arguments=add_arguments,
    prepare=prepare,
    epilog=_EPILOG,
)
