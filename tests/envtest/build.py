"""kube-apiserver and etcd, built once from source with this machine's Go.

`python -m tests.envtest.build` (`make envtest`) builds the versions that go.mod names into a folder outside the
checkout, by version, so that a second run costs nothing. KUBEBUILDER_ASSETS, the convention of envtest, names a folder
that has both programs already; then nothing is built.
"""

import contextlib
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

API_SERVER, ETCD = "kube-apiserver", "etcd"

_PACKAGES = {API_SERVER: "k8s.io/kubernetes", ETCD: "go.etcd.io/etcd/server/v3"}
_COMMANDS = {API_SERVER: "k8s.io/kubernetes/cmd/kube-apiserver", ETCD: "go.etcd.io/etcd/server/v3"}
_GIVEN, _REQUIRED = "KUBEBUILDER_ASSETS", "REQUIRE_ENVTEST"
_LAST_LINES = 5

ABSENT = "no kube-apiserver and etcd: install Go 1.25 or later, run `make envtest`"
SKIPPED = f"the tests against the real API server are SKIPPED, {ABSENT}"


def versions() -> Mapping[str, str]:
    """Return the version of each program, as go.mod pins it."""
    text = (MODULE / "go.mod").read_text(encoding="utf-8")
    found = {
        name: re.search(rf"^\s{re.escape(package)} v(\S+)", text, re.MULTILINE) for name, package in _PACKAGES.items()
    }
    return {name: match[1] for name, match in found.items() if match is not None}


def folder(environment: Mapping[str, str]) -> Path:
    """Return where the programs are or will be: the folder that was given, or the cache's."""
    if given := environment.get(_GIVEN):
        return Path(given)
    cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    pinned = versions()
    return cache / "keyvault-fanout" / "envtest" / f"k8s-{pinned[API_SERVER]}-etcd-{pinned[ETCD]}"


def programs(environment: Mapping[str, str] | None = None) -> Path | None:
    """Return the folder that has both programs, or None."""
    place = folder(_environment() if environment is None else environment)
    return place if all((place / name).is_file() for name in _PACKAGES) else None


def required() -> bool:
    """Tell whether a missing server is a failure, and not skipped: REQUIRE_ENVTEST=1."""
    return _environment().get(_REQUIRED, "") not in {"", "0"}


def build(environment: Mapping[str, str]) -> bool:
    """Build both unless they are there; tell whether they are there now."""
    if programs(environment):
        return True
    place = folder(environment)
    if environment.get(_GIVEN):
        _say(f"{_GIVEN} names {place}, which has no {API_SERVER} and {ETCD}; nothing is built while it is set")
        return False
    go = shutil.which("go", path=environment.get("PATH"))
    if go is None:
        _say(SKIPPED)
        return False
    pinned = versions()
    _say(f"building {API_SERVER} {pinned[API_SERVER]} and etcd {pinned[ETCD]} to {place} (once; about five minutes)")
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        for name, command in _COMMANDS.items():
            if not _compile(go, command, made / name, environment):
                return False
        # Whoever builds at the same time may have been faster, and theirs is as good.
        with contextlib.suppress(OSError):
            made.rename(place)
    if not programs(environment):
        _say(f"{place} is there and has no {API_SERVER} and {ETCD}: remove it, and run `make envtest` again")
    return programs(environment) is not None


def _compile(go: str, command: str, target: Path, environment: Mapping[str, str]) -> bool:
    major, minor, *_ = versions()[API_SERVER].split(".")
    # What Kubernetes' own build sets: without it the server says that it is v0.0.0.
    version = {"gitVersion": f"v{versions()[API_SERVER]}", "gitMajor": major, "gitMinor": minor}
    stamps = " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in version.items())
    done = subprocess.run(  # noqa: S603 - the Go of this machine
        [go, "build", "-trimpath", "-ldflags", f"-s -w {stamps}", "-o", str(target), command],
        cwd=MODULE,
        env={**environment, "CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = " / ".join(done.stderr.strip().splitlines()[-_LAST_LINES:])
        _say(f"go build {command} failed, code {done.returncode}: {said}")
    return done.returncode == 0


def _environment() -> Mapping[str, str]:
    return os.environ  # noqa: TID251 - not the app's


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    raise SystemExit(0 if build(_environment()) else 1)
