"""`fanout status`: its arguments, and what is done in which order."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field

from fanout import arguments, opening
from fanout.bus_reach import BusReach, Kept
from fanout.errors import UsageError, told
from fanout.progress import Progress
from fanout.status import backlog, report, survey
from fanout.status.backlog import Dead, Waiting
from fanout.status.survey import Seen
from fanout.subcommand import Command
from shared.edges import credential
from shared.errors import FanoutError
from shared.model import VaultObject
from shared.neighbours import Neighbours
from shared.pipeline import utc_now
from shared.settings import Settings
from shared.wiring import Assembly

_EPILOG = """\
No value is read: a target counts as holding the newest version if its data changed after that was made, and one that
this app owns if it says so as well. `fanout plan` compares the bytes. PODS are those that mount the object through the
CSI driver: how many show the newest version, of how many.

Exit codes: 0 every target holds the newest version as far as can be told, and there are no dead letters; 1 something
is stale, refused, disabled or not known, pods of a rotating driver are behind, or there are dead letters; 2 usage or
settings are wrong.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments to a parser."""
    parser.add_argument("--object", metavar="TYPE/NAME", help="one object: secret/NAME, key/NAME or cert/NAME")
    arguments.add_vault(parser)
    arguments.add_cluster(parser)
    parser.add_argument(
        "--subscription",
        metavar="NAME",
        action="append",
        default=[],
        help="a subscription of the topic whose dead letters are counted too; may be repeated",
    )
    arguments.add_json(parser)


def prepare(parsed: argparse.Namespace, mapping: Mapping[str, str]) -> "Run":
    """Read arguments and settings. Raises `UsageError` or `SettingsError`."""
    settings = Settings.from_mapping(mapping)
    about = arguments.vault_object(parsed.object, parsed.vault, settings) if parsed.object is not None else None
    if any(not name.strip() or "/" in name for name in parsed.subscription):
        raise UsageError("--subscription: expected the name of a subscription of the topic")
    vaults = [one.name for one in settings.vaults]
    if about is not None:
        vaults = [about.vault]
    elif parsed.vault is not None:
        vaults = [arguments.vault_name(parsed.vault, settings)]
    return Run(
        mapping=mapping,
        settings=settings,
        about=about,
        vaults=vaults,
        clusters=arguments.cluster_names(parsed.cluster, settings),
        subscriptions=list(dict.fromkeys([*filter(None, [settings.bus.watch]), *parsed.subscription])),
        as_json=parsed.json,
    )


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of the command, and what it has seen so far."""

    mapping: Mapping[str, str]
    settings: Settings
    about: VaultObject | None
    vaults: list[str]
    clusters: frozenset[str]
    subscriptions: list[str]
    as_json: bool
    seen: Seen = field(default_factory=Seen)
    waiting: Waiting | None = None
    dead: list[Dead] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def code(self) -> int:
        """The exit code."""
        wrong = any(one.wrong for one in self.seen.holdings) or any(one.total for one in self.dead)
        return 1 if wrong or self.errors else 0

    async def do(self) -> None:
        """Look at the vaults and clusters, and beside them at the bus."""
        progress = Progress(sys.stderr)
        async with opening.opened(self.settings, self.mapping) as app, progress.during(lambda: "looking"):
            await asyncio.gather(self._targets(app), self._bus())
        self.errors = list(dict.fromkeys([*self.seen.errors, *self.errors]))
        for error in self.errors:
            print(f"fanout: {error}", file=sys.stderr)

    async def _targets(self, app: Assembly) -> None:
        all_ = app.neighbours
        clusters = [one for one in all_.clusters if one.name in self.clusters]
        neighbours = Neighbours(vaults=all_.vaults, clusters=clusters, bus=all_.bus, queue=all_.queue, watch=all_.watch)
        ends = asyncio.get_running_loop().time() + app.limits.sweep
        self.seen = await survey.look(neighbours, self.vaults, self.about, now=utc_now(), ends=ends)

    async def _bus(self) -> None:
        setting, identity = self.settings.bus, None
        if setting.connection_string is None:
            client_id = setting.client_id or self.settings.client_id
            identity = credential.make(hosted=credential.is_hosted(self.mapping), client_id=client_id)
        reach = BusReach(setting, identity, timeout=self.settings.topic_timeout)
        try:
            # At once: the SDK takes a second to open and close each.
            places = {f"queue {setting.queue}": reach.queue(dead=True, most=backlog.MOST)}
            places |= {
                f"subscription {name}": reach.subscription(name, dead=True, most=backlog.MOST)
                for name in self.subscriptions
            }
            looks = [self._dead(place, letters) for place, letters in places.items()]
            _, *found = await asyncio.gather(self._waiting(reach), *looks)
            self.dead = [one for one in found if one is not None]
        finally:
            await reach.aclose()
            if identity is not None:
                await identity.close()

    async def _waiting(self, reach: BusReach) -> None:
        try:
            self.waiting = backlog.waiting(await reach.queue(most=backlog.MOST), utc_now())
        except FanoutError as error:
            self.errors.append(told(error))

    async def _dead(self, place: str, letters: Awaitable[list[Kept]]) -> Dead | None:
        try:
            return backlog.dead(place, await letters)
        except FanoutError as error:
            self.errors.append(told(error))
            return None

    def text(self) -> str:
        """Return what to print."""
        if self.as_json:
            return json.dumps(report.as_json(self.seen, self.waiting, self.dead, self.errors), indent=2)
        return "\n".join(report.lines(self.seen, self.waiting, self.dead))


COMMAND = Command(
    name="status",
    about="say which targets hold the newest versions, which pods show them, what waits and what was given up",
    add_arguments=add_arguments,
    prepare=prepare,
    epilog=_EPILOG,
)
