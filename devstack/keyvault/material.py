"""Certificates and keys taken apart into what a vault shows of them. Nothing here keeps a private key.

A certificate-backed secret holds the whole PFX or PEM as its value; the key shows a public JWK, the certificate its
DER and SHA-1 thumbprint.
"""

import base64
from collections.abc import Mapping
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from devstack.keyvault.objects import Version

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "secp256k1": "P-256K"}


def read_certificate(
    name: str, *, pfx: bytes | None = None, pem: str | None = None, cer: bytes | None = None
) -> tuple[Version, Version, Version]:
    """Take a PFX (without password) or a PEM (private key, then the chain) apart into secret, key and certificate.

    `cer` is the leaf's DER; without it the leaf is found in the PFX, or is the first certificate of the PEM.

    Raises:
        ValueError: Not exactly one of `pfx` and `pem`, or bytes that are neither.
    """
    if (pfx is None) == (pem is None):
        raise ValueError("give either pfx or pem")
    if pfx is not None:
        value, content_type = base64.b64encode(pfx).decode(), "application/x-pkcs12"
        leaf = pkcs12.load_key_and_certificates(pfx, None)[1]
    else:
        value, content_type = pem or "", "application/x-pem-file"
        leaf = x509.load_pem_x509_certificate(value.encode())
    if cer is not None:
        leaf = x509.load_der_x509_certificate(cer)
    if leaf is None:
        raise ValueError("the PFX holds no certificate")
    der, sha1 = leaf.public_bytes(serialization.Encoding.DER), hashes.SHA1()  # noqa: S303 the service's x5t by definition
    backing = (
        Version(kind="secret", name=name, value=value, content_type=content_type, managed=True),
        Version(kind="key", name=name, jwk=public_jwk(leaf.public_key()), managed=True),
        Version(kind="cert", name=name, cer=der, thumbprint=leaf.fingerprint(sha1), content_type=content_type),
    )
    for version in backing:
        version.not_before = int(leaf.not_valid_before_utc.timestamp())
        version.expires_on = int(leaf.not_valid_after_utc.timestamp())
    return backing


def public_jwk(key: object) -> Mapping[str, object]:
    """Return the public JWK of an RSA or EC key, without its `kid`.

    Raises:
        ValueError: A kind of key that Key Vault does not have.
    """
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        operations = ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]
        return {"kty": "RSA", "key_ops": operations, "n": _encode(numbers.n), "e": _encode(numbers.e)}
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        point, size = key.public_numbers(), (key.curve.key_size + 7) // 8
        return {
            "kty": "EC",
            "key_ops": ["sign", "verify"],
            "crv": _CURVES[key.curve.name],
            "x": _encode(point.x, size),
            "y": _encode(point.y, size),
        }
    raise ValueError(f"Key Vault has no {type(key).__name__}")


def _encode(number: int, size: int = 0) -> str:
    octets = number.to_bytes(size or (number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")
