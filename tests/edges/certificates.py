"""Certificates that the devstack's authority does not issue: one to import, and one of an old-fashioned authority."""

import datetime as dt
import ipaddress
import ssl
import tempfile
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedCertificate:
    """The private key and the certificate as PEM, and the certificate as DER."""

    pem: str
    der: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainServer:
    """A server's side of TLS, and the authority that a client has to trust for it."""

    context: ssl.SSLContext
    ca_pem: str


def build_certificate(host: str) -> ImportedCertificate:
    """Build a self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _builder(host, host, key).sign(key, hashes.SHA256())
    return ImportedCertificate(
        pem=_private_pem(key) + certificate.public_bytes(serialization.Encoding.PEM).decode("ascii"),
        der=certificate.public_bytes(serialization.Encoding.DER),
    )


def build_plain_server() -> PlainServer:
    """Build an authority and a server's certificate without key identifiers, as clusters had them for years."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = (
        _builder("kubernetes", "kubernetes", ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    leaf = (
        _builder("apiserver", "kubernetes", key).add_extension(loopback, critical=False).sign(ca_key, hashes.SHA256())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(_private_pem(key) + leaf.public_bytes(serialization.Encoding.PEM).decode("ascii"))
        file.flush()
        context.load_cert_chain(file.name)
    return PlainServer(context=context, ca_pem=ca.public_bytes(serialization.Encoding.PEM).decode("ascii"))


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=90))
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode("ascii")
