"""The operator's dependencies, what its tests install from npm, and how each sub-command starts."""

import json
import re
import tomllib

import pytest
from packaging.requirements import Requirement

from devstack import stack
from fanout.__main__ import NAMES
from tests.operator import cli

GROUP = tomllib.loads((stack.APP / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]["operator"]
NPM = stack.APP / "tests" / "azurite"


def locked(name: str) -> dict[str, Requirement]:
    """Return what a file locks."""
    text = (stack.APP / name).read_text(encoding="utf-8")
    pins = [Requirement(line.rstrip(" \\")) for line in re.findall(r"^[a-z].*$", text, re.MULTILINE)]
    return {pin.name: pin for pin in pins}


def test_the_operators_dependencies_are_bounded_and_locked_for_tests_and_not_for_azure() -> None:
    tests, azure = locked("requirements-dev.txt"), locked("requirements.txt")

    for wanted in map(Requirement, GROUP):
        assert "<" in str(wanted.specifier)
        assert wanted.specifier.contains(next(iter(tests[wanted.name].specifier)).version), "run make lock"
        assert wanted.name not in azure


def test_azurite_is_locked_with_hashes_and_names_no_registry() -> None:
    wanted = json.loads((NPM / "package.json").read_text(encoding="utf-8"))["dependencies"]["azurite"]
    packages = json.loads((NPM / "package-lock.json").read_text(encoding="utf-8"))["packages"]

    assert packages["node_modules/azurite"]["version"] == wanted
    installed = {name: entry for name, entry in packages.items() if name}
    assert [name for name, entry in installed.items() if "integrity" not in entry] == []
    assert [name for name, entry in installed.items() if "resolved" in entry] == []


def test_the_page_names_every_setting_of_the_operators() -> None:
    page = (stack.APP / "docs" / "dead-letters.md").read_text(encoding="utf-8")
    code = (stack.APP / "fanout" / "deadletters" / "settings.py").read_text(encoding="utf-8")

    names = set(re.findall(r"DEAD_LETTER_[A-Z]+", code))
    assert names == {"DEAD_LETTER_URL", "DEAD_LETTER_CONNECTION", "DEAD_LETTER_CONTAINER"}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


@pytest.mark.parametrize("name", NAMES)
async def test_every_sub_command_starts_in_a_process_of_its_own(name: str) -> None:
    """The other tests fork one that has loaded them all, which would hide an import that one of them lacks."""
    said = await cli.end(await cli.start_any(name, "--help", environment={}))

    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"usage: python -m fanout {name} ")
