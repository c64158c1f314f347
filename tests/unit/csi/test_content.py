"""From vault objects to files (csi-semantics 2; vectors 6.3, 6.5, 6.6). What a Secret shows is in the golden file."""

import base64
import hashlib

import pytest

from shared.csi import chain, render
from shared.csi.classes import Provider
from shared.errors import DriverWouldFail
from shared.model import CertificateMaterial, KeyMaterial, Material, ObjectType
from tests.unit.csi import build, material


def mount(
    item: str, *versions: Material, provider: Provider | None = None, kind: ObjectType = ObjectType.SECRET
) -> dict[str, bytes]:
    cls = build.parse(item, provider=provider)
    (found,) = cls.objects
    assert found.type is kind
    return {path: value.reveal() for path, value in render.files(cls, {found.read: versions}).items()}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_the_fixtures_are_those_of_the_document() -> None:
    assert digest(material.V2.encode()) == "ec630c0f3d29dc80927d2d081f76e257f77d447d248426542e6f769ac706d2aa"
    assert digest(material.V3.encode()) == "9c90be4ee2057e58583ef2569dd47400bd92e1afc91d5170476673146b88788b"


def test_a_pfx_becomes_key_leaf_intermediate_root() -> None:
    mounted = mount(build.item("a"), build.pfx(material.V1))
    assert digest(mounted["a"]) == "2e1ad3359b3dd5c6af00325d96b2acc1d8db5f232b428764cfac5f8a71af9222"


def test_without_chain_construction_the_bags_keep_their_order() -> None:
    mounted = mount(build.item("a"), build.pfx(material.V1), provider=Provider(construct_pem_chain=False))
    assert digest(mounted["a"]) == "28475daa7676b75bca404607da950f3d4ec511c4c676a2d005ec02b97953e86d"


def test_without_chain_construction_a_pfx_needs_no_certificate() -> None:
    mounted = mount(build.item("a"), build.pfx(material.RC2), provider=Provider(construct_pem_chain=False))
    expected = material.V3 + material.V2 + material.INTERMEDIATE + material.ROOT
    assert mounted["a"] == expected.encode()


def test_a_pfx_that_openssl_encrypted_with_rc2_is_opened() -> None:
    expected = material.V3 + material.V2 + material.INTERMEDIATE + material.ROOT
    assert mount(build.item("a"), build.pfx(material.RC2)) == {"a": expected.encode()}


def test_a_pfx_with_modern_encryption_is_refused() -> None:
    with pytest.raises(DriverWouldFail, match="team/orders: secret/a: the PFX has a MAC other than SHA-1"):
        mount(build.item("a"), build.pfx(material.MODERN))


def test_separate_files_hold_the_blocks_in_source_order() -> None:
    mounted = mount(build.item("a"), build.pfx(material.V1), provider=Provider(separate_files=True))
    assert mounted["a.crt"] == (material.V2 + material.INTERMEDIATE + material.ROOT).encode()
    assert mounted["a.key"] == material.V3.encode()
    assert digest(mounted["a"]) == "2e1ad3359b3dd5c6af00325d96b2acc1d8db5f232b428764cfac5f8a71af9222"


def test_separate_files_of_a_pfx_are_empty() -> None:
    provider = Provider(separate_files=True)
    mounted = mount(build.item("a", objectFormat="pfx"), build.pfx("eA=="), provider=provider)
    assert mounted == {"a.crt": b"", "a.key": b"", "a": b"eA=="}


def test_separate_files_are_decoded_as_well() -> None:
    provider = Provider(separate_files=True)
    item = build.item("a", objectFormat="pfx", objectEncoding="base64")
    assert mount(item, build.pfx("eA=="), provider=provider) == {"a.crt": b"", "a.key": b"", "a": b"x"}


def test_separate_files_of_a_history_stand_beside_their_index() -> None:
    provider = Provider(separate_files=True)
    mounted = mount(build.item("a", objectVersionHistory=2), build.pfx(material.V1), provider=provider)
    assert set(mounted) == {"a/0", "a/0.crt", "a/0.key"}


def test_a_secret_without_a_certificate_is_not_separated() -> None:
    provider = Provider(separate_files=True)
    assert mount(build.item("a"), build.text(material.V7), provider=provider) == {"a": material.V7.encode()}


def test_a_key_is_its_public_half() -> None:
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": "r76NqsLHFuWlgvoU9Bmxd2XmP69Y69TXKnnrkaXuwd4",
        "y": "Twt3yBxax5WorFgvQIAMlG5GZtQHvhhr4Sv-iVB981s",
    }
    mounted = mount(build.item("a", "key"), KeyMaterial(version="1", jwk=jwk), kind=ObjectType.KEY)
    assert mounted == {"a": material.V6.encode()}


@pytest.mark.parametrize(
    ("exponent", "octets"),
    [("AQAB", b"\x02\x03\x01\x00\x01"), ("__________8", b"\x02\x01\xff"), ("AAAAAAAAAAAD", b"\x02\x01\x03")],
)
def test_an_exponent_is_a_go_int_with_its_sign(exponent: str, octets: bytes) -> None:
    jwk = {"kty": "RSA", "n": "AQ", "e": exponent}
    mounted = mount(build.item("a", "key"), KeyMaterial(version="1", jwk=jwk), kind=ObjectType.KEY)
    assert base64.b64decode(b"".join(mounted["a"].splitlines()[1:-1])).endswith(b"\x02\x01\x01" + octets)


def test_a_certificate_is_not_parsed() -> None:
    mounted = mount(build.item("a", "cert"), CertificateMaterial(version="1", der=b"test"), kind=ObjectType.CERT)
    assert mounted == {"a": b"-----BEGIN CERTIFICATE-----\ndGVzdA==\n-----END CERTIFICATE-----\n"}


def test_a_chain_without_certificates_has_no_leaf() -> None:
    with pytest.raises(chain.Refused, match="no leaf"):
        chain.order([])
