"""Builders of owned Secrets: everything defaults to `shop/web-secret` holding kv-shop's db-password."""

import json
from collections.abc import Mapping
from typing import Any

from shared import owned
from shared.model import ObjectType, VaultObject
from shared.owned import Declaration, OwnedBinding, RefusedDeclaration

WHERE = "Secret shop/web-secret: keyvault-fanout.dev/objects: "


def build_entry(object_: str = "secret/db-password", key: str = "password", **fields: str) -> dict[str, str]:
    """Build one entry of the annotation."""
    return {"vault": "kv-shop", "object": object_, "key": key, **fields}


def build_metadata(text: object, *, namespace: object = "shop", name: object = "web-secret") -> dict[str, Any]:
    """Build the metadata of a labelled Secret with this annotation."""
    return {
        "namespace": namespace,
        "name": name,
        "labels": {owned.LABEL: "true"},
        "annotations": {owned.OBJECTS: text},
    }


def declare(*entries: Mapping[str, str], name: str = "web-secret") -> Declaration:
    """Parse a declaration that holds."""
    declaration = owned.parse(build_metadata(json.dumps(entries or [build_entry()]), name=name))
    assert isinstance(declaration, Declaration), declaration
    return declaration


def refuse(text: object) -> RefusedDeclaration:
    """Parse a declaration that does not."""
    refused = owned.parse(build_metadata(text))
    assert isinstance(refused, RefusedDeclaration), refused
    return refused


def filling(declaration: Declaration) -> list[OwnedBinding]:
    """Return what puts a Secret right as a whole, pinned versions too: one binding for each vault and name."""
    objects = [VaultObject(vault=vault, type=ObjectType.SECRET, name=name) for vault, name in declaration.asks]
    found = [one for about in objects for one in owned.find([declaration], about, pinned=True)]
    return [one for one in found if isinstance(one, OwnedBinding)]
