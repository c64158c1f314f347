"""Bicep files as values: what a compiler would look at first. The grammar is that of pycep-parser, a subset.

pycep gives no types of resources, and binds operators in another way than Bicep; only names and literals are used here.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pycep import BicepParser

from devstack import stack

FOLDER = stack.APP / "infra"
FILES = sorted(FOLDER.rglob("*.bicep"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A module that a file uses: its path, and the parameters that it is given."""

    name: str
    path: Path
    given: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One file."""

    path: Path
    text: str
    tree: Mapping[str, Any]

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The declared parameters: decorators, type, default."""
        found: Mapping[str, Any] = self.tree.get("parameters", {})
        return found

    @property
    def required(self) -> frozenset[str]:
        """The parameters without a default. An empty default is one: pycep gives None only where there is none."""
        return frozenset(name for name, declared in self.parameters.items() if declared["default"] is None)

    @property
    def outputs(self) -> frozenset[str]:
        """The names of what comes out."""
        return frozenset(self.tree.get("outputs", {}))

    @property
    def calls(self) -> Iterator[Call]:
        """The modules that are used."""
        for name, module in self.tree.get("modules", {}).items():
            config = body(module["config"])
            path = self.path.parent / module["detail"]["path"]
            yield Call(name=name, path=path, given=frozenset(config.get("params", {})))

    def resources(self, kind: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the bodies of the resources of a type that are made here, by their symbol."""
        found = self.tree.get("resources", {})
        return {name: body(one["config"]) for name, one in found.items() if one["type"] == kind and not one["existing"]}

    def describes(self, name: str) -> str:
        """Return what is said of a parameter."""
        decorators = self.parameters[name]["decorators"]
        return next((str(one["argument"]) for one in decorators if one["type"] == "description"), "")


def body(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is declared, without its condition and its loop."""
    while "config" in config and ("condition" in config or "loop_type" in config):
        config = config["config"]
    return config


@functools.cache
def read(path: Path) -> Template:
    """Parse a file. Raises what the parser raises where it is none."""
    text = path.read_text(encoding="utf-8")
    return Template(path=path, text=text, tree=BicepParser().parse(text=text))


def code(text: str) -> str:
    """Return a file's text without comments and descriptions."""
    return "\n".join(line for line in text.splitlines() if not re.match(r"\s*(//|@description)", line))
