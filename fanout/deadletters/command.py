"""`fanout deadletters`: its arguments, and what is done in which order."""

import argparse
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential

from fanout.deadletters import event_replay, job_replay, report, settings, verdict
from fanout.deadletters.container import Container
from fanout.deadletters.event_replay import EventReplay
from fanout.deadletters.events import EventLetter
from fanout.deadletters.job_replay import JobReplay
from fanout.deadletters.jobs import JobLetter
from fanout.deadletters.settings import ContainerSetting
from fanout.deadletters.subqueue import DeadLetterQueue
from fanout.deadletters.verdict import Known, Outcome
from fanout.errors import OperatorError, UsageError
from fanout.progress import Progress
from fanout.subcommand import Command
from shared import wiring
from shared.edges import credential
from shared.pipeline import utc_now
from shared.settings import Settings

_NO_CONTAINER = "neither DEAD_LETTER_URL nor DEAD_LETTER_CONNECTION is set"
_EPILOG = """\
Event Grid's dead letters are blobs: DEAD_LETTER_URL (or --container) names the container, which is read with your own
identity. Their ids are the blobs' names. The job queue is found by the app's settings; ids are sequence numbers.
docs/dead-letters.md tells which roles it takes and what is safe.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add its actions and their arguments to a parser."""
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    listing = actions.add_parser(
        "list", help="show them; nothing is taken or changed", description="Show dead letters. Nothing is taken."
    )
    replaying = actions.add_parser(
        "replay",
        help="do again what they asked for",
        description="Hand events to the same flow as the function and remove the blobs of those that were handled; put "
        "jobs back on the queue and remove their dead letters. Doing either twice changes nothing.",
        epilog="Without --events or --jobs an ID of digits is a job, any other one a blob.",
    )
    for each in (listing, replaying):
        each.add_argument("--events", action="store_true", help="only those of Event Grid")
        each.add_argument("--jobs", action="store_true", help="only those of the job queue")
        each.add_argument("--json", action="store_true", help="one JSON document on stdout, for machines")
        each.add_argument(
            "--container", metavar="URL", help="the container of Event Grid's, instead of DEAD_LETTER_URL"
        )
    replaying.add_argument("--all", action="store_true", help="all that are there")
    replaying.add_argument("--dry-run", action="store_true", help="only say what would be done")
    replaying.add_argument("ids", nargs="*", metavar="ID", help="as list shows them")


def prepare(arguments: argparse.Namespace, mapping: Mapping[str, str]) -> "Run":
    """Read arguments and settings. Raises `UsageError` or `SettingsError` before anything was done."""
    replay = arguments.action == "replay"
    ids: list[str] = arguments.ids if replay else []
    if replay and arguments.all == bool(ids):
        raise UsageError("deadletters replay: expected either --all or IDs")
    both = arguments.events == arguments.jobs
    names = {"event": ids if arguments.events else [], "job": ids if arguments.jobs else []}
    if both and ids:
        names = {
            "event": [one for one in ids if not _numbers(one)],
            "job": [one for one in ids if _numbers(one)],
        }
    elif ids and arguments.jobs and not all(map(_numbers, ids)):
        raise UsageError("deadletters replay --jobs: expected sequence numbers, as deadletters list shows them")
    events = bool(names["event"]) if ids else both or arguments.events
    container = settings.container(mapping, arguments.container)
    if container is None and events and (arguments.events or names["event"]):
        raise UsageError(f"{_NO_CONTAINER}; expected the container that Event Grid writes dead letters to")
    return Run(
        mapping=mapping,
        settings=Settings.from_mapping(mapping),
        replay=replay,
        dry=replay and arguments.dry_run,
        as_json=arguments.json,
        events=events,
        jobs=bool(names["job"]) if ids else both or arguments.jobs,
        names=names,
        container=container,
    )


def _numbers(text: str) -> bool:
    return text.isascii() and text.isdigit()


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of the command: what was asked for, and what came of it so far."""

    mapping: Mapping[str, str]
    settings: Settings
    replay: bool
    dry: bool
    as_json: bool
    events: bool
    jobs: bool
    names: dict[str, list[str]]
    container: ContainerSetting | None
    event_letters: list[EventLetter] | None = None
    job_letters: list[JobLetter] | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def code(self) -> int:
        """The exit code."""
        return verdict.exit_code(self.outcomes, self.errors)

    async def do(self) -> None:
        """Do it. What goes wrong with one of the two sources holds up the other by nothing."""
        progress, known = Progress(sys.stderr), Known.of(self.settings)
        try:
            if self.events and self.container is None:
                print(f"fanout: {_NO_CONTAINER}: Event Grid's dead letters are not looked at", file=sys.stderr)
            elif self.events and self.container is not None:
                await self._guard(self._events(self.container, known, progress))
            if self.jobs:
                await self._guard(self._jobs(known, progress))
        finally:
            progress.end()
        for error in self.errors:
            print(f"fanout: {error}", file=sys.stderr)

    async def _guard(self, work: Any) -> None:
        try:
            await work
        except OperatorError as error:
            self.errors.append(str(error))

    async def _events(self, setting: ContainerSetting, known: Known, progress: Progress) -> None:
        async with self._identity(self.settings.client_id, needed=bool(setting.url)) as identity:
            container = Container(setting, identity)
            async with contextlib.aclosing(container):
                if not self.replay:
                    self.event_letters = await event_replay.listed(container, known, progress)
                    return
                app = None if self.dry else wiring.from_environment(self.mapping)
                run = EventReplay(
                    container=container,
                    known=known,
                    handle=app.handle if app else None,
                    progress=progress,
                    outcomes=self.outcomes,
                )
                try:
                    await run.run(self.names["event"])
                finally:
                    if app:
                        await app.close()

    async def _jobs(self, known: Known, progress: Progress) -> None:
        bus = self.settings.bus
        client_id = bus.client_id or self.settings.client_id
        async with self._identity(client_id, needed=bus.connection_string is None) as identity:
            queue = DeadLetterQueue(bus, identity, timeout=self.settings.topic_timeout)
            async with contextlib.aclosing(queue):
                if not self.replay:
                    self.job_letters = await job_replay.listed(queue, known, progress)
                    return
                run = JobReplay(
                    queue=queue, known=known, dry=self.dry, progress=progress, outcomes=self.outcomes, now=utc_now
                )
                await run.run(self.names["job"])

    @contextlib.asynccontextmanager
    async def _identity(self, client_id: str, *, needed: bool) -> AsyncIterator[AsyncTokenCredential | None]:
        if not needed:
            yield None
            return
        identity = credential.make(hosted=credential.is_hosted(self.mapping), client_id=client_id)
        try:
            yield identity
        finally:
            await identity.close()

    def text(self) -> str:
        """Return what to print: what was found or done so far."""
        if self.as_json:
            return self._json()
        if self.replay:
            return "\n".join(report.outcome_lines(self.outcomes))
        parts: list[list[str]] = []
        if self.event_letters is not None and self.container is not None:
            parts.append(report.event_lines(self.event_letters, self.container.name))
        if self.job_letters is not None:
            parts.append(report.job_lines(self.job_letters, self.settings.bus.queue))
        return "\n\n".join("\n".join(lines) for lines in parts)

    def _not_looked_at(self) -> list[str]:
        """Name what was left out because no setting says where it is."""
        return ["events"] if self.events and self.container is None else []

    def _json(self) -> str:
        if self.replay:
            outcomes = list(map(report.outcome_json, self.outcomes))
            return report.as_json({"outcomes": outcomes, "errors": self.errors, "notLookedAt": self._not_looked_at()})
        fields: dict[str, Any] = {"errors": self.errors, "notLookedAt": self._not_looked_at()}
        if self.event_letters is not None:
            fields["events"] = list(map(report.event_json, self.event_letters))
        if self.job_letters is not None:
            fields["jobs"] = list(map(report.job_json, self.job_letters))
        return report.as_json(fields)


COMMAND = Command(
    name="deadletters",
    about="list and replay what Event Grid and the job queue gave up on",
    add_arguments=add_arguments,
    prepare=prepare,
    epilog=_EPILOG,
)
