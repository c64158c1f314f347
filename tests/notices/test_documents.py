"""What is generated is as `make schemas` leaves it, and its examples are what they claim to be."""

import json
import re
from typing import Any

import pytest
import yaml

from contract import documents, page
from contract.catalogue import MESSAGES, VERSION
from contract.documents import ROOT
from contract.fields import TRACING
from contract.samples import samples

PAGE = (ROOT / "docs" / "notices.md").read_text(encoding="utf-8")
ASYNCAPI: dict[str, Any] = yaml.safe_load((ROOT / "schemas" / "asyncapi.yaml").read_text(encoding="utf-8"))


def test_nothing_generated_is_stale() -> None:
    assert list(documents.stale()) == [], "run make schemas"


def test_nothing_else_lies_among_the_schemas() -> None:
    assert documents.strays() == []


def test_a_page_that_lost_a_place_is_not_written() -> None:
    with pytest.raises(ValueError, match="0 places for fields"):
        page.render(PAGE.replace("<!-- make schemas: fields -->", ""), samples())


def test_the_page_shows_one_example_of_each_type() -> None:
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]

    assert [one["type"] for one in shown] == [one.event_type for one in MESSAGES]


def test_each_schema_holds_its_example() -> None:
    for message in MESSAGES:
        document = json.loads((ROOT / "schemas" / message.file).read_text(encoding="utf-8"))

        assert document["title"] == document["examples"][0]["type"] == message.event_type


# The structure of the AsyncAPI document; AsyncAPI's own schema is asked in test_asyncapi, where npm is


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(ASYNCAPI)
    references = re.findall(r'"\$ref": "#/([^"]+)"', text)

    assert len(references) == 2 * len(MESSAGES) + 2
    for reference in references:
        found: Any = ASYNCAPI
        for name in reference.split("/"):
            found = found[name]
        assert found


def test_the_document_describes_every_message_and_its_properties() -> None:
    described = ASYNCAPI["components"]["messages"]

    assert list(described) == [one.name for one in MESSAGES]
    for message in MESSAGES:
        headers = described[message.name].get("headers", {"properties": {}})
        traced = [one.name for one in TRACING] if message.properties else []
        assert list(headers["properties"]) == [*message.properties, *traced]


def test_the_document_bears_the_version_of_the_contract() -> None:
    assert ASYNCAPI["info"]["version"] == VERSION


def test_no_field_is_younger_than_the_contract() -> None:
    newest = tuple(map(int, VERSION.split(".")[:2]))

    since = {field.since for message in MESSAGES for field in message.fields}

    assert all(tuple(map(int, one.split("."))) <= newest for one in since)
