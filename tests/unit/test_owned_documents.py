"""The page for users names the fields, limits and errors that the code has, and its manifests are declarations."""

import json
import re
from pathlib import Path

import pytest
import yaml

from shared import grant, owned
from shared.model import ObjectType, VaultObject, VaultRead
from shared.owned import Declaration
from shared.owned_declaration import LONGEST_TEXT, MOST_ENTRIES
from tests.unit.declare import build_entry, filling, refuse

PAGE = (Path(__file__).parents[2] / "docs" / "owned-secrets.md").read_text(encoding="utf-8")
MANIFESTS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
KEYS = {
    "db": ["password", "license.bin"],
    "shop-tls": ["tls.crt", "tls.key"],
    "shop-certificates": ["keystore.pfx", "key-and-chain.pem", "leaf.pem", "partner-ca.pem"],
}


def declaration(name: str) -> Declaration:
    """Parse the manifest of this name."""
    (manifest,) = [one for one in MANIFESTS if one["metadata"]["name"] == name]
    assert manifest["metadata"]["labels"] == {owned.LABEL: "true"}
    parsed = owned.parse(manifest["metadata"])
    assert isinstance(parsed, Declaration)
    return parsed


@pytest.mark.parametrize("name", KEYS)
def test_each_manifest_is_a_declaration(name: str) -> None:
    assert [entry.key for entry in declaration(name).entries] == KEYS[name]


def test_every_manifest_is_tried() -> None:
    assert [one["metadata"]["name"] for one in MANIFESTS] == list(KEYS)


def test_the_entry_with_a_version_is_pinned() -> None:
    assert [entry.key for entry in declaration("shop-certificates").entries if entry.pinned] == ["partner-ca.pem"]


def test_the_table_lists_the_fields_of_an_entry() -> None:
    fields = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)

    text = str(refuse(json.dumps([{"x": ""}])).error)

    assert text.endswith(f"expected {', '.join(fields)}")


def test_the_limits_are_those_of_the_code() -> None:
    assert f"up to {MOST_ENTRIES} entries in {LONGEST_TEXT:,} characters" in PAGE


def test_the_error_in_the_page_is_the_codes() -> None:
    error = str(refuse(json.dumps([build_entry(), {"name": ""}])).error)

    assert error.replace("shop/web-secret", "shop/db") in PAGE


def test_the_versions_in_the_page_are_what_the_code_writes() -> None:
    (text,) = re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)
    written = ""
    for binding in filling(declaration("db")):
        read = binding.objects[0].read
        version = {"db-license": "0d6c2b1e", "db-password": "5f1b7a90"}[read.name]
        written = owned.versions_after(written, binding, {VaultRead(type=ObjectType.SECRET, name=read.name): version})

    assert written == text


def test_the_tag_in_the_page_is_a_grant() -> None:
    (tag,) = re.findall(rf'"{grant.TAG}=(.*?)"', PAGE)

    assert grant.allows({grant.TAG: tag}, cluster="prod-weu", namespace="shop")
    assert grant.allows({grant.TAG: tag}, cluster="prod-neu", namespace="shop-test")
    assert not grant.allows({grant.TAG: tag}, cluster="prod-neu", namespace="shop")


def test_the_event_in_the_page_binds() -> None:
    about = VaultObject(vault="kv-shop", type=ObjectType.CERT, name="shop-tls")

    assert len(owned.find([declaration(name) for name in KEYS], about)) == 2
