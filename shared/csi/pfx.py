"""PKCS#12 as golang.org/x/crypto/pkcs12 reads it with an empty password: bags in file order (csi-semantics 2.3, 3.2).

By hand, because `cryptography` moves the certificate that fits the key to the front, drops the bags' attributes, and
opens files that the driver refuses: SHA-256 MACs, AES, other numbers of content infos, unshrouded keys.
"""

import hmac
from dataclasses import dataclass, field
from typing import Final

from shared.csi import der, keys, pbe, pem, private_keys

_VERSION: Final = 3
_SAFES: Final = 2
_DATA: Final = bytes.fromhex("2a864886f70d010701")
_ENCRYPTED_DATA: Final = bytes.fromhex("2a864886f70d010706")
_SHA1: Final = bytes.fromhex("2b0e03021a")
_KEY_BAG: Final = bytes.fromhex("2a864886f70d010c0a0102")
_CERTIFICATE_BAG: Final = bytes.fromhex("2a864886f70d010c0a0103")
_X509_CERTIFICATE: Final = bytes.fromhex("2a864886f70d01091601")
_TEXT_ATTRIBUTES: Final = {
    bytes.fromhex("2a864886f70d010914"): b"friendlyName",
    bytes.fromhex("2b0601040182371101"): b"Microsoft CSP Name",
}
_LOCAL_KEY_ID: Final = bytes.fromhex("2a864886f70d010915")

Refused = pbe.Refused

# The empty password is a BMP string with its terminator; some writers take no bytes at all.
_PASSWORDS: Final = (b"\0\0", b"")


@dataclass(frozen=True, slots=True)
class Bag:
    """One safe bag: a certificate's DER or a parsed key, and the attributes as PEM headers."""

    content: bytes | keys.PrivateKey = field(repr=False)
    attributes: dict[bytes, bytes] = field(repr=False)

    @property
    def certificate(self) -> bool:
        """Whether the bag holds a certificate."""
        return isinstance(self.content, bytes)

    def block(self) -> pem.Block:
        """Return the PEM block that the Go library makes: keys in their own format, under the label PRIVATE KEY."""
        if isinstance(self.content, bytes):
            return pem.Block(pem.CERTIFICATE, self.content, self.attributes)
        return pem.Block(pem.PRIVATE_KEY, self.content.traditional(), self.attributes)


def read(data: bytes) -> list[Bag]:
    """Return the bags of a PFX in file order."""
    try:
        return _read(data)
    except der.Malformed:
        raise Refused("the PFX is not DER that Go reads") from None


def _read(data: bytes) -> list[Bag]:
    whole = der.Reader(data)
    pfx = whole.enter()
    whole.end()
    version = pfx.int64()
    content_type, wrapped = _content_info(pfx.enter())
    mac = pfx.take_optional(der.SEQUENCE)
    mac_parts = None if mac is None else _mac_parts(der.Reader(mac))
    if version != _VERSION:
        raise Refused("the PFX is not of version 3")
    if content_type != _DATA:
        raise Refused("the PFX is not protected by a password")
    outer = der.Reader(wrapped)
    _, content, _ = outer.take_any()
    outer.end()
    if mac_parts is None:
        raise Refused("the PFX has no MAC")
    password = _find_password(mac_parts, content)
    safes = _contents(content)
    if len(safes) != _SAFES:
        raise Refused("the PFX does not have exactly two content infos")
    return [bag for safe in safes for bag in _read_safe(safe, password)]


def _contents(content: bytes) -> list[tuple[bytes, bytes]]:
    whole = der.Reader(content)
    sequence = whole.enter()
    safes = [_content_info(info) for info in sequence.elements()]
    whole.end()
    return safes


def _content_info(info: der.Reader) -> tuple[bytes, bytes]:
    """Return a content's type and what its explicit tag wraps, nothing if the tag is absent."""
    kind = info.oid()
    return kind, info.take_optional(der.CONTEXT | der.CONSTRUCTED) or b""


@dataclass(frozen=True, slots=True)
class _Mac:
    algorithm: bytes
    digest: bytes
    salt: bytes
    iterations: int


def _mac_parts(data: der.Reader) -> _Mac:
    info = data.enter()
    algorithm, _ = info.algorithm()
    digest = info.take(der.OCTET_STRING)
    salt = data.take(der.OCTET_STRING)
    iterations = data.int64() if data.starts_with(der.INTEGER) else 1
    return _Mac(algorithm, digest, salt, iterations)


def _find_password(mac: _Mac, content: bytes) -> bytes:
    if mac.algorithm != _SHA1:
        raise Refused("the PFX has a MAC other than SHA-1")
    for password in _PASSWORDS:
        key = pbe.derive(pbe.FOR_MAC, mac.salt, password, mac.iterations, 20)
        if hmac.compare_digest(hmac.digest(key, content, "sha1"), mac.digest):
            return password
    raise Refused("the PFX does not open with an empty password")


def _read_safe(safe: tuple[bytes, bytes], password: bytes) -> list[Bag]:
    kind, wrapped = safe
    outer = der.Reader(wrapped)
    if kind == _DATA:
        data = outer.take(der.OCTET_STRING)
        outer.end()
    elif kind == _ENCRYPTED_DATA:
        encrypted = outer.enter()
        version = encrypted.int64()
        info = encrypted.enter()
        info.oid()
        algorithm = info.algorithm()
        text = info.take_optional(der.CONTEXT) or b""
        outer.end()
        if version != 0:
            raise Refused("encrypted data in the PFX is not of version 0")
        data = pbe.decrypt(algorithm, text, password)
    else:
        raise Refused("a content info in the PFX is neither data nor encrypted data")
    whole = der.Reader(data)
    sequence = whole.enter()
    bags = [_bag_parts(bag) for bag in sequence.elements()]
    whole.end()
    return [_read_bag(*parts, password) for parts in bags]


def _bag_parts(bag: der.Reader) -> tuple[bytes, bytes, list[tuple[bytes, bytes]]]:
    kind = bag.oid()
    value = bag.take(der.CONTEXT | der.CONSTRUCTED)
    attributes = bag.take_optional(der.SET)
    if attributes is None:
        return kind, value, []
    return kind, value, [(item.oid(), item.take_any()[1]) for item in der.Reader(attributes).elements()]


def _read_bag(kind: bytes, value: bytes, attributes: list[tuple[bytes, bytes]], password: bytes) -> Bag:
    headers = _read_attributes(attributes)
    whole = der.Reader(value)
    if kind == _CERTIFICATE_BAG:
        bag = whole.enter()
        certificate_type = bag.oid()
        certificate = bag.take_explicit(0, der.OCTET_STRING)
        whole.end()
        if certificate is None:
            raise der.Malformed
        if certificate_type != _X509_CERTIFICATE:
            raise Refused("a certificate in the PFX is not X.509")
        return Bag(certificate, headers)
    if kind != _KEY_BAG:
        raise Refused("a bag of the PFX is neither a certificate nor a shrouded key")
    info = whole.enter()
    algorithm = info.algorithm()
    text = info.take(der.OCTET_STRING)
    whole.end()
    plain = der.Reader(pbe.decrypt(algorithm, text, password))
    _, _, document = plain.take_any()
    plain.end()
    key = private_keys.parse_pkcs8(document)
    if not isinstance(key, keys.PrivateKey):
        raise Refused("a key in the PFX is not an RSA or EC key that Go reads")
    return Bag(key, headers)


def _read_attributes(attributes: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the attributes that the library knows; each holds exactly one value."""
    headers: dict[bytes, bytes] = {}
    for kind, value in attributes:
        inner = der.Reader(value)
        if kind in _TEXT_ATTRIBUTES:
            _, text, _ = inner.take_any()
            inner.end()
            if len(text) % 2:
                raise Refused("a name in the PFX is not a BMP string")
            headers[_TEXT_ATTRIBUTES[kind]] = text.removesuffix(b"\0\0").decode("utf-16-be", "replace").encode()
        elif kind == _LOCAL_KEY_ID:
            identifier = inner.take(der.OCTET_STRING)
            inner.end()
            headers[b"localKeyId"] = identifier.hex().encode()
    return headers
