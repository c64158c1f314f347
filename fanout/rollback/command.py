"""`fanout rollback`: its arguments, and what is done in which order."""

import argparse
import contextlib
import json
import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fanout import arguments
from fanout.errors import OperatorError, UsageError
from fanout.progress import Progress
from fanout.rollback import choice
from fanout.rollback.choice import LAST_GOOD, Choice
from fanout.rollback.shelf import Shelf
from fanout.subcommand import Command
from shared import wiring
from shared.edges import credential
from shared.model import ObjectType, VaultObject
from shared.settings import Settings

_VERSION = re.compile(r"[0-9A-Za-z]{1,64}")
_LONG = 3
_EPILOG = """\
It sets the chosen version's value as a NEW version in the vault, with your identity (role Key Vault Secrets Officer).
Everybody follows that as any rotation: the CSI driver, External Secrets, this app, and applications that read the vault
themselves. Nothing is written to a cluster from here; `fanout refresh --follow` shows how it arrives.

It does not stop whoever rotates next: no tag of Key Vault's does. Stop your rotation job first, or pin the version in
the declarations (docs/operations.md). Without --yes it says what it would do, and does nothing.

Exit codes: 0 done, or without --yes it could be; 1 it cannot be done, and why, or somebody else set a version at the
same time, which may be the one that serves; 2 usage or settings are wrong.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments to a parser."""
    parser.add_argument("--object", metavar="secret/NAME", required=True, help="a secret that is no certificate's")
    arguments.add_vault(parser)
    parser.add_argument(
        "--to",
        metavar=f"VERSION|{LAST_GOOD}",
        required=True,
        help=f"an enabled version's id; {LAST_GOOD} is the newest one before the newest that is enabled and valid now",
    )
    parser.add_argument("--yes", action="store_true", help="do it")
    arguments.add_json(parser)


def prepare(parsed: argparse.Namespace, mapping: Mapping[str, str]) -> "Run":
    """Read arguments and settings. Raises `UsageError` or `SettingsError`."""
    settings = Settings.from_mapping(mapping)
    about = arguments.vault_object(parsed.object, parsed.vault, settings)
    if about.type is not ObjectType.SECRET:
        raise UsageError("--object: expected secret/NAME; a key or a certificate is made anew, or imported again")
    if parsed.to != LAST_GOOD and not _VERSION.fullmatch(parsed.to):
        raise UsageError(f"--to: expected a version's id or {LAST_GOOD}")
    return Run(mapping=mapping, settings=settings, about=about, wanted=parsed.to, do_it=parsed.yes, as_json=parsed.json)


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of the command."""

    mapping: Mapping[str, str]
    settings: Settings
    about: VaultObject
    wanted: str
    do_it: bool
    as_json: bool
    made: str = ""
    known: bool = True
    left: list[str] = field(default_factory=list)
    choice: Choice | None = None
    remarks: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def code(self) -> int:
        """The exit code."""
        return 1 if self.errors or self.remarks else 0

    async def do(self) -> None:
        """Choose the version, and bring it back."""
        (vault,) = [one for one in self.settings.vaults if one.name == self.about.vault]
        hosted = credential.is_hosted(self.mapping)
        identity = credential.make(hosted=hosted, client_id=self.settings.client_id)
        shelf = Shelf(
            vault,
            self.about.name,
            identity,
            seconds=self.settings.vault_timeout * _LONG,
            proxies=wiring.has_proxies(self.mapping),
        )
        async with contextlib.aclosing(shelf), Progress(sys.stderr).during(lambda: f"asking vault {vault.name}"):
            try:
                await self._bring_back(shelf)
            except OperatorError as error:
                self.errors.append(str(error))
            finally:
                await identity.close()
        for text in (*self.errors, *self.remarks):
            print(f"fanout: {text}", file=sys.stderr)

    async def _bring_back(self, shelf: Shelf) -> None:
        before = await shelf.versions()
        self.choice = choice.choose(before, self.wanted, datetime.now(UTC))
        if not self.do_it:
            return
        try:
            self.made = await shelf.bring_back(self.choice)
        except OperatorError:
            await self._find_what_was_made(shelf, {one.version for one in before}, self.choice)
            raise
        known = {self.choice.newest.version, self.made}
        since = [
            one.version
            for one in await shelf.versions()
            if one.version not in known and one.created >= self.choice.newest.created and one.tags != self.choice.tags
        ]
        if since:  # Key Vault has no write that depends on what was read
            self.remarks.append(f"somebody set version {', '.join(since)} meanwhile; look which one serves")

    async def _find_what_was_made(self, shelf: Shelf, before: Collection[str], choice_: Choice) -> None:
        """Look for versions of ours: a write may have been done, more than once, although no answer came."""
        self.known = False
        with contextlib.suppress(OperatorError):
            after = await shelf.versions()
            self.left = [one.version for one in after if one.version not in before and one.tags == choice_.tags]
            self.known = True

    def text(self) -> str:
        """Return what to print."""
        chosen, newest = (self.choice.chosen, self.choice.newest) if self.choice else (None, None)
        if self.as_json:
            fields = {
                "object": str(self.about),
                "newest": newest and newest.version,
                "chosen": chosen and chosen.version,
                "made": self.made or None,
                "madeWithoutAnswer": self.left,
                "known": self.known,
                "tags": sorted(self.choice.tags) if self.choice else [],
                "remarks": self.remarks,
                "errors": self.errors,
            }
            return json.dumps(fields, indent=2)
        if chosen is None or newest is None:
            return f"{self.about}: nothing was done"
        told = f"what version {chosen.version} holds (of {chosen.created:%Y-%m-%d %H:%M})"
        if not self.made and self.do_it:
            return f"{self.about}: {told} was to become a new version.\n{self._aftermath()}"
        if not self.made:
            return (
                f"{self.about}: {told} would become a new version, after {newest.version}.\n"
                "Nothing was done; --yes does it."
            )
        if self.remarks:
            return f"{self.about}: version {self.made} holds {told}.\nWhether it is the one that serves is not known."
        follow = f"fanout refresh --vault {self.about.vault} --object secret/{self.about.name} --follow"
        return f"{self.about}: version {self.made} holds {told}.\nEverybody follows it as any rotation: {follow}"

    def _aftermath(self) -> str:
        """Say what a failed write has left."""
        where = f"az keyvault secret list-versions --vault-name {self.about.vault} --name {self.about.name}"
        if not self.known:
            return f"It is not known whether one was made. Look: {where}"
        if self.left:
            return f"It was made although no answer came: {', '.join(self.left)}. Look which one serves: {where}"
        return "Nothing was done."


COMMAND = Command(
    name="rollback",
    about="make an older version's value the newest one, so that everybody follows it",
    add_arguments=add_arguments,
    prepare=prepare,
    epilog=_EPILOG,
)
