"""Which owned Secrets concern a vault object, the bytes they get, and what is written about versions.

The bytes are compared with those of a SecretProviderClass that asks for the same; what the driver makes of every kind
of material is pinned in tests/unit/csi.
"""

import json
import traceback
from collections.abc import Mapping

import pytest

from shared import owned
from shared.csi import classes, render
from shared.csi.classes import Provider, SecretObject
from shared.errors import DriverWouldFail, PermanentError
from shared.model import (
    CertificateMaterial,
    KeyMaterial,
    Material,
    ObjectType,
    SecretMaterial,
    SecretValue,
    VaultObject,
    VaultRead,
)
from shared.owned import OwnedBinding, OwnedFound, OwnedPinned, OwnedRefused, OwnedView
from shared.reason import Reason
from tests.unit.csi import build, material
from tests.unit.declare import build_entry, declare, filling, refuse

ABOUT = VaultObject(vault="kv-shop", type=ObjectType.SECRET, name="db-password")
MARK = "MARKEDvalue"


def find(*views: OwnedView, about: VaultObject = ABOUT) -> list[OwnedFound]:
    """Find what concerns the default object."""
    return list(owned.find(views, about))


def bind(*entries: Mapping[str, str], about: VaultObject = ABOUT) -> OwnedBinding:
    """Return the binding of a Secret with these entries."""
    (found,) = find(declare(*entries), about=about)
    assert isinstance(found, OwnedBinding)
    return found


def data(binding: OwnedBinding, *answers: Material, type_: str = "Opaque") -> dict[str, bytes]:
    """Render a binding; the answers are to its reads in their order."""
    reads = [item.read for item in binding.objects]
    rendered = binding.render({read: (answer,) for read, answer in zip(reads, answers, strict=True)}, type_)
    return {key: value.reveal() for key, value in rendered.items()}


def test_a_secret_that_asks_for_the_object_is_bound() -> None:
    binding = bind(build_entry(), build_entry("secret/user", "user"))

    assert (binding.namespace, binding.secret_name, binding.keys) == ("shop", "web-secret", ("password",))
    assert [str(entry.object) for entry in binding.entries] == ["kv-shop/secret/db-password"]
    assert binding.about == ABOUT
    assert binding.objects == binding.feeding == tuple(entry.item for entry in binding.entries)


@pytest.mark.parametrize("type_", ObjectType)
def test_the_family_of_the_event_does_not_matter(type_: ObjectType) -> None:
    binding = bind(
        build_entry("cert/db-password", "crt"),
        build_entry("key/DB-Password", "pub"),
        build_entry(),
        about=VaultObject(vault="KV-Shop", type=type_, name="Db-Password"),
    )

    assert binding.keys == ("crt", "pub", "password")
    assert [item.type for item in binding.objects] == [ObjectType.CERT, ObjectType.KEY, ObjectType.SECRET]


def test_another_object_or_vault_is_no_concern() -> None:
    assert find(declare(build_entry("secret/db"), build_entry("secret/db-password-2", "b"))) == []
    assert find(declare(build_entry(vault="kv-other"))) == []


def test_what_concerns_the_object_comes_in_the_order_of_the_list() -> None:
    names = [f"s{number}" for number in range(9)]
    views = [declare(build_entry(), name=name) for name in names]

    assert [item.secret_name for item in find(*views, declare(build_entry("secret/x")))] == names


def test_an_object_that_feeds_several_keys_is_read_once() -> None:
    binding = bind(build_entry(key="a"), build_entry(key="b", format="PEM"), build_entry(key="c", format="pem"))

    assert binding.keys == ("a", "b", "c")
    assert [item.format for item in binding.objects] == ["", "pem"]
    assert len({item.read for item in binding.objects}) == 1


def test_a_pinned_version_does_not_move() -> None:
    assert find(declare(build_entry(version="1a"), build_entry("secret/x", "x"))) == [
        OwnedPinned(namespace="shop", secret_name="web-secret")
    ]


def test_beside_a_pinned_version_only_the_key_of_the_newest_is_bound() -> None:
    binding = bind(build_entry(key="old", version="1a"), build_entry(key="new"))

    assert binding.keys == ("new",)
    assert [entry.key for entry in binding.declared] == ["old", "new"]


def test_a_refused_declaration_is_told_where_it_names_the_object() -> None:
    view = refuse("- {vault: kv-shop, object: secret/db-password, kye: a}")

    assert find(view) == [OwnedRefused(namespace="shop", secret_name="web-secret", error=view.error)]
    assert find(refuse("- {vault: kv-shop, object: secret/db-password-2, kye: a}")) == []


def test_filling_a_secret_takes_all_of_its_objects_with_their_pinned_versions() -> None:
    declaration = declare(
        build_entry(key="old", version="1a"),
        build_entry("secret/user", "user"),
        build_entry(key="new"),
        build_entry(key="far", vault="kv-other"),
    )

    bindings = filling(declaration)

    assert [(str(one.about), one.keys) for one in bindings] == [
        ("kv-shop/secret/db-password", ("old", "new")),
        ("kv-shop/secret/user", ("user",)),
        ("kv-other/secret/db-password", ("far",)),
    ]
    assert [item.version for item in bindings[0].objects] == ["1a", ""]
    assert [item.version for item in bindings[0].feeding] == [""]
    assert all(one.declared == declaration.entries for one in bindings)


def of_class(entries: list[dict[str, str]], answer: Material, type_: str) -> dict[str, bytes]:
    """Return what the driver would write for a class that asks for the same as the entries of one object."""
    names = {"format": "objectFormat", "encoding": "objectEncoding", "version": "objectVersion"}
    items, pairs = [], []
    for number, entry in enumerate(entries):
        kind, _, name = entry["object"].partition("/")
        fields = {names[field]: value for field, value in entry.items() if field in names}
        items.append(build.item(name, kind, objectAlias=f"f{number}", **fields))
        pairs.append((f"f{number}", entry["key"]))
    cls = build.parse(*items, secrets=[build.secret("s", *pairs, kind=type_)], provider=Provider())
    (secret,) = cls.secrets
    assert isinstance(secret, SecretObject)
    mounted = render.files(cls, {item.read: (answer,) for item in cls.objects})
    return {key: value.reveal() for key, value in render.secret_data(cls, secret, mounted).items()}


PEM = build.text(material.V7, content_type="application/x-pem-file", key_id="https://kv/keys/a/1")
PFX = build.pfx(material.V1)
KEY = KeyMaterial(
    version="v1",
    jwk={
        "kty": "EC",
        "crv": "P-256",
        "x": "r76NqsLHFuWlgvoU9Bmxd2XmP69Y69TXKnnrkaXuwd4",
        "y": "Twt3yBxax5WorFgvQIAMlG5GZtQHvhhr4Sv-iVB981s",
    },
)
SAME: Mapping[str, tuple[dict[str, str], Material]] = {
    "text": ({}, build.text("s3cret é\n")),
    "empty text": ({}, build.text("")),
    "utf-8": ({"encoding": "UTF-8"}, build.text("x")),
    "base64": ({"encoding": "Base64"}, build.text("AAEC\r\n/w==")),
    "hex": ({"encoding": "HEX"}, build.text("00ff")),
    "pfx as pem": ({}, PFX),
    "pfx as base64": ({"format": "Pfx"}, PFX),
    "pfx as bytes": ({"format": "pfx", "encoding": "base64"}, PFX),
    "pem": ({"format": "pem"}, PEM),
    "key": ({"object_": "key/db-password"}, KEY),
    "certificate": ({"object_": "cert/db-password"}, CertificateMaterial(version="v1", der=b"0\x00")),
    "pinned": ({"version": "1a"}, build.text("old")),
}


@pytest.mark.parametrize(("fields", "answer"), SAME.values(), ids=SAME.keys())
def test_the_bytes_are_those_of_the_driver(fields: dict[str, str], answer: Material) -> None:
    entry = build_entry(**fields)
    (binding,) = filling(declare(entry))

    rendered = data(binding, answer)

    assert rendered == of_class([entry], answer, "Opaque")
    assert list(rendered) == ["password"]


@pytest.mark.parametrize("answer", [PFX, PEM, build.text(material.V2 + material.V4)], ids=["pfx", "pem", "by hand"])
def test_a_tls_secret_gets_certificates_and_key_as_from_the_driver(answer: Material) -> None:
    entries = [build_entry(key="tls.crt"), build_entry(key="tls.key")]

    rendered = data(bind(*entries), answer, type_=classes.TLS_TYPE)

    assert rendered == of_class(entries, answer, classes.TLS_TYPE)
    assert rendered["tls.crt"].startswith(material.V2.encode())
    assert rendered["tls.key"] == material.V4.encode()


def test_a_tls_secret_takes_its_two_keys_only() -> None:
    binding = bind(build_entry(key="tls.crt"), build_entry("secret/other", "ca.crt"))

    with pytest.raises(PermanentError, match=r"key 'ca.crt' is not tls.crt or tls.key") as caught:
        data(binding, PEM, type_=classes.TLS_TYPE)

    assert caught.value.reason is Reason.BAD_DECLARATION


UNFIT: Mapping[str, tuple[dict[str, str], Material, str, str]] = {
    "no base64": ({"encoding": "base64"}, build.text(f"{MARK}!"), "Opaque", "not base64"),
    "no hex": ({"encoding": "hex"}, build.text(MARK), "Opaque", "not hex"),
    "no PFX": ({}, build.pfx(MARK), "Opaque", "PFX"),
    "neither PEM nor PFX": ({}, build.text(MARK, key_id="https://kv/keys/a/1"), "Opaque", "content type"),
    "no certificate": ({"key": "tls.crt"}, build.text(MARK), classes.TLS_TYPE, "holds no PEM certificate"),
    "no private key": ({"key": "tls.key"}, build.text(MARK), classes.TLS_TYPE, "holds no PEM private key"),
    "no public key": ({"object_": "key/db-password"}, KeyMaterial(version="v", jwk={"n": MARK}), "Opaque", "public"),
}


@pytest.mark.parametrize(("fields", "answer", "type_", "rule"), UNFIT.values(), ids=UNFIT.keys())
def test_what_cannot_be_made_into_these_bytes_is_told_without_a_value(
    fields: dict[str, str], answer: Material, type_: str, rule: str
) -> None:
    binding = bind(build_entry(**fields))

    with pytest.raises(DriverWouldFail) as caught:
        data(binding, answer, type_=type_)

    text = str(caught.value)
    assert text.startswith(f"Secret shop/web-secret: {binding.entries[0].object} for key {binding.keys[0]}: ")
    assert rule in text
    assert MARK not in "".join(traceback.format_exception(caught.value))


def test_an_object_without_a_version_cannot_be_rendered() -> None:
    binding = bind()

    with pytest.raises(DriverWouldFail, match="kv-shop/secret/db-password: the vault holds no version of it"):
        binding.render({binding.objects[0].read: ()}, "Opaque")


def test_nothing_shows_the_value_that_was_rendered() -> None:
    binding = bind()
    read = binding.objects[0].read
    answers = {read: (SecretMaterial(version="v1", value=SecretValue(MARK.encode())),)}

    rendered = binding.render(answers, "Opaque")

    assert rendered["password"].reveal() == MARK.encode()
    assert MARK not in repr((binding, answers, rendered)) + owned.versions_after("", binding, {read: "1a"})


SECRET, KEY_READ = (VaultRead(type=type_, name="db-password") for type_ in (ObjectType.SECRET, ObjectType.KEY))


def test_the_versions_name_object_and_version_for_each_data_key() -> None:
    binding = bind(build_entry("key/DB-Password", "z"), build_entry())

    text = owned.versions_after("", binding, {SECRET: "2b", KEY_READ: "3c"})

    assert text == '{"password":"kv-shop/secret/db-password/2b","z":"kv-shop/key/db-password/3c"}'


def test_what_other_objects_feed_is_kept() -> None:
    binding = bind(build_entry(), build_entry("cert/ca", "ca.crt", version="1a"))
    current = '{"password": "kv-shop/secret/db-password/1a", "ca.crt": "kv-shop/cert/ca/1a"}'

    text = owned.versions_after(current, binding, {SECRET: "2b"})

    assert json.loads(text) == {"ca.crt": "kv-shop/cert/ca/1a", "password": "kv-shop/secret/db-password/2b"}


@pytest.mark.parametrize(
    "stale",
    [
        {"gone": "kv-shop/secret/gone/1a"},
        {"user": "kv-shop/secret/other/1a"},
        {"user": "kv-other/secret/user/1a"},
        {"user": "kv-shop/cert/user/1a"},
        {"user": "kv-shop/secret/user/"},
        {"user": "kv-shop/secret/user"},
        {"user": "kv-shop/secret/user/1a/2b"},
        {"user": "kv-shop/secret/user/" + "a" * 65},
        {"user": "kv-shop/secret/user/\ud800"},
        {"user": 5},
        {"user": None},
        {"user": ["kv-shop/secret/user/1a"]},
    ],
    ids=lambda stale: ascii(stale)[:60],
)
def test_what_the_declaration_does_not_say_any_more_is_dropped(stale: dict[str, object]) -> None:
    binding = bind(build_entry(), build_entry("secret/user", "user"))

    text = owned.versions_after(json.dumps(stale), binding, {SECRET: "2b"})

    assert json.loads(text) == {"password": "kv-shop/secret/db-password/2b"}


@pytest.mark.parametrize(
    "current",
    ["", "{", "[]", "5", "null", "NaN", "[" * 100_000, "1" * 5000, "\0", "\ud800"],
    ids=lambda current: ascii(current)[:20],
)
def test_damaged_versions_start_anew(current: str) -> None:
    assert owned.versions_after(current, bind(), {SECRET: "2b"}) == '{"password":"kv-shop/secret/db-password/2b"}'


def test_versions_longer_than_any_that_were_written_start_anew() -> None:
    binding = bind(build_entry(), build_entry("secret/user", "user"))
    current = {"user": "kv-shop/secret/user/1a"}

    short = owned.versions_after(json.dumps(current), binding, {SECRET: "2b"})
    long = owned.versions_after(json.dumps({**current, "x": "x" * 200_000}), binding, {SECRET: "2b"})

    assert json.loads(short).keys() == {"password", "user"}
    assert json.loads(long).keys() == {"password"}


def test_equal_versions_are_equal_text_in_whatever_order_they_came() -> None:
    entries = [build_entry(key="b"), build_entry("key/db-password", "a"), build_entry("secret/user", "c")]
    binding, user = (
        bind(*entries, about=VaultObject(vault="kv-shop", type=ObjectType.SECRET, name=name))
        for name in ("db-password", "user")
    )
    held = {SECRET: "1a", KEY_READ: "2b", VaultRead(type=ObjectType.SECRET, name="user"): "3c"}

    one = owned.versions_after(owned.versions_after("", binding, held), user, held)
    other = owned.versions_after(owned.versions_after("", user, held), binding, held)

    assert one == other == owned.versions_after(one, binding, held)


def test_a_version_that_is_not_known_is_not_told() -> None:
    current = '{"password":"kv-shop/secret/db-password/1a"}'

    assert owned.versions_after(current, bind(), {}) == "{}"


def test_the_longest_declaration_has_versions_that_are_read_again() -> None:
    source = {"object_": "secret/" + "n" * 127, "vault": "v" * 24}
    (binding,) = filling(declare(*[build_entry(key=f"{number:0150}", **source) for number in range(170)]))
    held = {binding.objects[0].read: "f" * 64}
    current = owned.versions_after("", binding, held)

    other = OwnedBinding(namespace="shop", secret_name="web", entries=binding.entries[:1], declared=binding.declared)

    assert len(json.loads(current)) == 170
    assert owned.versions_after(current, other, held) == current
