"""Private and public keys, and how Go's crypto/x509 writes them (csi-semantics 2.3, 2.5, 3.2).

By hand, because `cryptography` writes only keys that it accepts, and Go accepts others (`private_keys`). Arithmetic on
curves is `cryptography`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from shared.csi import der, golang

RSA: Final = bytes.fromhex("2a864886f70d010101")
EC: Final = bytes.fromhex("2a8648ce3d0201")
ED25519: Final = bytes.fromhex("2b6570")
X25519: Final = bytes.fromhex("2b656e")
_NULL: Final = der.encode(der.NULL)


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve that Go knows: its object identifier, and `cryptography`'s name for it."""

    oid: bytes
    algorithm: ec.EllipticCurve

    @property
    def size(self) -> int:
        """The octets of a coordinate, and of a private value."""
        return (self.algorithm.key_size + 7) // 8


_P224: Final = Curve(bytes.fromhex("2b81040021"), ec.SECP224R1())
_P256: Final = Curve(bytes.fromhex("2a8648ce3d030107"), ec.SECP256R1())
_P384: Final = Curve(bytes.fromhex("2b81040022"), ec.SECP384R1())
_P521: Final = Curve(bytes.fromhex("2b81040023"), ec.SECP521R1())
CURVES: Final[Mapping[bytes, Curve]] = {curve.oid: curve for curve in (_P224, _P256, _P384, _P521)}
_JWK_CURVES: Final = {"P-256": _P256, "P-384": _P384, "P-521": _P521}


@dataclass(frozen=True, slots=True)
class RsaKey:
    """An RSA private key whose numbers fit together. `more` holds the primes of a multi-prime key after the second."""

    modulus: int
    exponent: int
    private: int = field(repr=False)
    primes: tuple[int, ...] = field(repr=False)
    # Exponents and coefficient of the first two primes, then exponent and coefficient of each further one.
    crt: tuple[int, int, int] = field(repr=False)
    more: tuple[tuple[int, int], ...] = field(default=(), repr=False)

    label = b"RSA PRIVATE KEY"

    def traditional(self) -> bytes:
        """Return PKCS#1."""
        numbers = (
            1 if self.more else 0,
            self.modulus,
            self.exponent,
            self.private,
            *self.primes[:2],
            *self.crt,
        )
        parts = [der.encode_integer(number) for number in numbers]
        if self.more:
            further = [
                der.encode(der.SEQUENCE, *map(der.encode_integer, (prime, *values)))
                for prime, values in zip(self.primes[2:], self.more, strict=True)
            ]
            parts.append(der.encode(der.SEQUENCE, *further))
        return der.encode(der.SEQUENCE, *parts)

    def pkcs8(self) -> bytes:
        """Return PKCS#8, with the NULL that RSA's parameters are."""
        algorithm = der.encode(der.SEQUENCE, der.encode_oid(RSA), _NULL)
        return _wrap(algorithm, self.traditional())


@dataclass(frozen=True, slots=True)
class EcKey:
    """A private value on a curve that Go knows, and its point."""

    curve: Curve
    private: int = field(repr=False)
    point: bytes

    label = b"EC PRIVATE KEY"

    def traditional(self) -> bytes:
        """Return SEC 1 with the named curve and the public key."""
        return self._sec1(der.encode(der.CONTEXT | der.CONSTRUCTED, der.encode_oid(self.curve.oid)))

    def pkcs8(self) -> bytes:
        """Return PKCS#8: the curve stands in the algorithm and not inside."""
        algorithm = der.encode(der.SEQUENCE, der.encode_oid(EC), der.encode_oid(self.curve.oid))
        return _wrap(algorithm, self._sec1(b""))

    def _sec1(self, parameters: bytes) -> bytes:
        return der.encode(
            der.SEQUENCE,
            der.encode_integer(1),
            der.encode(der.OCTET_STRING, self.private.to_bytes(self.curve.size)),
            parameters,
            der.encode(der.CONTEXT | der.CONSTRUCTED | 1, der.encode_bit_string(self.point)),
        )


PrivateKey = RsaKey | EcKey


class OtherKey:
    """A key that Go parses and the driver cannot write: Ed25519 or X25519."""


def _wrap(algorithm: bytes, key: bytes) -> bytes:
    return der.encode(der.SEQUENCE, der.encode_integer(0), algorithm, der.encode(der.OCTET_STRING, key))


def encode_public(jwk: Mapping[str, str]) -> bytes | None:
    """Return a JSON Web Key's public part as SubjectPublicKeyInfo; None for what the provider does not write.

    RSA numbers are not checked, as in Go; a point has to be on its curve.
    """
    names = ("n", "e", "x", "y")
    numbers = {name: golang.decode_base64url(jwk.get(name, "")) for name in names}
    if None in numbers.values():
        return None
    n, e, x, y = (int.from_bytes(numbers[name] or b"") for name in names)
    match jwk.get("kty"):
        case "RSA" | "RSA-HSM":
            # Go keeps the exponent in 64 bits and with a sign.
            exponent = (e + 2**63) % 2**64 - 2**63
            public = der.encode(der.SEQUENCE, der.encode_integer(n), der.encode_integer(exponent))
            algorithm = der.encode(der.SEQUENCE, der.encode_oid(RSA), _NULL)
        case "EC" | "EC-HSM" if jwk.get("crv") in _JWK_CURVES:
            curve = _JWK_CURVES[jwk["crv"]]
            try:
                ec.EllipticCurvePublicNumbers(x, y, curve.algorithm).public_key()
            except ValueError:
                return None
            public = b"\4" + x.to_bytes(curve.size) + y.to_bytes(curve.size)
            algorithm = der.encode(der.SEQUENCE, der.encode_oid(EC), der.encode_oid(curve.oid))
        case _:
            return None
    return der.encode(der.SEQUENCE, algorithm, der.encode_bit_string(public))
