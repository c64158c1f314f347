"""The AsyncAPI document is valid by AsyncAPI's own JSON Schema, which npm carries. Its structure: test_documents."""

import copy
import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
import yaml

from contract.documents import ROOT
from tests.node.packages import ASYNCAPI

Change = Callable[[dict[str, Any]], object]
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "schemas" / "asyncapi.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def official() -> jsonschema.Draft7Validator:
    """The schema for documents of this version."""
    if not ASYNCAPI.modules.exists():
        pytest.skip(ASYNCAPI.absent)
    path = ASYNCAPI.modules / "@asyncapi" / "specs" / "schemas" / f"{DOCUMENT['asyncapi']}.json"
    return jsonschema.Draft7Validator(json.loads(path.read_text(encoding="utf-8")))


def test_the_document_is_valid(official: jsonschema.Draft7Validator) -> None:
    errors = [f"{error.json_path}: {error.message[:200]}" for error in official.iter_errors(DOCUMENT)]

    assert errors == []


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.pop("info"),
        lambda document: document["operations"]["tell"].update(action="publish"),
        lambda document: document["components"]["messages"]["target.failed"].update(later=1),
        lambda document: document["components"]["messages"]["target.failed"]["payload"].update(type="thing"),
    ],
    ids=["no info", "an action of version 2", "an unknown part", "an unknown type"],
)
def test_it_would_not_be_with(official: jsonschema.Draft7Validator, change: Change) -> None:
    """The official schema is asked of every part that we write."""
    document = copy.deepcopy(DOCUMENT)
    change(document)

    assert not official.is_valid(document)
