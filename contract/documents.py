"""Everything that is generated, as texts by their places in the checkout."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from contract import asyncapi, page, schema
from contract.catalogue import MESSAGES
from contract.samples import samples

ROOT = Path(__file__).resolve().parent.parent

_PAGE = Path("docs/notices.md")
_SCHEMAS = Path("schemas")


def documents() -> dict[Path, str]:
    """Return each document as it has to be. Raises ValueError where docs/notices.md lost a place of the generator's."""
    shown = samples()
    found = {
        _SCHEMAS / one.file: _json({**schema.public(one), "examples": [shown[one.name].event]}) for one in MESSAGES
    }
    found[_SCHEMAS / "asyncapi.yaml"] = _yaml(asyncapi.document(shown))
    found[_PAGE] = page.render((ROOT / _PAGE).read_text(encoding="utf-8"), shown)
    return found


def stale() -> dict[Path, str]:
    """Return those documents that are not in the checkout as they have to be."""
    return {path: text for path, text in documents().items() if _read(ROOT / path) != text}


def strays() -> list[Path]:
    """Return the files under `schemas/` that nothing generates."""
    known = documents()
    there = sorted((ROOT / _SCHEMAS).iterdir())
    return [path.relative_to(ROOT) for path in there if path.relative_to(ROOT) not in known]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _yaml(document: Mapping[str, Any]) -> str:
    # By way of JSON, so that no part is the same as another, and nothing becomes an alias.
    plain = json.loads(json.dumps(document))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)
