"""The examples as a whole: each is listed, started by one command, and takes nothing that an application lacks."""

import ast
import re
from pathlib import Path

import pytest

from devstack import examples, stack

FOLDER = stack.APP / "examples"
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
README = (FOLDER / "README.md").read_text(encoding="utf-8")
OURS = {"contract", "devstack", "fanout", "shared", "tests"}


def test_each_example_is_listed_with_a_test_that_exists() -> None:
    rows = re.findall(r"^\| \[(\w+)\].*\| `(tests/[\w/.]+)`", README, re.MULTILINE)

    assert sorted(name for name, _ in rows) == NAMES
    assert [test for _, test in rows if not (stack.APP / test).exists()] == []


def test_make_up_prints_a_command_for_each_in_python() -> None:
    started = re.findall(r"-m (\w+)\)$", examples.commands(Path("environment")), re.MULTILINE)

    assert sorted([*started, "node"]) == NAMES


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_an_example_imports_the_client_and_nothing_of_the_app_or_the_stack(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    imported += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]

    assert {name.partition(".")[0] for name in imported} & OURS == set()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "node"])
def test_every_variable_that_an_example_reads_is_documented(name: str) -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (FOLDER / name).glob("*.py"))
    own = FOLDER / name / "README.md"
    text = README + (own.read_text(encoding="utf-8") if own.exists() else "")

    read = set(re.findall(r'environ(?:\[|\.get\(|, )"([A-Z_]+)"', code))
    assert read
    assert sorted(variable for variable in read if f"`{variable}`" not in text) == []
