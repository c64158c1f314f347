"""Packages from npm that tests run: installed once, from a lock file, into a folder outside the checkout."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

CACHE = Path.home() / ".cache" / "keyvault-fanout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """What the package-lock.json in `locked` names. `name` is that of the folder in the cache, with a version in it.

    `absent` says what is skipped without them and how they are had; `takes` how long installing takes.
    """

    name: str
    locked: Path
    absent: str
    takes: str

    @property
    def folder(self) -> Path:
        """Where they are once they are installed."""
        return CACHE / self.name

    @property
    def modules(self) -> Path:
        """The folder that Node.js looks for packages in."""
        return self.folder / "node_modules"

    def node(self) -> str | None:
        """Return the path of node where they are installed too."""
        return shutil.which("node") if self.modules.exists() else None

    def install(self) -> bool:
        """Install them unless they are there; tell whether they are there now, and say aloud where not."""
        if self.modules.exists():
            return True
        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            _say(self.absent)
            return False
        CACHE.mkdir(parents=True, exist_ok=True)
        _say(f"installing {self.name} to {self.folder} (once; {self.takes})")
        with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
            place = Path(temporary) / "packages"
            place.mkdir()
            for file in ("package.json", "package-lock.json"):
                shutil.copy(self.locked / file, place)
            options = (
                "--ignore-scripts",
                "--omit=optional",
                "--no-audit",
                "--no-fund",
                "--no-update-notifier",
                "--loglevel=error",
            )
            done = subprocess.run([npm, "ci", *options], cwd=place, check=False, stdout=subprocess.DEVNULL)  # noqa: S603 - the npm of this machine
            if done.returncode:
                _say(f"npm ci failed, code {done.returncode}; {self.absent}")
                return False
            # Whoever installs at the same time may have been faster, and theirs is as good.
            with contextlib.suppress(OSError):
                place.rename(self.folder)
        return self.modules.exists()


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
