"""What is installed from npm is locked with hashes, names no registry, and is of the versions asked for."""

import json
from typing import Any

import pytest

from tests.node.packages import ASYNCAPI, RECEIVER
from tests.npm import Packages


@pytest.mark.parametrize("packages", [RECEIVER, ASYNCAPI], ids=lambda packages: packages.locked.name)
def test_packages_are_locked_with_hashes_and_name_no_registry(packages: Packages) -> None:
    asked = _read(packages, "package.json")["dependencies"]
    locked = _read(packages, "package-lock.json")["packages"]

    assert {name: locked[f"node_modules/{name}"]["version"] for name in asked} == asked
    installed = {name: entry for name, entry in locked.items() if name}
    assert [name for name, entry in installed.items() if "integrity" not in entry] == []
    assert [name for name, entry in installed.items() if "resolved" in entry] == []


def _read(packages: Packages, name: str) -> dict[str, Any]:
    document = json.loads((packages.locked / name).read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document
