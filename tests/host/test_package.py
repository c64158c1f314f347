"""What Azure gets, and that the locked requirements are those that pyproject.toml asks for."""

import fnmatch
import re
import subprocess
import tomllib

import pytest
from packaging.requirements import Requirement

from devstack import stack

PROJECT = tomllib.loads((stack.APP / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = {
    "requirements.txt": PROJECT["project"]["dependencies"],
    "requirements-dev.txt": PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"],
}


def _locked(name: str) -> list[Requirement]:
    text = (stack.APP / name).read_text(encoding="utf-8")
    return [Requirement(line.rstrip(" \\")) for line in re.findall(r"^[a-z].*$", text, re.MULTILINE)]


@pytest.mark.parametrize("name", LOCKS)
def test_every_dependency_is_locked_within_its_bounds(name: str) -> None:
    locked = _locked(name)
    for text in LOCKS[name]:
        wanted = Requirement(text)
        versions = [next(iter(pin.specifier)).version for pin in locked if pin.name.lower() == wanted.name.lower()]

        assert any(wanted.specifier.contains(version) for version in versions), f"{text}: run make lock"


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_is_pinned_with_hashes(name: str) -> None:
    blocks = re.split(r"^(?=[a-z])", (stack.APP / name).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]

    assert blocks
    assert [block.splitlines()[0] for block in blocks if "==" not in block or "--hash=sha256:" not in block] == []


def test_every_dependency_is_bounded_above() -> None:
    assert [text for text in LOCKS["requirements-dev.txt"] if "<" not in text.partition(";")[0]] == []


def test_azure_gets_what_runs_and_nothing_else() -> None:
    ignored = (stack.APP / ".funcignore").read_text(encoding="utf-8").split("\n")
    patterns = [line.rstrip("/") for line in ignored if line and not line.startswith("#")]
    tracked = subprocess.run(["git", "ls-files"], cwd=stack.APP, capture_output=True, text=True, check=True).stdout  # noqa: S607 - git is how the checkout came

    kept = {
        path.partition("/")[0]
        for path in tracked.splitlines()
        if not any(fnmatch.fnmatch(path.partition("/")[0], pattern) for pattern in patterns)
    }

    assert kept == {"function_app.py", "host.json", "requirements.txt", "shared"}
