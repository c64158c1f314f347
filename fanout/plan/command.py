"""`fanout plan`: its arguments, and what is done in which order."""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fanout import abreast, arguments, estate, foresight, opening, prospect
from fanout.errors import UsageError, told
from fanout.foresight import Foresight, Subject
from fanout.progress import Progress
from fanout.subcommand import Command
from shared import event
from shared.errors import MalformedEvent
from shared.event import EventKind, IgnoredEvent
from shared.model import VaultObject
from shared.settings import Settings
from shared.wiring import Assembly

_AT_ONCE = 8
"""Objects that are looked at at a time."""

_EPILOG = """\
Exit codes: 0 all of it can be done, or is done already; 1 something could not be looked at, or somebody has to mend
something first; 2 usage or settings are wrong. The vault is read and the bytes are compared, as in a refresh; they are
not shown. A version that is pinned is not looked at.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments to a parser."""
    about = parser.add_mutually_exclusive_group(required=True)
    about.add_argument("--object", metavar="TYPE/NAME", help="one object: secret/NAME, key/NAME or cert/NAME")
    about.add_argument("--event", metavar="FILE", help="what an event in this file would lead to; - for stdin")
    about.add_argument("--all", action="store_true", help="every object that a cluster binds")
    arguments.add_vault(parser)
    arguments.add_cluster(parser)
    arguments.add_json(parser)


def prepare(parsed: argparse.Namespace, mapping: Mapping[str, str]) -> "Run":
    """Read arguments and settings. Raises `UsageError` or `SettingsError`."""
    settings = Settings.from_mapping(mapping)
    run = Run(
        mapping=mapping,
        settings=settings,
        clusters=arguments.cluster_names(parsed.cluster, settings),
        as_json=parsed.json,
        vaults=[one.name for one in settings.vaults],
    )
    if parsed.object is not None:
        run.about = arguments.vault_object(parsed.object, parsed.vault, settings)
    elif parsed.all and parsed.vault is not None:
        run.vaults = [arguments.vault_name(parsed.vault, settings)]
    elif parsed.event is not None:
        if parsed.vault:
            raise UsageError("--vault: an event names its vault itself")
        run.subjects, run.remarks = _subjects(parsed.event, settings)
    return run


def _subjects(path: str, settings: Settings) -> tuple[list[Subject], list[str]]:
    """Read what is in a file as Event Grid delivers it. What leads to no refresh is a remark."""
    try:
        payload = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"--event: {path}: {error.strerror}") from None
    hosts = {one.name: one.host for one in settings.vaults}
    subjects, remarks = list[Subject](), list[str]()
    try:
        happened = [event.parse(envelope) for envelope in event.split(payload)]
    except MalformedEvent as error:
        raise UsageError(f"--event: {error}") from None
    for one in happened:
        if isinstance(one, IgnoredEvent):
            remarks.append(f"event {one.id!r} is ignored: {one.why}")
        elif one.host not in {"", hosts.get(one.object.vault)} or one.object.vault not in hosts:
            remarks.append(f"event {one.id!r} is ended: vault {one.object.vault} at {one.host!r} is not in KEY_VAULTS")
        elif one.kind is not EventKind.NEW_VERSION:
            remarks.append(f"event {one.id!r} ({one.kind}) is told to the topic; no Secret is touched")
        else:
            subjects.append(Subject(about=one.object, version=one.version))
    return subjects, remarks


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of the command: what was asked for, and what came of it so far."""

    mapping: Mapping[str, str]
    settings: Settings
    clusters: frozenset[str]
    vaults: list[str]
    as_json: bool
    about: VaultObject | None = None
    subjects: list[Subject] | None = None
    remarks: list[str] = field(default_factory=list)
    found: list[Foresight] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    whole: bool = False

    @property
    def code(self) -> int:
        """The exit code."""
        return 1 if self.errors or any(one.wrong for one in self.found) else 0

    async def do(self) -> None:
        """Look, and decide about every target."""
        progress = Progress(sys.stderr)
        async with opening.opened(self.settings, self.mapping) as app, progress.during(self._so_far):
            if self.about is not None:
                await self._foresee(app, await foresight.subject(app.neighbours, self.about))
            elif self.subjects is not None:
                await abreast.each(abreast.of(self.subjects), lambda one: self._foresee(app, one), width=_AT_ONCE)
            else:
                await self._all(app)
        self.whole = True
        self.found.sort(key=lambda one: str(one.subject.about))
        for error in self.errors:
            print(f"fanout: {error}", file=sys.stderr)

    async def _all(self, app: Assembly) -> None:
        clusters = [one for one in app.neighbours.clusters if one.name in self.clusters]
        ends = asyncio.get_running_loop().time() + app.limits.sweep
        listed = await estate.survey(app.neighbours, self.vaults, clusters, ends=ends)
        self.errors += map(told, listed.errors)
        objects = dict.fromkeys(one.listed.object for one in listed.bound())

        async def one(about: VaultObject) -> None:
            await self._foresee(app, await foresight.subject(app.neighbours, about))

        await abreast.each(abreast.of(list(objects)), one, width=_AT_ONCE)

    async def _foresee(self, app: Assembly, subject: Subject) -> None:
        clusters = [one for one in app.neighbours.clusters if one.name in self.clusters]
        self.found.append(await foresight.foresee(app.neighbours, app.limits, subject, clusters))

    def _so_far(self) -> str:
        return f"looking at {len(self.clusters)} clusters, {len(self.found)} objects planned"

    def text(self) -> str:
        """Return what to print."""
        if self.as_json:
            objects = [
                {
                    "object": str(one.subject.about),
                    "version": one.subject.version,
                    "remark": one.subject.remark,
                    "targets": list(map(prospect.as_json, one.prospects)),
                }
                for one in self.found
            ]
            return json.dumps({"objects": objects, "remarks": self.remarks, "errors": self.errors}, indent=2)
        parts = ["\n".join(self.remarks)] if self.remarks else []
        for one in self.found:
            version = f", version {one.subject.version}" if one.subject.version else ""
            remark = [one.subject.remark] if one.subject.remark else []
            parts.append("\n".join([f"{one.subject.about}{version}", *remark, "", *prospect.lines(one.prospects)]))
        nothing = "no object is bound by these clusters" if self.whole else "not looked through to the end"
        return "\n\n".join(parts) or nothing


COMMAND = Command(
    name="plan",
    about="say what would be done about an object, to each target, and why; change nothing",
    add_arguments=add_arguments,
    prepare=prepare,
    epilog=_EPILOG,
)
