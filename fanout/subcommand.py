"""What a sub-command is: a name, its arguments, and a run that was prepared from them. Values only.

Each has a `command.py` of its own that makes one `COMMAND`; `__main__` lists them.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


class Run(Protocol):
    """One run: arguments and settings were found right, nothing was done yet."""

    @property
    def code(self) -> int:
        """The exit code: 0 all is well, 1 something is not."""
        ...

    async def do(self) -> None:
        """Do it. What goes wrong with a neighbour is kept for `text` and `code`, and is not raised."""
        ...

    def text(self) -> str:
        """Return what to print: what was found or done so far."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A sub-command. `prepare` raises `UsageError` or `SettingsError` before anything was done."""

    name: str
    about: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    prepare: Callable[[argparse.Namespace, Mapping[str, str]], Run]
    description: str = ""
    epilog: str = ""

    def add_to(self, commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
        """Add it to a parser; what was parsed has the command itself as `command`."""
        parser = commands.add_parser(
            self.name,
            help=self.about,
            description=self.description or f"{self.about[0].upper()}{self.about[1:]}.",
            epilog=self.epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.add_arguments(parser)
        parser.set_defaults(command=self)
