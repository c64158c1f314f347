"""From a Secret's annotation to its entries, and what is said where one is wrong."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from shared import owned
from shared.csi import objects
from shared.csi.objects import ClassObject
from shared.model import ObjectType, VaultObject
from shared.owned import Declaration, RefusedDeclaration
from shared.owned_declaration import LONGEST_TEXT, MOST_ENTRIES
from shared.reason import Reason
from tests.unit.declare import WHERE, build_entry, build_metadata, declare, refuse

MARK = "MARKEDvalue"


def why(*entries: Mapping[str, str]) -> str:
    """Return what is said of entries, without the place."""
    return str(refuse(json.dumps(entries)).error).removeprefix(WHERE)


def test_an_entry_names_a_vault_an_object_and_a_key() -> None:
    (entry,) = declare(build_entry()).entries

    assert (entry.vault, entry.key) == ("kv-shop", "password")
    assert entry.item == ClassObject(type=ObjectType.SECRET, name="db-password")
    assert not entry.pinned
    assert str(entry.object) == "kv-shop/secret/db-password"


def test_the_optional_fields_are_those_of_a_class() -> None:
    (entry,) = declare(build_entry(version="0a1B", format="PFX", encoding="Base64")).entries

    assert entry.item == ClassObject(
        type=ObjectType.SECRET, name="db-password", version="0a1B", format="pfx", encoding="base64"
    )
    assert entry.pinned


@pytest.mark.parametrize("field", ["version", "format", "encoding"])
@pytest.mark.parametrize("value", ["null", "''", ""], ids=["null", "empty", "nothing"])
def test_an_optional_field_without_a_value_is_absent(field: str, value: str) -> None:
    text = f"- vault: kv-shop\n  object: secret/db-password\n  key: password\n  {field}: {value}\n"

    assert owned.parse(build_metadata(text)) == declare(build_entry())


def test_text_that_looks_like_something_else_stays_text() -> None:
    declaration = owned.parse(build_metadata("- {vault: 007, object: key/007, version: 007, key: yes}"))

    assert isinstance(declaration, Declaration)
    (entry,) = declaration.entries
    assert (entry.vault, entry.item.name, entry.item.version, entry.key) == ("007", "007", "007", "yes")


def test_names_are_kept_in_lower_case_and_data_keys_as_written() -> None:
    (entry,) = declare(build_entry("cert/Shop-TLS", "Ca.PEM", vault="KV-Shop")).entries

    assert (entry.vault, entry.item.name, entry.key) == ("kv-shop", "shop-tls", "Ca.PEM")


@pytest.mark.parametrize("type_", ObjectType)
def test_every_type_of_object_can_be_asked_for(type_: ObjectType) -> None:
    assert declare(build_entry(f"{type_}/a")).entries[0].item.type is type_


@pytest.mark.parametrize("key", ["a", ".dockerconfigjson", "A-b_c.d", "a..b", "k" * 253])
def test_a_data_key_is_what_kubernetes_takes(key: str) -> None:
    assert declare(build_entry(key=key)).entries[0].key == key


WRONG: Mapping[str, tuple[dict[str, str], str]] = {
    "vault too short": ({"vault": "kv"}, "vault is wrong; expected the vault's name"),
    "vault too long": ({"vault": "k" * 25}, "vault is wrong"),
    "vault as URL": ({"vault": "https://kv-shop.vault.azure.net"}, "vault is wrong"),
    "vault with a dot": ({"vault": "kv-shop.x"}, "vault is wrong"),
    "vault in other digits": ({"vault": "kv-\u0663\u0664"}, "vault is wrong"),
    "no vault": ({"vault": ""}, "vault is missing; expected the vault's name"),
    "no type": ({"object": "db-password"}, "object is wrong; expected secret/NAME, key/NAME or cert/NAME"),
    "unknown type": ({"object": "certificate/a"}, "object is wrong"),
    "type in capitals": ({"object": "Secret/a"}, "object is wrong"),
    "type alone": ({"object": "secret/"}, "object is wrong"),
    "version in object": ({"object": "secret/a/b"}, "object is wrong"),
    "object too long": ({"object": "secret/" + "a" * 128}, "object is wrong"),
    "object with a dot": ({"object": "secret/a.b"}, "object is wrong"),
    "object with a newline": ({"object": "secret/a\nb"}, "object is wrong"),
    "no object": ({"object": ""}, "object is missing"),
    "version latest": ({"version": "latest"}, "version is wrong; expected a version's id, or no such field"),
    "version Latest": ({"version": "Latest"}, "version is wrong"),
    "version with a slash": ({"version": "../a"}, "version is wrong"),
    "version too long": ({"version": "a" * 65}, "version is wrong"),
    "no key": ({"key": " "}, "key is missing; expected a data key"),
    "key dot": ({"key": "."}, "key is wrong"),
    "key dots": ({"key": "..a"}, "key is wrong"),
    "key with a slash": ({"key": "a/b"}, "key is wrong"),
    "key too long": ({"key": "k" * 254}, "key is wrong"),
    "format": ({"format": "pkcs12"}, "format is wrong; expected pem or pfx"),
    "format of a certificate": ({"object": "cert/a", "format": "pfx"}, "format pfx is for secret/NAME only"),
    "encoding": ({"encoding": "utf-16"}, "encoding is wrong; expected utf-8, base64 or hex"),
    "encoding of a key": ({"object": "key/a", "encoding": "hex"}, "encoding is for secret/NAME only"),
}


@pytest.mark.parametrize(("fields", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told_with_entry_and_field(fields: dict[str, str], message: str) -> None:
    text = why(build_entry(key="fine"), {**build_entry(), **fields})

    assert text.startswith(f"entry 2: {message}")


def test_a_field_that_is_left_out_is_missing() -> None:
    assert why({"object": "secret/a", "key": "a"}).startswith("entry 1: vault is missing")
    assert why({"vault": "kv-shop", "key": "a"}).startswith("entry 1: object is missing")
    assert why({"vault": "kv-shop", "object": "secret/a"}).startswith("entry 1: key is missing")


def test_a_typo_in_a_field_is_told() -> None:
    entry = {**build_entry(), "encodng": "hex"}

    assert why(entry) == "entry 1: unknown field 'encodng'; expected vault, object, version, format, encoding, key"


def test_a_data_key_stands_once() -> None:
    text = why(build_entry(), build_entry("secret/b", "other"), build_entry("secret/c"))

    assert text == "entry 3: key 'password' is that of entry 1 already"


def test_what_stands_in_a_wrong_field_is_not_repeated() -> None:
    for field in build_entry():
        refused = refuse(json.dumps([build_entry(**{"object_": f"secret/{MARK} ", field: f"{MARK} / {MARK}"})]))
        assert MARK not in str(refused.error)
        assert MARK not in repr(refused)


FORMATS = ["", "pem", "PEM", "pfx", "PFX", "Pfx", " pfx ", "pkcs", "p\u017fx", "\u212a"]
ENCODINGS = ["", "utf-8", "UTF-8", "base64", "Base64", "ba\u017fe64", "hex", "HEX ", "utf8", "utf-16"]


@pytest.mark.parametrize("type_", ObjectType)
@pytest.mark.parametrize("form", FORMATS, ids=ascii)
def test_formats_and_encodings_are_accepted_as_the_provider_accepts_them(type_: ObjectType, form: str) -> None:
    for encoding in ENCODINGS:
        fields = {"objectType": type_, "objectName": "a", "objectFormat": form, "objectEncoding": encoding}
        document = "".join(f"    {name}: {json.dumps(value)}\n" for name, value in fields.items())
        try:
            objects.parse(f"array:\n  - |\n{document}")
            accepted = True
        except objects.Refused:
            accepted = False

        view = owned.parse(build_metadata(json.dumps([build_entry(f"{type_}/a", format=form, encoding=encoding)])))

        assert isinstance(view, Declaration) is accepted, (form, encoding)


def test_a_refusal_names_the_secret_the_annotation_and_the_reason() -> None:
    refused = refuse("- {}")

    assert (refused.namespace, refused.name, refused.error.reason) == ("shop", "web-secret", Reason.BAD_DECLARATION)
    assert str(refused.error).startswith(
        "Secret shop/web-secret: keyvault-fanout.dev/objects: entry 1: vault is missing"
    )


def test_a_refusal_was_never_raised_and_keeps_no_frame_alive() -> None:
    error = refuse("- [").error

    assert (error.__traceback__, error.__context__, error.__cause__) == (None, None, None)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"annotations": None}, "it is missing"),
        ({"annotations": {}}, "it is missing"),
        ({"annotations": "x"}, "it is missing"),
        ({"annotations": {owned.OBJECTS: 5}}, "it is no text"),
        ({"annotations": {owned.OBJECTS: [build_entry()]}}, "it is no text"),
        ({"annotations": {owned.OBJECTS: "[]"}}, "it lists nothing"),
        ({"annotations": {owned.OBJECTS: "x" * (LONGEST_TEXT + 1)}}, "it is longer than 65536 characters"),
    ],
    ids=["null", "none", "text", "number", "list", "empty list", "too long"],
)
def test_an_annotation_of_another_shape_is_refused(metadata: dict[str, Any], message: str) -> None:
    refused = owned.parse({"namespace": "shop", "name": "web-secret", **metadata})

    assert isinstance(refused, RefusedDeclaration)
    assert str(refused.error).startswith(f"{WHERE}{message}")
    assert len(refused.text) <= LONGEST_TEXT


@pytest.mark.parametrize("name", [None, "", "Web", "a/b", "..", "a?b", "-a", "a" * 254, 5, ["a"]], ids=repr)
def test_an_illegal_name_of_a_secret_never_becomes_a_path(name: object) -> None:
    text = json.dumps([build_entry()])

    for view in (owned.parse(build_metadata(text, name=name)), owned.parse(build_metadata(text, namespace=name))):
        assert isinstance(view, RefusedDeclaration)
        assert "" in {view.namespace, view.name}
        assert "is not legal" in str(view.error)


def test_the_longest_list_is_read_and_one_entry_more_is_not() -> None:
    entries = [build_entry(key=f"k{number}") for number in range(MOST_ENTRIES + 1)]

    assert len(declare(*entries[:-1]).entries) == MOST_ENTRIES
    assert why(*entries) == "it has more than 200 entries"


def refused_text(text: str, name: str = "db-password", vault: str = "kv-shop") -> bool:
    """Tell whether a refused annotation concerns an object."""
    return refuse(text).concerns(VaultObject(vault=vault, type=ObjectType.SECRET, name=name))


def test_a_refused_declaration_concerns_the_objects_that_it_names_with_their_vault() -> None:
    text = "- {vault: KV-Shop, object: secret/DB-Password, kye: a}"

    assert refused_text(text)
    assert not refused_text(text, name="password")
    assert not refused_text(text, name="db")
    assert not refused_text(text, vault="kv-other")
    assert not refused_text(text, vault="kv-sho")


def test_of_what_is_no_yaml_the_objects_name_is_enough() -> None:
    text = "- {vault: kv-shop, object: secret/db-password"

    assert refused_text(text)
    assert refused_text(text, vault="kv-other")
    assert not refused_text(text, name="db")


def test_the_text_of_a_refused_declaration_is_not_shown() -> None:
    assert MARK.lower() not in repr(refuse(f"- {MARK}")).lower()
