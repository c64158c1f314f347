"""A program that renders charts as Helm does, built once from main.go with this machine's Go.

`python -m tests.helm.build` (`make helm`) builds it into a folder outside the checkout, named after Helm's version and
what main.go holds, so that a second run costs nothing.
"""

import hashlib
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests import golang

MODULE = Path(__file__).resolve().parent
"""Where go.mod is."""

_REQUIRED = "REQUIRE_HELM"

ABSENT = "no renderer of charts: install Go 1.25 or later, run `make helm`"
SKIPPED = f"the tests that render the Helm chart are SKIPPED, {ABSENT}"


def version() -> str:
    """Return Helm's version, as go.mod pins it."""
    (found,) = re.findall(r"^require helm.sh/helm/v3 v(\S+)", _text("go.mod"), re.MULTILINE)
    return str(found)


def program(environment: Mapping[str, str] | None = None) -> Path:
    """Return where the program is or will be."""
    given = golang.environment() if environment is None else environment
    held = hashlib.sha256((_text("main.go") + _text("go.mod")).encode()).hexdigest()[:12]
    return golang.cache(given) / "helm" / f"{version()}-{held}" / "render"


def required() -> bool:
    """Tell whether a missing program is a failure, and not skipped: REQUIRE_HELM=1."""
    return golang.is_set(_REQUIRED)


def build(environment: Mapping[str, str]) -> bool:
    """Build it unless it is there; tell whether it is there now."""
    target = program(environment)
    if target.is_file():
        return True
    if golang.find(environment) is None:
        golang.say(SKIPPED)
        return False
    golang.say(f"building the renderer of Helm {version()} to {target.parent} (once; about two minutes)")
    target.parent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent.parent) as temporary:
        made = Path(temporary) / "made"
        if not golang.compile_command(MODULE, ".", made / target.name, environment):
            golang.say(SKIPPED)
            return False
        golang.put(made, target.parent)
    return target.is_file()


def _text(name: str) -> str:
    return (MODULE / name).read_text(encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(0 if build(golang.environment()) else 1)
