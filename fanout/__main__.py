"""`python -m fanout`: what an operator runs by hand. Not deployed; it reads the same settings as the app."""

import argparse
import asyncio
import importlib
import io
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from fanout import environment
from fanout.errors import UsageError
from fanout.subcommand import Command, Run
from shared.errors import SettingsError, describe_fault

NAMES = ("doctor", "status", "plan", "refresh", "acks", "rollback", "deadletters", "live")
"""The sub-commands, in the order of the help. Each is `COMMAND` in a module of its own, `fanout.NAME.command`."""

FAILED = 1

WRONG = 2
"""The exit code for usage and settings, as argparse has it."""

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run the command and return its exit code. Without arguments they are the process's own."""
    given = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # no terminal's encoding is a reason to lose what was done
    # A module brings its SDKs with it, which takes longer than most runs: only those that are named are loaded.
    arguments = parser([name for name in NAMES if name in given] or NAMES).parse_args(given)
    level = logging.INFO if arguments.verbose else logging.ERROR
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("azure").setLevel(max(level, logging.WARNING))  # at INFO it logs every request
    try:
        mapping = environment.mapping(os.environ if environ is None else environ, arguments.settings)
        run: Run = arguments.command.prepare(arguments, mapping)
    except (UsageError, SettingsError) as error:
        print(f"fanout: {error}", file=sys.stderr)
        return WRONG
    return carry_out(run)


def carry_out(run: Run) -> int:
    """Do what was prepared, print what came of it, and return the exit code."""
    try:
        asyncio.run(run.do())
        code = run.code
    except KeyboardInterrupt:
        print("fanout: interrupted; what is named below is done, the rest is as it was", file=sys.stderr)
        code = INTERRUPTED
    except Exception as fault:  # noqa: BLE001 - a traceback would show its text, which may quote a value
        print(f"fanout: a fault of this program: {describe_fault(fault)}", file=sys.stderr)
        code = FAILED
    return _print(run.text(), code)


def _print(text: str, code: int) -> int:
    """Print; somebody who stopped reading (`| head`) is no failure."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def load(name: str) -> Command:
    """Return a sub-command."""
    command: Command = importlib.import_module(f"fanout.{name}.command").COMMAND
    return command


def parser(names: Sequence[str] = NAMES) -> argparse.ArgumentParser:
    """Return the parser of the command line, with these sub-commands; what was parsed has its own as `command`."""
    whole = argparse.ArgumentParser(
        prog="fanout" if Path(sys.argv[0]).name == "fanout" else "python -m fanout",
        description="Operate Key Vault Fan-out. The settings are the app's own: the environment, or --settings.",
        epilog="Exit codes: 0 all is well; 1 something is not, and is named; 2 usage or settings are wrong, nothing "
        "was done; 130 interrupted.",
    )
    whole.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="read settings from the Values of a file like local.settings.json; they go before the environment",
    )
    whole.add_argument("--verbose", action="store_true", help="show the flow's own log lines on stderr")
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in names:
        load(name).add_to(commands)
    return whole


if __name__ == "__main__":
    raise SystemExit(main())
