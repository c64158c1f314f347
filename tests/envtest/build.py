"""kube-apiserver and etcd, built once from source with this machine's Go.

`python -m tests.envtest.build` (`make envtest`) builds the versions that go.mod names into a folder outside the
checkout, by version, so that a second run costs nothing. KUBEBUILDER_ASSETS, the convention of envtest, names a folder
that has both programs already; then nothing is built.
"""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests import golang

MODULE = Path(__file__).resolve().parent
"""Where go.mod is."""

API_SERVER, ETCD = "kube-apiserver", "etcd"

_PACKAGES = {API_SERVER: "k8s.io/kubernetes", ETCD: "go.etcd.io/etcd/server/v3"}
_COMMANDS = {API_SERVER: "k8s.io/kubernetes/cmd/kube-apiserver", ETCD: "go.etcd.io/etcd/server/v3"}
_GIVEN, _REQUIRED = "KUBEBUILDER_ASSETS", "REQUIRE_ENVTEST"

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
    pinned = versions()
    return golang.cache(environment) / "envtest" / f"k8s-{pinned[API_SERVER]}-etcd-{pinned[ETCD]}"


def programs(environment: Mapping[str, str] | None = None) -> Path | None:
    """Return the folder that has both programs, or None."""
    place = folder(golang.environment() if environment is None else environment)
    return place if all((place / name).is_file() for name in _PACKAGES) else None


def required() -> bool:
    """Tell whether a missing server is a failure, and not skipped: REQUIRE_ENVTEST=1."""
    return golang.is_set(_REQUIRED)


def build(environment: Mapping[str, str]) -> bool:
    """Build both unless they are there; tell whether they are there now."""
    if programs(environment):
        return True
    place = folder(environment)
    if environment.get(_GIVEN):
        golang.say(f"{_GIVEN} names {place}, which has no {API_SERVER} and {ETCD}; nothing is built while it is set")
        return False
    if golang.find(environment) is None:
        golang.say(SKIPPED)
        return False
    pinned = versions()
    golang.say(
        f"building {API_SERVER} {pinned[API_SERVER]} and etcd {pinned[ETCD]} to {place} (once; about five minutes)"
    )
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        for name, command in _COMMANDS.items():
            if not golang.compile_command(MODULE, command, made / name, environment, stamps=_stamps()):
                return False
        golang.put(made, place)
    if not programs(environment):
        golang.say(f"{place} is there and has no {API_SERVER} and {ETCD}: remove it, and run `make envtest` again")
    return programs(environment) is not None


def _stamps() -> str:
    """Return what Kubernetes' own build sets: without it the server says that it is v0.0.0."""
    major, minor, *_ = versions()[API_SERVER].split(".")
    version = {"gitVersion": f"v{versions()[API_SERVER]}", "gitMajor": major, "gitMinor": minor}
    return " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in version.items())


if __name__ == "__main__":
    raise SystemExit(0 if build(golang.environment()) else 1)
