"""A throw-away certificate authority, because the Key Vault SDK refuses plain http before it sends anything.

In the room: the authority, the leaf it issues for loopback, the contexts for servers and clients, and the bundle
that a process trusts. Everything carries the extensions (SKI, AKI, KeyUsage) that VERIFY_X509_STRICT asks for, which
Python 3.13 switches on by default. Keys live in memory; a leaf's key is on disk only while OpenSSL reads it.

Not in the room: revocation, renewal (a year is longer than any stack runs), client certificates.
"""

import datetime as dt
import ipaddress
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOOPBACK = ("localhost", "127.0.0.1")

_LIFETIME = dt.timedelta(days=365)
# Machines in one test run may disagree about the second, never about the hour.
_BACKDATED = dt.timedelta(hours=1)


class Authority:
    """A certificate authority that nobody trusts until it is told to."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate

    @classmethod
    def create(cls) -> Self:
        """Make a new authority; two calls never make the same."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("devstack throw-away CA")
        return cls(key, _builder(name, key.public_key(), issuer=name, issuer_key=key).sign(key, hashes.SHA256()))

    @property
    def ca_pem(self) -> str:
        """The authority's own certificate, PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def server_pem(self, hosts: Sequence[str] = LOOPBACK) -> tuple[bytes, bytes]:
        """Return the key and the certificate of a fresh leaf for `hosts`, DNS names and IP addresses, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = (
            _builder(_name(hosts[0]), key.public_key(), issuer=self._certificate.subject, issuer_key=self._key)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return key_pem(key), leaf.public_bytes(serialization.Encoding.PEM)

    def server_context(self, hosts: Sequence[str] = LOOPBACK) -> ssl.SSLContext:
        """Return a server's TLS context with a fresh leaf for `hosts`."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        # OpenSSL's Python binding loads a chain only from files; mkstemp makes them readable to us alone.
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(b"".join(self.server_pem(hosts)))
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return a client's TLS context that trusts this authority and no other."""
        context = ssl.create_default_context(cadata=self.ca_pem)
        # 3.13's default, asked for on every version so that what passes here passes there.
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    def write_bundle(self, path: Path) -> Path:
        """Write what the machine trusts already plus this authority to `path`, and return `path`.

        SSL_CERT_FILE and REQUESTS_CA_BUNDLE replace the trust store and may already be set, so the bundle starts with
        the store in force: the file that SSL_CERT_FILE names, else OpenSSL's default file, else certifi's. A variable
        that names a file which is not there counts as unset, as it does for OpenSSL.
        """
        current = Path(ssl.get_default_verify_paths().cafile or certifi.where())
        path.write_bytes(current.read_bytes().rstrip(b"\n") + b"\n" + self.ca_pem.encode())
        return path


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as PEM, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, *, issuer: x509.Name, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    """Begin a certificate; one that issues itself is an authority."""
    now, is_authority = dt.datetime.now(dt.UTC), subject == issuer
    authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), critical=True)
        .add_extension(_usage(signs_certificates=is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(authority_key, critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
