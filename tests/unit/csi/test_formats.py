"""Go's encodings, keys, PKCS#12 and certificates where Secrets cannot show them (csi-semantics 2.3, 2.4, 3.2, 9)."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.csi import certificate, der, golang, keys, pem, pfx, private_keys, rc2, uri
from tests.unit.csi import material


def decode(text: str) -> bytes:
    return base64.b64decode("".join(line for line in text.splitlines() if not line.startswith("---")))


def read_integer(data: bytes) -> int:
    reader = der.Reader(data)
    number = reader.integer()
    reader.end()
    return number


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "02",
        "0201",
        "020101ff",
        "028101ff",
        "0280",
        "02820001ff",
        "0200",
        "02020001",
        "0202ff80",
        "1f1e00",
        "1f8001",
    ],
)
def test_der_that_go_refuses_is_malformed(broken: str) -> None:
    with pytest.raises(der.Malformed):
        read_integer(bytes.fromhex(broken))


@pytest.mark.parametrize("number", [0, 1, -1, 127, 128, -128, -129, 2**64, -(2**64)])
def test_an_integer_survives_encoding(number: int) -> None:
    assert der.Reader(der.encode_integer(number)).integer() == number


@pytest.mark.parametrize("content", ["", "80", "8001", "2a80", "2aff", "2a8fffffff7f01ff", "2a90808080 00"])
def test_an_object_identifier_has_one_encoding(content: str) -> None:
    with pytest.raises(der.Malformed):
        der.check_oid(bytes.fromhex(content))


def test_rc2_decrypts_the_vector_of_rfc_2268() -> None:
    # Section 5: a 64-bit key with 64 effective bits, one block.
    key = plain = b"\xff" * 8
    assert rc2.decrypt(key, bytes(8), bytes.fromhex("278b27e42e2f0d49")) == plain
    key, cipher = bytes.fromhex("3000000000000000"), bytes.fromhex("30649edf9be7d2c2")
    assert rc2.decrypt(key, bytes(8), cipher) == bytes.fromhex("1000000000000001")


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),
        rsa.generate_private_key(3, 2048),
        ec.generate_private_key(ec.SECP224R1()),
        ec.generate_private_key(ec.SECP521R1()),
    ],
    ids=["rsa", "rsa-3", "p224", "p521"],
)
def test_a_sound_key_is_written_as_cryptography_writes_it(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    plain = serialization.NoEncryption()
    traditional = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, plain)
    pkcs8 = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, plain)
    for document in (traditional, pkcs8):
        found = private_keys.parse(document)
        assert isinstance(found, keys.RsaKey | keys.EcKey)
        assert (found.traditional(), found.pkcs8()) == (traditional, pkcs8)


def test_an_rsa_key_without_crt_values_gets_them() -> None:
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    n, e = numbers.public_numbers.n, numbers.public_numbers.e
    parts = (0, n, e, numbers.d, numbers.p, numbers.q)
    found = private_keys.parse(der.encode(der.SEQUENCE, *map(der.encode_integer, parts)))
    assert isinstance(found, keys.RsaKey)
    assert found.crt == (numbers.dmp1, numbers.dmq1, numbers.iqmp)


def test_a_key_shows_no_number_in_its_repr() -> None:
    found = private_keys.parse(decode(material.V3))
    assert isinstance(found, keys.EcKey)
    assert str(found.private) not in repr(found)


def test_a_pfx_gives_its_bags_in_file_order_with_their_names() -> None:
    bags = pfx.read(base64.b64decode(material.RC2))
    assert [bag.certificate for bag in bags] == [True, True, True, False]
    assert bags[0].attributes[b"friendlyName"] == "té st".encode()
    assert bags[0].block().label == pem.CERTIFICATE
    assert [bag.certificate for bag in pfx.read(base64.b64decode(material.V1))] == [True, True, True, False]


def test_a_pfx_cannot_ask_for_minutes_of_work() -> None:
    data, sha1 = bytes.fromhex("2a864886f70d010701"), bytes.fromhex("2b0e03021a")
    content = der.encode(0xA0, der.encode(der.OCTET_STRING, b"anything"))
    digest = der.encode(der.SEQUENCE, der.encode(der.SEQUENCE, der.encode_oid(sha1)), der.encode(der.OCTET_STRING, b""))
    document = der.encode(
        der.SEQUENCE,
        der.encode_integer(3),
        der.encode(der.SEQUENCE, der.encode_oid(data), content),
        der.encode(der.SEQUENCE, digest, der.encode(der.OCTET_STRING, b"salt"), der.encode_integer(2**31 - 1)),
    )
    with pytest.raises(pfx.Refused, match="iterations"):
        pfx.read(document)


def test_a_damaged_pfx_is_refused_or_read() -> None:
    whole = base64.b64decode(material.V1)
    outcomes = []
    for at in range(0, len(whole), 5):
        data = bytearray(whole)
        data[at] ^= 0x15
        try:
            outcomes.append(len(pfx.read(bytes(data))))
        except pfx.Refused as error:
            assert error.__cause__ is None  # noqa: PT017 - what matters is what the error carries
            outcomes.append(0)
    assert outcomes.count(0) > len(outcomes) // 2


def test_a_damaged_certificate_is_refused_or_read() -> None:
    whole = decode(material.V2)
    refused = 0
    for at in range(len(whole)):
        data = bytearray(whole)
        data[at] ^= 0x91
        try:
            certificate.read(bytes(data))
        except certificate.Refused:
            refused += 1
    # The signature is not verified, nor is any text that stays legal.
    assert 0 < refused < len(whole)


def test_a_certificates_key_identifiers_are_found() -> None:
    leaf, inter = certificate.read(decode(material.V2)), certificate.read(decode(material.INTERMEDIATE))
    assert leaf.authority == inter.subject
    assert leaf.subject != inter.subject
    assert certificate.read(decode(material.ROOT)).authority is None


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://example.test:443/a?b#c", "example.test:443"),
        ("spiffe://td/path", "td"),
        ("urn:a:b", ""),
        ("http://user:p@ss@host/", "host"),
        ("http://[fe80::1%25en0]:80/", "[fe80::1%en0]:80"),
        ("http://[::1", None),
        ("http://[1.2.3.4]/", None),
        ("http://a:b:80/", None),
        ("ldap://a:b:80/", "a:b:80"),
        ("http://a b/", None),
        ("http://%41/", None),
        ("http://a/%zz", None),
        ("a:b:c", ""),
        ("1a:b", None),
        (":x", None),
        ("///x", ""),
        ("x\x7f", None),
        ("", ""),
    ],
)
def test_a_uri_has_the_host_that_go_finds(text: str, host: str | None) -> None:
    assert uri.parse_host(text) == host


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("a@b", True),
        ('"a b"@c', True),
        ("a@", True),
        ("@b", False),
        (".a@b", False),
        ("a..b@c", False),
        ("a@b.", False),
    ],
)
def test_a_mailbox_is_judged_as_in_go(text: str, valid: bool) -> None:  # noqa: FBT001
    assert uri.is_mailbox(text) == valid


@pytest.mark.parametrize(
    ("text", "trimmed"), [("\u2003x\u3000", "x"), ("\x1cx", "\x1cx"), ("\x85\xa0x\v", "x"), ("\u200bx", "\u200bx")]
)
def test_white_space_is_gos(text: str, trimmed: str) -> None:
    assert golang.trim_space(text) == trimmed


def test_letters_fold_as_in_go() -> None:
    assert golang.fold("BA\u017fE64") == "base64"
    assert golang.upper("azure\u00dfx") == "AZURE\u00dfX"


@pytest.mark.parametrize(("path", "cleaned"), [("", "."), ("//a", "/a"), ("a//b/./c/", "a/b/c"), ("./x/", "x")])
def test_paths_are_cleaned_as_in_go(path: str, cleaned: str) -> None:
    assert golang.clean_path(path) == cleaned
