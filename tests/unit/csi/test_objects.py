"""What a class keeps of its objects and Secrets (csi-semantics 1.5, 1.6, 3.1; vectors 6.2)."""

from typing import Any

import pytest

from shared.csi import classes
from shared.csi.classes import MANAGED_LABEL, Provider, RefusedSecret, SecretEntry, SecretObject
from shared.errors import DriverWouldFail
from shared.model import ObjectType, VaultRead
from tests.unit.csi import build


def test_an_object_keeps_its_fields_trimmed_and_as_written() -> None:
    (found,) = build.parse(
        'objectName: " Db "\nobjectType: "  secret"\nobjectAlias: "x     "\nobjectVersion: abc\n'
        "objectFormat: PFX\nobjectEncoding: BasE64\nobjectVersionHistory: 5.5"
    ).objects
    assert (found.name, found.alias, found.version, found.history) == ("Db", "x", "abc", 5)
    assert (found.format, found.encoding, found.base, found.status_id) == ("PFX", "BasE64", "x", "secret/Db")
    assert found.read == VaultRead(type=ObjectType.SECRET, name="db", version="abc", history=5)


def test_without_an_alias_the_file_has_the_objects_name() -> None:
    cls = build.parse(build.item("007", objectAlias=""), build.item("true", "key"), build.item("2024-01-01", "cert"))
    assert [item.base for item in cls.objects] == ["007", "true", "2024-01-01"]
    assert [item.type for item in cls.objects] == [ObjectType.SECRET, ObjectType.KEY, ObjectType.CERT]


@pytest.mark.parametrize(("history", "many"), [("0", False), ("1", False), ("-1", False), ("2", True), ("4", True)])
def test_a_history_above_one_asks_for_several_versions(history: str, many: bool) -> None:  # noqa: FBT001
    (found,) = build.parse(build.item("a", objectVersionHistory=history)).objects
    assert (found.many, found.read.many) == (many, many)


def test_a_wrong_type_ends_the_list_and_is_kept_as_the_refusal() -> None:
    cls = build.parse(build.item("a"), build.item("b", "Secret"), build.item("c"))
    assert [item.name for item in cls.objects] == ["a"]
    assert cls.refusal is not None
    assert "item 1" in cls.refusal


def test_a_broken_rule_names_the_object_and_its_place() -> None:
    with pytest.raises(DriverWouldFail, match=r"team/orders: objects item 1 \('b'\): objectFormat"):
        build.parse(build.item("a"), build.item("b", objectFormat="pkcs"))


def test_a_secret_is_trimmed_and_labelled() -> None:
    entry = {
        "secretName": " s ",
        "type": " ",
        "labels": {"app": "x", MANAGED_LABEL: "no"},
        "annotations": None,
        "data": [{"objectName": " a ", "key": " k "}],
    }
    (found,) = build.parse(build.item("a"), secrets=[entry]).secrets
    assert found == SecretObject(
        name="s",
        type="Opaque",
        labels={"app": "x", MANAGED_LABEL: "true"},
        annotations={},
        data=(SecretEntry("a", "k"),),
    )


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        ({}, "secretName is empty"),
        ({"secretName": "s"}, "type is empty"),
        ({"secretName": "s", "type": "Opaque"}, "data is empty"),
        ({"secretName": " ", "type": "Opaque", "data": [{"objectName": "a", "key": "k"}]}, "white space"),
        (build.secret("s", ("", "k")), "no objectName"),
        (build.secret("s", ("a", " ")), "no key"),
        (build.secret("s", ("a", "k"), ("zz", "l")), "file 'zz'"),
        (build.secret("s", ("a", "ca.crt"), kind="kubernetes.io/tls"), "key 'ca.crt'"),
        ({"secretName": 5}, "text is expected"),
        ("text", "a mapping is expected"),
    ],
)
def test_a_secret_that_can_never_be_written_is_kept_beside_good_ones(entry: object, rule: str) -> None:
    manifest = build.manifest(build.item("a"))
    manifest["spec"]["secretObjects"] = [entry, build.secret("good", ("a", "k"))]
    refused, good = classes.parse(manifest, Provider()).secrets
    assert isinstance(refused, RefusedSecret)
    assert rule in str(refused.error)
    assert isinstance(good, SecretObject)


@pytest.mark.parametrize(
    "broken", [{}, {"spec": "x"}, {"metadata": 5}, {"spec": {"provider": "azure", "parameters": []}}]
)
def test_a_malformed_manifest_is_a_driver_failure(broken: dict[str, object]) -> None:
    with pytest.raises(DriverWouldFail):
        classes.parse(broken, Provider())


@pytest.mark.parametrize(
    ("file", "fields", "separate", "produced"),
    [
        ("a", {}, False, True),
        ("A", {}, False, False),
        ("a", {"objectAlias": "x"}, False, False),
        ("a.crt", {}, False, False),
        ("a.crt", {}, True, True),
        ("a.key", {}, True, True),
        ("a.pem", {}, True, False),
        ("a", {"objectVersionHistory": 2}, False, False),
        ("a/0", {"objectVersionHistory": 2}, False, True),
        ("a/2", {"objectVersionHistory": 2}, False, True),
        ("a/3", {"objectVersionHistory": 2}, False, False),
        ("a/00", {"objectVersionHistory": 2}, False, False),
        ("a/\u0661", {"objectVersionHistory": 2}, False, False),
        ("a/1.key", {"objectVersionHistory": 2}, True, True),
        ("d/x/1", {"objectVersionHistory": 2, "objectAlias": "d//x/"}, False, True),
        ("d//x/1", {"objectVersionHistory": 2, "objectAlias": "d//x/"}, False, False),
        ("1", {"objectVersionHistory": 2, "objectAlias": "."}, False, True),
        ("a/99999999999", {"objectVersionHistory": 2147483647}, False, False),
    ],
)
def test_which_files_an_object_may_mount_is_known_without_the_vault(
    file: str,
    fields: dict[str, Any],
    separate: bool,  # noqa: FBT001
    produced: bool,  # noqa: FBT001
) -> None:
    cls = build.parse(build.item("a", **fields), provider=Provider(separate_files=separate))
    assert bool(cls.producers(file)) == produced


def test_only_secrets_are_written_to_separate_files() -> None:
    cls = build.parse(build.item("a", "cert"), provider=Provider(separate_files=True))
    assert cls.producers("a.crt") == ()
