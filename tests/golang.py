"""Programs that tests need, built once with this machine's Go into a folder outside the checkout."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_LAST_LINES = 5


def environment() -> Mapping[str, str]:
    """Return this process's environment."""
    return os.environ  # noqa: TID251 - not the app's


def is_set(name: str) -> bool:
    """Tell whether a switch in the environment is on."""
    return environment().get(name, "") not in {"", "0"}


def cache(given: Mapping[str, str]) -> Path:
    """Return the folder for what is built or installed once."""
    return Path(given.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keyvault-fanout"


def find(given: Mapping[str, str]) -> str | None:
    """Return where Go is, or None."""
    return shutil.which("go", path=given.get("PATH"))


def compile_command(module: Path, command: str, target: Path, given: Mapping[str, str], *, stamps: str = "") -> bool:
    """Build a command of a module, with `stamps` for the linker; say what went wrong, if anything did."""
    done = subprocess.run(  # noqa: S603 - the Go of this machine
        [find(given) or "go", "build", "-trimpath", "-ldflags", f"-s -w {stamps}".rstrip(), "-o", str(target), command],
        cwd=module,
        env={**given, "CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = " / ".join(done.stderr.strip().splitlines()[-_LAST_LINES:])
        say(f"go build {command} failed, code {done.returncode}: {said}")
    return done.returncode == 0


def put(made: Path, place: Path) -> None:
    """Move what was made to its place at once; whoever built at the same time may have been faster."""
    with contextlib.suppress(OSError):
        made.rename(place)


def say(line: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write(f"{line}\n")
