"""Certificates make three objects with one version id; keys show their public half."""

import datetime as dt
from dataclasses import dataclass

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from devstack.keyvault import Refusal
from devstack.keyvault.material import read_certificate

from .conftest import Neighbourhood


@dataclass(frozen=True)
class Pair:
    """A self-signed certificate and its key."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def pfx(self) -> bytes:
        """Key and certificate as PKCS #12 without password."""
        return pkcs12.serialize_key_and_certificates(
            b"tls", self.key, self.certificate, None, serialization.NoEncryption()
        )

    @property
    def pem(self) -> str:
        """Key and certificate as Key Vault writes PEM: the key first."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return (key + self.certificate.public_bytes(serialization.Encoding.PEM)).decode()

    @property
    def cer(self) -> bytes:
        """The certificate alone, DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)


@pytest.fixture(scope="session")
def pair() -> Pair:
    """One RSA pair for the room: generating it is the slow part."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop.example")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
        .sign(key, hashes.SHA256())
    )
    return Pair(key, certificate)


async def test_an_imported_pfx_is_a_secret_a_key_and_a_certificate_of_one_version(
    near: Neighbourhood, pair: Pair
) -> None:
    """The secret holds the private key, the key the JWK, the certificate the DER."""
    version = near.vault.import_certificate("tls", pfx=pair.pfx, tags={"team": "shop"})

    async with near.secrets() as secrets, near.keys() as keys, near.certificates() as certificates:
        secret = await secrets.get_secret("tls")
        key = await keys.get_key("tls")
        certificate = await certificates.get_certificate("tls")
        assert certificate.properties
        exact = await certificates.get_certificate_version("tls", version)

    assert {secret.properties.version, key.properties.version, certificate.properties.version} == {version}
    assert (secret.properties.content_type, secret.properties.managed) == ("application/x-pkcs12", True)
    assert secret.properties.key_id == key.id == near.vault.object_url("tls", version, kind="key")
    assert vars(key.key)["n"] == pair.key.public_key().public_numbers().n.to_bytes(256, "big")
    assert key.properties.managed
    assert certificate.cer == exact.cer == bytearray(pair.cer)
    assert certificate.properties.x509_thumbprint == pair.certificate.fingerprint(hashes.SHA1())  # noqa: S303 as the service
    assert certificate.properties.expires_on == secret.properties.expires_on == dt.datetime(2027, 1, 1, tzinfo=dt.UTC)


async def test_a_pem_certificate_is_a_pem_secret(near: Neighbourhood, pair: Pair) -> None:
    """The secret's value is the PEM, byte for byte."""
    near.vault.import_certificate("tls", pem=pair.pem, cer=pair.cer)

    async with near.secrets() as client:
        secret = await client.get_secret("tls")

    assert secret.value == pair.pem
    assert secret.properties.content_type == "application/x-pem-file"


async def test_renewals_list_as_versions_of_all_three(near: Neighbourhood, pair: Pair) -> None:
    """One import, one version of each."""
    made = {near.vault.import_certificate("tls", pem=pair.pem) for _ in range(3)}

    async with near.secrets() as secrets, near.keys() as keys, near.certificates() as certificates:
        of_secret = {each.version async for each in secrets.list_properties_of_secret_versions("tls")}
        of_key = {each.version async for each in keys.list_properties_of_key_versions("tls")}
        of_certificate = {each.version async for each in certificates.list_properties_of_certificate_versions("tls")}

    assert of_secret == of_key == of_certificate == made


async def test_a_disabled_certificate_stays_readable_and_its_secret_does_not(near: Neighbourhood, pair: Pair) -> None:
    """The private half alone is withheld (Azure/azure-cli#26044)."""
    version = near.vault.import_certificate("tls", pem=pair.pem)
    near.vault.set_enabled("tls", version, False)

    async with near.secrets() as secrets, near.keys() as keys, near.certificates() as certificates:
        with pytest.raises(HttpResponseError) as refused:
            await secrets.get_secret("tls")
        key = await keys.get_key("tls")
        certificate = await certificates.get_certificate("tls")

    assert certificate.properties
    assert refused.value.status_code == 403
    assert not key.properties.enabled
    assert not certificate.properties.enabled


async def test_a_managed_secret_is_changed_only_through_its_certificate(near: Neighbourhood, pair: Pair) -> None:
    """Neither set, update nor delete."""
    near.vault.import_certificate("tls", pem=pair.pem)

    async with near.secrets() as client:
        for change in (
            client.set_secret("tls", "x"),
            client.update_secret_properties("tls", enabled=False),
            client.delete_secret("tls"),
        ):
            with pytest.raises(HttpResponseError) as refused:
                await change
            assert refused.value.status_code == 403

    assert near.vault.get("tls").value == pair.pem


async def test_a_deleted_certificate_takes_its_secret_and_key_along_and_back(near: Neighbourhood, pair: Pair) -> None:
    """All three, or none."""
    near.vault.import_certificate("tls", pem=pair.pem)
    near.vault.delete("tls")

    async with near.secrets() as secrets, near.keys() as keys, near.certificates() as certificates:
        for read in (secrets.get_secret("tls"), keys.get_key("tls"), certificates.get_certificate("tls")):
            with pytest.raises(ResourceNotFoundError):
                await read
        near.vault.recover("tls")
        assert (await certificates.get_certificate("tls")).cer == bytearray(pair.cer)
        assert (await secrets.get_secret("tls")).value == pair.pem


async def test_a_key_of_its_own_is_read_latest_and_exact(near: Neighbourhood) -> None:
    """EC keys show curve and point."""
    first_key = ec.generate_private_key(ec.SECP384R1()).public_key()
    first = near.vault.set_key("signing", first_key)
    second = near.vault.set_key("signing")

    async with near.keys() as client:
        latest = await client.get_key("signing")
        exact = await client.get_key("signing", first)

    assert latest.properties.version == second
    assert (exact.key_type, vars(exact.key)["crv"]) == ("EC", "P-384")
    assert vars(exact.key)["x"] == first_key.public_numbers().x.to_bytes(48, "big")


async def test_a_name_is_either_a_certificate_or_a_secret(near: Neighbourhood, pair: Pair) -> None:
    """A certificate does not take over a secret that was there first."""
    near.vault.set_secret("tls", "mine")

    with pytest.raises(Refusal, match="409"):
        near.vault.import_certificate("tls", pem=pair.pem)


@pytest.mark.parametrize(
    ("pfx", "pem"), [(None, None), (b"x", "x"), (b"garbage", None), (None, "garbage"), (None, "\ud800")]
)
def test_what_is_no_certificate_is_not_imported(pfx: bytes | None, pem: str | None) -> None:
    """In process a mistake is an exception, not an object."""
    with pytest.raises(ValueError, match=r"."):
        read_certificate("tls", pfx=pfx, pem=pem)
