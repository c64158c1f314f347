"""What Azure gets, and that the locked requirements are those that pyproject.toml asks for."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from importlib import metadata
from pathlib import Path

import pathspec
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


PAGE = "fanout/live/page.html"


def _package() -> list[str]:
    """Return the files that Azure gets: those in git that .funcignore leaves."""
    ignored = pathspec.GitIgnoreSpec.from_lines((stack.APP / ".funcignore").read_text(encoding="utf-8").splitlines())
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=stack.APP,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for path in tracked.stdout.splitlines() if not ignored.match_file(path)]


def test_azure_gets_what_runs_and_nothing_else() -> None:
    package = _package()

    assert {path.partition("/")[0] for path in package} == {
        "fanout",
        "function_app.py",
        "host.json",
        "requirements.txt",
        "shared",
    }
    assert [path for path in package if "/" in path and not path.endswith(".py")] == [PAGE]


def test_of_the_operators_command_azure_gets_what_it_serves_over_http_and_nothing_else(tmp_path: Path) -> None:
    _copy(tmp_path)
    done = _python(tmp_path, _SERVED)

    assert done.returncode == 0, done.stderr
    served = {Path(file).relative_to(tmp_path).as_posix() for file in json.loads(done.stdout)}
    assert served | {PAGE} == {path for path in _package() if path.startswith("fanout/")}


def _copy(folder: Path) -> None:
    """Put what Azure gets into a folder."""
    for path in _package():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(stack.APP / path, folder / path)


def _python(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run code beside that copy, with the settings of the sample."""
    sample = json.loads((stack.APP / "local.settings.sample.json").read_text(encoding="utf-8"))["Values"]
    return subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-I", "-B", "-c", code, str(folder)],
        cwd=folder,
        env=stack.inherited() | {name: value for name, value in sample.items() if value},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_lies_about_in_a_checkout_is_not_uploaded() -> None:
    ignored = pathspec.GitIgnoreSpec.from_lines((stack.APP / ".funcignore").read_text(encoding="utf-8").splitlines())

    for path in (
        ".venv/bin/python",
        ".azure/prod/.env",
        ".devstack/kubeconfig",
        "local.settings.json",
        "infra/terraform/terraform.tfstate",
        "shared/__pycache__/wiring.cpython-313.pyc",
    ):
        assert ignored.match_file(path), path


_SERVED = """
import json, sys
sys.path.insert(0, sys.argv[1])
import fanout.live.over_http, fanout.over_http
print(json.dumps([module.__file__ for name, module in sys.modules.items() if name.partition(".")[0] == "fanout"]))
"""

_LOAD = """
import importlib, json, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import fanout, function_app, shared
for package in (fanout, shared):
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(found.name)
names = [function.get_function_name() for function in function_app.app.get_functions()]
files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
print(json.dumps([names, sorted(file for file in files if file)]))
"""


def test_the_package_loads_alone_with_the_packages_that_it_names(tmp_path: Path) -> None:
    """Every module is imported from a copy; whatever that brings in belongs to the copy, Python or requirements.txt."""
    _copy(tmp_path)
    named = [pin.name for pin in _locked("requirements.txt") if pin.marker is None or pin.marker.evaluate()]
    allowed = {str(path.locate()) for name in named for path in metadata.files(name) or ()}

    done = _python(tmp_path, _LOAD)

    assert done.returncode == 0, done.stderr
    names, files = json.loads(done.stdout)
    assert names == ["on_key_vault_event", "on_job", "sweep"]
    own = (str(tmp_path), sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
    strange = [file for file in files if file not in allowed and (not file.startswith(own) or "site-packages" in file)]
    assert strange == []
