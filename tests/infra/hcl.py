"""Terraform's files as values, by python-hcl2."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2

from tests.infra import bicep

FOLDER = bicep.FOLDER / "terraform"
FILES = sorted(FOLDER.glob("*.tf"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block with two labels: a resource, or a data source."""

    kind: str
    type: str
    name: str
    body: Mapping[str, Any]

    @property
    def address(self) -> str:
        """Its name in expressions."""
        prefix = "data." if self.kind == "data" else ""
        return f"{prefix}{self.type}.{self.name}"


@functools.cache
def read(path: Path) -> Mapping[str, Any]:
    """Parse a file. Raises what the parser raises where it is none."""
    with path.open(encoding="utf-8") as file:
        found: Mapping[str, Any] = _plain(hcl2.load(file))
    return found


def variables() -> dict[str, Mapping[str, Any]]:
    """Return what is declared of each variable."""
    return {
        name: declared for path in FILES for one in read(path).get("variable", ()) for name, declared in one.items()
    }


def outputs() -> dict[str, Mapping[str, Any]]:
    """Return what is declared of each output."""
    return {name: declared for path in FILES for one in read(path).get("output", ()) for name, declared in one.items()}


def local_values() -> dict[str, Any]:
    """Return every local value, as an expression where it is one."""
    return {name: value for path in FILES for one in read(path).get("locals", ()) for name, value in one.items()}


def blocks() -> Iterator[Block]:
    """Return every resource and data source."""
    for path in FILES:
        for kind in ("resource", "data"):
            for one in read(path).get(kind, ()):
                for type_, named in one.items():
                    for name, declared in named.items():
                        yield Block(kind=kind, type=type_, name=name, body=declared)


def code() -> str:
    """Return all files, without comments and descriptions."""
    lines = [line for path in FILES for line in path.read_text(encoding="utf-8").splitlines()]
    return "\n".join(line for line in lines if not line.lstrip().startswith(("#", "description")))


def _plain(value: Any) -> Any:
    """Take off the quotes that the parser leaves on names and texts, and what it notes for itself."""
    if isinstance(value, dict):
        return {
            _plain(name): _plain(one) for name, one in value.items() if name not in {"__is_block__", "__comments__"}
        }
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, str) and len(value) > 1 and value.startswith('"') and value.endswith('"'):
        return value[1:-1]
    return value
