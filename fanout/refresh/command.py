"""`fanout refresh`: its arguments, and what is done in which order."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field

from fanout import arguments, foresight, opening
from fanout.errors import UsageError, told
from fanout.progress import Progress
from fanout.refresh import errand, report
from fanout.refresh.following import Following
from fanout.refresh.verdict import Followed, State
from fanout.subcommand import Command
from shared.errors import FanoutError
from shared.model import Target, VaultObject
from shared.pipeline import utc_now
from shared.settings import Settings
from shared.wiring import Assembly

_LIMIT = 300.0
_EPILOG = """\
It runs here, with your identity, through the code that handles events: it reads the vault and the clusters, writes what
differs, tells the topic, wakes pods, and puts on the queue what the app has to look at later. `fanout plan` says before
what it would do. Interrupting it loses nothing: what is done is done, and what is not is found by the sweep.

Exit codes: 0 every target holds the version and no pod shows another one, or nothing is to be done there; 1 something
failed, or is not so within --limit; 2 usage or settings are wrong, nothing was done. With --no-follow 0 means that all
was done, or is on the queue.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments to a parser."""
    parser.add_argument("--object", metavar="TYPE/NAME", required=True, help="secret/NAME, key/NAME or cert/NAME")
    arguments.add_vault(parser)
    arguments.add_cluster(parser)
    parser.add_argument("--namespace", metavar="NAME", help="with --secret: only this Secret, a pinned one too")
    parser.add_argument("--secret", metavar="NAME", help="with --namespace")
    parser.add_argument(
        "--follow",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="look until every target holds the version and every pod shows it; the default on a terminal",
    )
    parser.add_argument(
        "--limit", metavar="SECONDS", type=float, default=_LIMIT, help=f"how long to follow; {_LIMIT:g} by default"
    )
    arguments.add_json(parser)


def prepare(parsed: argparse.Namespace, mapping: Mapping[str, str]) -> "Run":
    """Read arguments and settings. Raises `UsageError` or `SettingsError`."""
    settings = Settings.from_mapping(mapping)
    for name, value in (("--namespace", parsed.namespace), ("--secret", parsed.secret)):
        if value is not None and not value.strip():
            raise UsageError(f"{name} is empty; expected a name, or leave it out for every target")
    if (parsed.namespace is None) != (parsed.secret is None):
        raise UsageError("--namespace and --secret belong together")
    if not 0 < parsed.limit <= 86_400:  # noqa: PLR2004 - a day, in seconds
        raise UsageError("--limit is wrong; expected seconds from 1 to 86400")
    return Run(
        mapping=mapping,
        settings=settings,
        about=arguments.vault_object(parsed.object, parsed.vault, settings),
        clusters=arguments.cluster_names(parsed.cluster, settings),
        named=[(parsed.namespace, parsed.secret)] if parsed.secret else [],
        whole=not parsed.cluster and not parsed.secret,
        follow=sys.stdout.isatty() if parsed.follow is None else parsed.follow,
        limit=parsed.limit,
        as_json=parsed.json,
    )


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of the command: what was asked for, and what came of it so far."""

    mapping: Mapping[str, str]
    settings: Settings
    about: VaultObject
    clusters: frozenset[str]
    named: list[tuple[str, str]]
    whole: bool
    follow: bool
    limit: float
    as_json: bool
    version: str = ""
    following: Following | None = None
    errors: list[str] = field(default_factory=list)

    @property
    def code(self) -> int:
        """The exit code."""
        found = self._found
        failed = any(one.state is State.FAILED for one in found)
        late = self.follow and any(one.open and not one.patient for one in found)
        return 1 if self.errors or failed or late else 0

    @property
    def _found(self) -> Sequence[Followed]:
        return (self.following.found if self.following else None) or ()

    async def do(self) -> None:
        """Refresh, and follow it."""
        progress, said = Progress(sys.stderr), ["asking the vault for the newest version"]
        async with opening.opened(self.settings, self.mapping) as app, progress.during(lambda: said[-1]):
            app.open_ahead()
            await self._refresh(app, said)
        self.errors = list(dict.fromkeys(self.errors))
        for error in self.errors:
            print(f"fanout: {error}", file=sys.stderr)

    async def _refresh(self, app: Assembly, said: list[str]) -> None:
        subject = await foresight.subject(app.neighbours, self.about)
        if subject.remark:
            self.errors.append(f"{self.about}: {subject.remark}")
            return
        self.version = subject.version
        clusters = [one for one in app.neighbours.clusters if one.name in self.clusters]
        only = None
        if self.named:
            only = {
                Target(cluster=name, namespace=space, secret=secret)
                for name in self.clusters
                for space, secret in self.named
            }
        said.append("looking at what is there")
        before = await foresight.foresee(app.neighbours, app.limits, subject, clusters, only)
        self.following = Following(
            app=app, subject=subject, clusters=clusters, only=only, before=before, began=utc_now()
        )
        said.append("refreshing")
        if self.whole:
            await self._keep_failures([app.pipeline.handle(errand.event(subject, self.following.began))])
        else:
            names = [one.name for one in clusters]
            jobs = errand.jobs(subject, names, self.named, self.following.began)
            await self._keep_failures([app.worker.handle(body) for body in jobs.values()])

        def say(found: Sequence[Followed]) -> None:
            said.append(report.summary(found))

        if self.follow:
            await self.following.until_done(limit=self.limit, say=say)
        else:
            await self.following.look()
        if self.named and not self.following.found:
            self.errors.append(f"no declaration puts {self.about} into {'/'.join(self.named[0])}")

    async def _keep_failures(self, work: Sequence[Awaitable[None]]) -> None:
        """Await all of it; what was not done and is not on the queue either is an error of this run."""
        for result in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(result, ExceptionGroup):
                self.errors += map(told, result.exceptions)
            elif isinstance(result, FanoutError):
                self.errors.append(told(result))
            elif isinstance(result, BaseException):
                raise result

    def text(self) -> str:
        """Return what to print."""
        found = self._found
        if self.as_json:
            fields = {
                "object": str(self.about),
                "version": self.version,
                "followed": self.follow,
                "targets": list(map(report.as_json, found)),
                "errors": self.errors,
            }
            return json.dumps(fields, indent=2)
        if self.following is None:
            return f"{self.about}: nothing was done"
        if self.following.found is None:
            return f"{self.about}, version {self.version}: begun; what became of it was not looked at"
        return "\n".join([f"{self.about}, version {self.version}", "", *report.lines(found)])


COMMAND = Command(
    name="refresh",
    about="bring an object to its targets now, and follow it until every pod shows it",
    add_arguments=add_arguments,
    prepare=prepare,
    epilog=_EPILOG,
)
