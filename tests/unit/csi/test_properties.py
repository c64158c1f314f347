"""What holds for arbitrary text in any field: only our own errors, never a value in them, the same result each time."""

import base64
import contextlib
import traceback
from typing import Any

from hypothesis import HealthCheck, event, example, given, reject
from hypothesis import strategies as st

from shared.csi import certificate, classes, der, golang, pem, pfx, private_keys, render
from shared.csi.classes import Provider, RefusedSecret, SecretProviderClass
from shared.errors import DriverWouldFail
from shared.model import (
    CertificateMaterial,
    KeyMaterial,
    Material,
    ObjectType,
    SecretMaterial,
    SecretValue,
)
from tests.generated import generated
from tests.unit.csi import build, material

MARK = "MARKEDvalue"
FEW = generated(150)
# Half of the classes fail a static check and are drawn again.
MANY = generated(300, suppress=[HealthCheck.filter_too_much])

text = st.text(max_size=60)
names = st.sampled_from(["a", "b", "A"])
words = ["array:", "- |", "\n", "  ", " ", "objectName: a", "objectType: secret", "objectAlias: ", "{", "}", "[", "]"]
words += [
    ", ",
    "&a ",
    "*a",
    "<<: ",
    "!!int ",
    "!!binary ",
    "'",
    '"',
    "\\/",
    "# ",
    "---",
    "~",
    "objectVersionHistory: 3",
]
yaml_text = st.lists(st.sampled_from(words) | st.text(max_size=4), max_size=30).map("".join)
fields = st.fixed_dictionaries(
    {"objectName": names, "objectType": st.sampled_from(["secret"] * 9 + ["key", "cert"])},
    optional={
        "objectAlias": st.sampled_from(["a", "b", "d/f", "a/0", "a/1", "x.crt"]) | text,
        "objectVersion": text,
        "objectVersionHistory": st.integers(-2, 4),
        "objectFormat": st.sampled_from(["pem", "PFX", ""]),
        "objectEncoding": st.sampled_from(["utf-8", "", "utf-8", "base64", "hex"]),
    },
)
broken_fields = st.dictionaries(st.sampled_from(["objectName", "objectType", "objectAlias", "objectEncoding"]), text)
blocks = [material.V2, material.V3, material.V4, material.V6, "-----BEGIN X-----\n", "\n-----END X-----", "k: v\n"]
pems = st.lists(st.sampled_from(blocks) | text, max_size=5).map("".join)
encoded = st.binary(max_size=80).map(lambda data: base64.b64encode(data).decode())
values = st.sampled_from([material.V1, material.RC2, material.V7]) | pems | encoded
marked = st.tuples(values, st.sampled_from(["", MARK])).map("".join)
secrets = st.builds(
    build.text,
    marked,
    content_type=st.sampled_from(["application/x-pem-file", "application/x-pkcs12", None]),
    key_id=st.sampled_from([None, None, "", "https://kv/keys/a/1"]),
)
good_key = {
    "kty": "EC",
    "crv": "P-256",
    "x": "r76NqsLHFuWlgvoU9Bmxd2XmP69Y69TXKnnrkaXuwd4",
    "y": "Twt3yBxax5WorFgvQIAMlG5GZtQHvhhr4Sv-iVB981s",
}
jwks = st.dictionaries(
    st.sampled_from(["kty", "crv", "n", "e", "x", "y"]),
    st.sampled_from(["RSA", "EC", "P-256", "P-521", "AQAB", "AQ=="]) | text,
)
files = st.sampled_from(["a", "b", "A", "d/f", "a/0", "a/1", "b/0", "a.crt", "b.key"])
entries = st.fixed_dictionaries({"objectName": files, "key": st.sampled_from(["tls.crt", "tls.key", "k", "l"])})
secret_objects = st.fixed_dictionaries(
    {
        "secretName": st.sampled_from(["s", "t"]),
        "type": st.sampled_from(["Opaque", "Opaque", "kubernetes.io/tls"]),
        "data": st.lists(entries, min_size=1, max_size=3),
    }
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
providers = st.builds(Provider, construct_pem_chain=st.booleans(), separate_files=st.booleans())


def answer(draw: st.DrawFn, kind: ObjectType) -> Material:
    match kind:
        case ObjectType.SECRET:
            return draw(secrets)
        case ObjectType.KEY:
            return KeyMaterial(version="1", jwk=draw(st.just(good_key) | jwks))
        case ObjectType.CERT:
            return CertificateMaterial(version="1", der=draw(st.binary(max_size=40)))


@st.composite
def answered_classes(draw: st.DrawFn) -> tuple[SecretProviderClass, dict[Any, Any]]:
    """Draw a class that passes the static checks, and an answer to each of its reads."""
    drawn = draw(st.lists(fields, min_size=1, max_size=4))
    items = ["\n".join(f"{name}: {quote(value)}" for name, value in item.items()) for item in drawn]
    manifest = build.manifest(*items, secrets=draw(st.lists(secret_objects, min_size=1, max_size=3)))
    try:
        cls = classes.parse(manifest, draw(providers))
    except DriverWouldFail:
        reject()
    answers: dict[Any, Any] = {}
    for item in cls.objects:
        count = draw(st.integers(0, item.history + 1)) if item.many else 1
        answers[item.read] = tuple(answer(draw, item.type) for _ in range(count))
    return cls, answers


def quote(value: object) -> str:
    """Write a value as YAML that says just this."""
    if isinstance(value, int):
        return str(value)
    escaped = "".join(c if c.isascii() and c.isalnum() else f"\\U{ord(c):08x}" for c in str(value))
    return f'"{escaped}"'


def outcome(cls: SecretProviderClass, answers: dict[Any, Any]) -> object:
    try:
        return render.evaluate(cls, answers)
    except DriverWouldFail as error:
        return str(error)


@FEW
@given(spec=json_values, metadata=json_values)
def test_any_manifest_is_parsed_or_refused(spec: object, metadata: object) -> None:
    with contextlib.suppress(DriverWouldFail):
        classes.parse({"spec": spec, "metadata": metadata}, Provider())


@generated(400)
@given(objects=yaml_text)
@example("\ud800")
@example("array: [!!binary /w==]")
def test_any_text_of_objects_is_parsed_or_refused(objects: str) -> None:
    with contextlib.suppress(DriverWouldFail):
        build.parse(parameters={"objects": objects})


@FEW
@given(fields=broken_fields, secret=st.dictionaries(st.sampled_from(["secretName", "type", "data"]), json_values))
def test_any_text_of_a_field_is_parsed_or_refused(fields: dict[str, str], secret: dict[str, Any]) -> None:
    item = "\n".join(f"{name}: {quote(value)}" for name, value in fields.items())
    with contextlib.suppress(DriverWouldFail):
        build.parse(item, secrets=[secret])


@FEW
@given(parameters=st.dictionaries(st.sampled_from(["cloudName", "keyvaultName", "tenantID", "usePodIdentity"]), text))
def test_any_parameter_is_accepted_or_refused(parameters: dict[str, str]) -> None:
    try:
        cls = build.parse(build.item("a"), parameters=parameters)
    except DriverWouldFail:
        return
    assert cls.vault_host.startswith(f"{cls.vault}.vault.")


@MANY
@given(answered=answered_classes())
def test_rendering_ends_with_bytes_or_a_driver_failure_and_always_the_same(answered: Any) -> None:
    cls, answers = answered
    first = outcome(cls, answers)
    second = outcome(cls, answers)
    assert repr(first) == repr(second)
    if isinstance(first, dict) and isinstance(second, dict):
        for name, secret in first.items():
            if isinstance(secret, render.RenderedSecret):
                assert secret == second[name]


@MANY
@given(answered=answered_classes())
def test_no_error_holds_a_value(answered: Any) -> None:
    cls, answers = answered
    errors: list[DriverWouldFail] = [item.error for item in cls.secrets if isinstance(item, RefusedSecret)]
    try:
        rendered = render.evaluate(cls, answers)
        errors += [item for item in rendered.values() if isinstance(item, DriverWouldFail)]
    except DriverWouldFail as error:
        errors.append(error)
    for refusal in errors:
        shown = "".join(traceback.format_exception(refusal))
        assert MARK not in shown
        assert "MII" not in shown


@MANY
@given(answered=answered_classes(), changed=st.sampled_from(["a", "b"]))
def test_an_event_changes_no_key_that_it_does_not_feed(answered: Any, changed: str) -> None:
    cls, answers = answered
    other = {
        read: tuple(SecretMaterial(version="2", value=SecretValue(b"NEW")) for _ in materials)
        if read.name == changed and read.type is ObjectType.SECRET
        else materials
        for read, materials in answers.items()
    }
    try:
        before, after = render.evaluate(cls, answers), render.evaluate(cls, other)
        mounted = render.files(cls, other, only=changed)
    except DriverWouldFail:
        reject()
    for secret in cls.secrets:
        old, new = before[secret.name], after[secret.name]
        if isinstance(secret, RefusedSecret) or [item.name for item in cls.secrets].count(secret.name) > 1:
            continue
        if not isinstance(old, render.RenderedSecret) or not isinstance(new, render.RenderedSecret):
            continue
        event("a Secret was compared")
        fed = render.keys_fed_by(cls, secret, changed)
        assert {key for key in new.data if old.data[key] != new.data[key]} <= set(fed)
        assert render.secret_data(cls, secret, mounted, keys=fed) == {key: new.data[key] for key in fed}


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Draw a document with a few octets replaced, dropped or added."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(data)


def whole_document(text: str) -> bytes:
    return base64.b64decode("".join(line for line in text.splitlines() if not line.startswith("---")))


@FEW
@given(data=st.binary(max_size=60) | damaged(whole_document(material.V1)) | damaged(whole_document(material.RC2)))
def test_any_pfx_is_read_or_refused(data: bytes) -> None:
    try:
        bags = pfx.read(data)
    except pfx.Refused:
        return
    assert all(bag.block().encode() for bag in bags)


@FEW
@given(data=st.binary(max_size=60) | damaged(whole_document(material.V2)))
def test_any_certificate_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(certificate.Refused):
        certificate.read(data)


@FEW
@given(data=st.binary(max_size=60) | damaged(whole_document(material.V3)) | damaged(whole_document(material.V4)))
def test_any_private_key_is_parsed_or_passed_over(data: bytes) -> None:
    private_keys.parse(data)


@FEW
@given(data=st.binary(max_size=20))
def test_any_der_is_read_or_malformed(data: bytes) -> None:
    reader = der.Reader(data)
    try:
        while reader:
            reader.take_any()
    except der.Malformed:
        return
    assert reader.rest == b""


@FEW
@given(label=st.text(alphabet="ABC DEF", max_size=8), data=st.binary(max_size=200))
def test_a_block_survives_writing_and_scanning(label: str, data: bytes) -> None:
    block = pem.Block(label.strip().encode(), data)
    assert pem.scan(block.encode()) == ([block], b"")


@FEW
@given(data=st.binary(max_size=60))
def test_go_decodes_what_python_encodes(data: bytes) -> None:
    assert golang.decode_base64(base64.b64encode(data)) == data
    assert golang.decode_hex(data.hex().encode()) == data
    assert golang.decode_base64url(base64.urlsafe_b64encode(data).decode().rstrip("=")) == data


@FEW
@given(data=st.binary(max_size=12))
def test_go_refuses_what_is_not_encoded(data: bytes) -> None:
    for decode in (golang.decode_base64, golang.decode_hex):
        decoded = decode(data)
        assert decoded is None or len(decoded) <= len(data)
