"""`fanout doctor`: its arguments, and what is done in which order: first who asks, then everything at once."""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from fanout import arguments
from fanout.doctor import arm, examination, report
from fanout.doctor.finding import Finding, exit_code
from fanout.errors import UsageError
from fanout.progress import Progress
from fanout.subcommand import Command
from shared.settings import Settings

_EPILOG = """\
It looks with the identity that runs it. On your machine that is you: to learn what the app may do, run it where the
app's identity is, or give yourself the same roles. Nothing is written, sent or taken, and no value is read.

Exit codes: 0 nothing failed (notes are no failure, nor is what could not be looked at); 1 something failed, and its fix
is printed; 2 usage or settings are wrong.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments to a parser."""
    arguments.add_cluster(parser)
    parser.add_argument(
        "--event-subscription",
        metavar="RESOURCE_ID",
        action="append",
        default=[],
        help="an Event Grid subscription to look at, by its ARM resource id; may be repeated",
    )
    parser.add_argument("--timeout", metavar="SECONDS", type=float, default=15.0, help="for each check; 15 by default")
    arguments.add_json(parser)


def prepare(parsed: argparse.Namespace, mapping: Mapping[str, str]) -> "Run":
    """Read arguments and settings. Raises `UsageError` or `SettingsError`: the first hop is the settings."""
    settings = Settings.from_mapping(mapping)
    if not 0 < parsed.timeout <= 600:  # noqa: PLR2004 - seconds
        raise UsageError("--timeout is wrong; expected seconds from 1 to 600")
    return Run(
        mapping=mapping,
        settings=settings,
        clusters=arguments.cluster_names(parsed.cluster, settings),
        subscriptions=list(map(arm.resource_id, parsed.event_subscription)),
        timeout=parsed.timeout,
        as_json=parsed.json,
    )


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of the command."""

    mapping: Mapping[str, str]
    settings: Settings
    clusters: frozenset[str]
    subscriptions: list[str]
    timeout: float
    as_json: bool
    findings: list[Finding] = field(default_factory=list)

    @property
    def code(self) -> int:
        """The exit code."""
        return exit_code(self.findings)

    async def do(self) -> None:
        """Look at everything."""
        whole = examination.Examination(
            settings=self.settings,
            environ=self.mapping,
            clusters=self.clusters,
            subscriptions=self.subscriptions,
            seconds=self.timeout,
        )
        progress = Progress(sys.stderr)
        async with progress.during(lambda: f"{len(self.findings)} checks ended"):
            async for found in whole.findings():
                self.findings += found
                await asyncio.sleep(0)
        self.findings.sort(key=lambda one: (examination.ORDER.index(one.area), one.subject, one.check))

    def text(self) -> str:
        """Return what to print."""
        if self.as_json:
            return json.dumps({"findings": list(map(report.as_json, self.findings))}, indent=2)
        return "\n".join(report.lines(self.findings))


COMMAND = Command(
    name="doctor",
    about="look at each hop, from the settings to the clusters, and print the fix for what is wrong",
    add_arguments=add_arguments,
    prepare=prepare,
    epilog=_EPILOG,
)
