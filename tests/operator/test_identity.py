"""The container by URL, with an identity: no key anywhere. Azurite asks for a token over TLS, as Azure does."""

import base64
import datetime as dt
import ipaddress
import json
from pathlib import Path

import pytest
from azure.storage.blob.aio import ContainerClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devstack.certificates import Authority
from devstack.identity import Claims, Identity, Issuer
from tests.operator import azurite
from tests.operator.cli import fanout
from tests.operator.letters import documents, event
from tests.operator.test_command import SETTINGS


class Entra(Issuer):
    """Issues tokens as Entra does, for Azurite, which does not look at signatures."""

    def verify(self, token: str, *resources: str) -> Claims:
        """Return what a token says."""
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==="))
        assert claims["aud"] in resources
        return Claims(resource=claims["aud"], identity=claims["appid"], expires_on=claims["exp"])


def certify(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for loopback, which vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "azurite")])
    now = dt.datetime.now(dt.UTC)
    public = key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


async def test_a_container_is_read_by_its_url_with_an_identity(tmp_path: Path) -> None:
    if azurite.PACKAGES.node() is None:
        pytest.skip(azurite.ABSENT)
    certificate, key = certify(tmp_path)
    options = ("--cert", str(certificate), "--key", str(key), "--oauth", "basic")
    bundle = Authority.create().write_bundle(tmp_path / "bundle.pem")
    bundle.write_bytes(bundle.read_bytes() + certificate.read_bytes())
    async with azurite.start(tmp_path, options) as store, Identity(issuer=Entra()) as identity:
        async with ContainerClient.from_connection_string(
            store.connection_string, "dead-letters", connection_verify=str(certificate)
        ) as client:
            await client.create_container()
            await client.upload_blob("SUB/a.json", json.dumps(documents(event())).encode())

        said = await fanout(
            "list",
            "--events",
            "--json",
            environment=SETTINGS
            | identity.environment
            | {"SSL_CERT_FILE": str(bundle), "DEAD_LETTER_URL": f"{store.url}/{azurite.ACCOUNT}/dead-letters"},
        )

    assert said.code == 0, said.err
    assert [one["id"] for one in said.document["events"]] == ["SUB/a.json"]
    assert [request.resource for request in identity.requests] == ["https://storage.azure.com"]


async def test_whoever_is_not_signed_in_is_told_so(tmp_path: Path) -> None:
    """Nothing of an identity in this environment: no endpoint, no sign-in."""
    said = await fanout(
        "list",
        "--events",
        environment=SETTINGS
        | {"DEAD_LETTER_URL": "https://127.0.0.1:9/account/dead-letters", "HOME": str(tmp_path), "PATH": ""},
    )

    assert said.code == 1
    assert "not signed in; run az login" in said.err
