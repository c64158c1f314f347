"""Private keys as Go's crypto/x509 parses them (csi-semantics 3.2 and 9). What is parsed is a value of `keys`.

By hand, because Go and `cryptography` accept different keys: Go takes trailing bytes after PKCS#8, short and padded EC
values, multi-prime RSA and any public key beside an EC value; it refuses RSA-PSS, explicit curve parameters and RSA
numbers that do not fit together. Go's RSA takes keys without the values of the Chinese remainder theorem, and zeros
for them it refuses.
"""

import math
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.csi import der, keys

_SEED: Final = 32
_LARGEST_EXPONENT: Final = 2**31 - 1
# Primes that agree in all but this many bits below half the modulus can be found by Fermat's method.
_CLOSEST_PRIMES: Final = 100


def parse(data: bytes) -> keys.PrivateKey | keys.OtherKey | None:
    """Return the key that the driver finds in DER data: PKCS#1, PKCS#8 or SEC 1, in its order; None for none."""
    return parse_sec1(data) or parse_pkcs8(data) or parse_pkcs1(data)


def parse_pkcs8(data: bytes) -> keys.PrivateKey | keys.OtherKey | None:
    """`x509.ParsePKCS8PrivateKey`: neither the version nor what follows the key matters."""
    try:
        info = der.Reader(data).enter()
        info.int64()
        algorithm, parameters = info.algorithm()
        key = info.take(der.OCTET_STRING)
        if algorithm == keys.RSA:
            return parse_pkcs1(key)
        if algorithm == keys.EC:
            return parse_sec1(key, _curve_of(parameters))
        if (
            algorithm in {keys.ED25519, keys.X25519}
            and not parameters
            and len(der.Reader(key).take(der.OCTET_STRING)) == _SEED
        ):
            return keys.OtherKey()
    except der.Malformed:
        return None
    return None


def _curve_of(parameters: bytes) -> bytes | None:
    """Return the identifier of a named curve; None for explicit parameters, which leave it to the key itself."""
    try:
        return der.Reader(parameters).oid()
    except der.Malformed:
        return None


def parse_sec1(data: bytes, named: bytes | None = None) -> keys.EcKey | None:
    """`x509.ParseECPrivateKey`: leading zeros of the value may be many or missing, its public key is not looked at.

    `named` is the curve that PKCS#8 names; it goes before one inside.
    """
    try:
        fields = der.Reader(data).enter()
        version = fields.int64()
        private = fields.take(der.OCTET_STRING)
        inside = fields.take_explicit(0, der.OID)
        if inside is not None:
            der.check_oid(inside)
        public = fields.take_explicit(1, der.BIT_STRING)
        if public is not None:
            der.parse_bit_string(public)
    except der.Malformed:
        return None
    curve = keys.CURVES.get((inside or b"") if named is None else named)
    if version != 1 or curve is None:
        return None
    return _place(curve, int.from_bytes(private))


def _place(curve: keys.Curve, value: int) -> keys.EcKey | None:
    """Return the key of a private value, unless the value is zero or not below the order of the group."""
    if not 0 < value < 1 << 8 * curve.size:
        return None
    try:
        public = ec.derive_private_key(value, curve.algorithm).public_key()
    except ValueError:
        return None
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return keys.EcKey(curve, value, point)


def parse_pkcs1(data: bytes) -> keys.RsaKey | None:
    """`x509.ParsePKCS1PrivateKey`, with the checks of the numbers that `crypto/rsa` makes."""
    try:
        whole = der.Reader(data)
        fields = whole.enter()
        version = fields.int64()
        modulus, exponent = fields.integer(), fields.int64()
        private, p, q = fields.integer(), fields.integer(), fields.integer()
        crt = tuple(fields.optional_integer() for _ in range(3))
        more = _take_further_primes(fields.take_optional(der.SEQUENCE))
        whole.end()
    except der.Malformed:
        return None
    if version > 1 or min(modulus, private, p, q, *more, *(n for n in crt if n is not None)) <= 0:
        return None
    if modulus % 2 == 0 or exponent % 2 == 0 or not 1 < exponent <= _LARGEST_EXPONENT or private >= modulus:
        return None
    if more:
        return _complete_multi_prime(modulus, exponent, private, (p, q, *more))
    first, second, coefficient = crt
    if first is None or second is None or coefficient is None:
        return _complete(modulus, exponent, private, (p, q))
    return _check(keys.RsaKey(modulus, exponent, private, (p, q), (first, second, coefficient)))


def _take_further_primes(content: bytes | None) -> list[int]:
    """Return the primes after the second; Go computes their exponents and coefficients itself."""
    primes: list[int] = []
    for item in der.Reader(content or b"").elements():
        primes.append(item.integer())
        item.integer()
        item.integer()
    return primes


def _complete(modulus: int, exponent: int, private: int, primes: tuple[int, int]) -> keys.RsaKey | None:
    """Compute the values of the Chinese remainder theorem for a key that lacks some, and check it."""
    p, q = primes
    if p <= 2 or q <= 2 or p % 2 == 0:  # noqa: PLR2004 - smaller ones leave no modulus
        return None
    return _check(
        keys.RsaKey(modulus, exponent, private, primes, (private % (p - 1), private % (q - 1), pow(q, p - 2, p)))
    )


def _complete_multi_prime(modulus: int, exponent: int, private: int, primes: tuple[int, ...]) -> keys.RsaKey | None:
    """Go checks little of a key with more than two primes, and computes what it leaves out."""
    p, q = primes[:2]
    if min(primes) <= 1 or math.gcd(p, q) != 1:
        return None
    product = p * q
    more: list[tuple[int, int]] = []
    for prime in primes[2:]:
        if math.gcd(product, prime) != 1:
            return None
        more.append((private % (prime - 1), pow(product, -1, prime)))
        product *= prime
    crt = (private % (p - 1), private % (q - 1), pow(q, -1, p))
    return keys.RsaKey(modulus, exponent, private, primes, crt, tuple(more))


def _check(key: keys.RsaKey) -> keys.RsaKey | None:
    """Return a key of two primes if its numbers fit together as `crypto/rsa` demands."""
    (p, q), (first, second, coefficient) = key.primes, key.crt
    half = key.modulus.bit_length() // 2
    sound = (
        min(p, q) > 2  # noqa: PLR2004 - smaller ones leave no modulus
        and max(p, q) < key.modulus
        and p * q % key.modulus == 0
        and first < p - 1
        and second < q - 1
        and coefficient < p
        and first * key.exponent % (p - 1) == 1
        and second * key.exponent % (q - 1) == 1
        and coefficient * q % p == 1
        and key.private % (p - 1) == first
        and key.private % (q - 1) == second
        and p != q
        and (p - q).bit_length() > half - _CLOSEST_PRIMES
        and key.private.bit_length() > half
    )
    return key if sound else None
