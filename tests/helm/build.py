"""A program that renders charts as Helm does, built once from main.go with this machine's Go.

`python -m tests.helm.build` (`make helm`) builds it into a folder outside the checkout, named after Helm's version and
what main.go holds, so that a second run costs nothing.
"""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

MODULE = Path(__file__).resolve().parent
"""Where go.mod is."""

_REQUIRED = "REQUIRE_HELM"
_LAST_LINES = 5

ABSENT = "no renderer of charts: install Go 1.25 or later, run `make helm`"
SKIPPED = f"the tests that render the Helm chart are SKIPPED, {ABSENT}"


def version() -> str:
    """Return Helm's version, as go.mod pins it."""
    (found,) = re.findall(r"^require helm.sh/helm/v3 v(\S+)", _text("go.mod"), re.MULTILINE)
    return str(found)


def program(environment: Mapping[str, str] | None = None) -> Path:
    """Return where the program is or will be."""
    given = _environment() if environment is None else environment
    cache = Path(given.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    held = hashlib.sha256((_text("main.go") + _text("go.mod")).encode()).hexdigest()[:12]
    return cache / "keyvault-fanout" / "helm" / f"{version()}-{held}" / "render"


def required() -> bool:
    """Tell whether a missing program is a failure, and not skipped: REQUIRE_HELM=1."""
    return _environment().get(_REQUIRED, "") not in {"", "0"}


def build(environment: Mapping[str, str]) -> bool:
    """Build it unless it is there; tell whether it is there now."""
    target = program(environment)
    if target.is_file():
        return True
    go = shutil.which("go", path=environment.get("PATH"))
    if go is None:
        _say(SKIPPED)
        return False
    _say(f"building the renderer of Helm {version()} to {target.parent} (once; about two minutes)")
    target.parent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent.parent) as temporary:
        made = Path(temporary) / "made"
        done = subprocess.run(  # noqa: S603 - the Go of this machine
            [go, "build", "-trimpath", "-ldflags", "-s -w", "-o", str(made / target.name), "."],
            cwd=MODULE,
            env={**environment, "CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"},
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            said = " / ".join(done.stderr.strip().splitlines()[-_LAST_LINES:])
            _say(f"go build failed, code {done.returncode}: {said}; {SKIPPED}")
            return False
        # Whoever builds at the same time may have been faster, and theirs is as good.
        with contextlib.suppress(OSError):
            made.rename(target.parent)
    return target.is_file()


def _text(name: str) -> str:
    return (MODULE / name).read_text(encoding="utf-8")


def _environment() -> Mapping[str, str]:
    return os.environ  # noqa: TID251 - not the app's


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    raise SystemExit(0 if build(_environment()) else 1)
