"""Which certificates Go's `x509.ParseCertificate` accepts, and the key identifiers it finds (csi-semantics 2.4, 9).

By hand, because one refused certificate fails the mount, and `cryptography` refuses others than Go: it looks into few
extensions when it loads one, and takes curves, serial numbers and strings that Go does not. What Go parses and neither
refuses nor needs for the chain is passed over here. The extensions are in `extensions`.
"""

import calendar
import re
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from shared.csi import der, extensions, keys

# What strings may hold, by tag: NumericString, PrintableString with the asterisk and ampersand that Go lets pass,
# T61String, IA5String. UTF8String and BMPString are not regular.
_STRINGS: Final = {
    0x12: re.compile(rb"[0-9 ]*"),
    0x13: re.compile(rb"[A-Za-z0-9'()+,./:=? *&-]*"),
    0x14: re.compile(rb".*", re.DOTALL),
    0x16: re.compile(rb"[\x00-\x7f]*"),
}
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_ZONE: Final = rb"(Z|[-+](?:[01][0-9]|2[0-4])[0-5][0-9])"
_UTC: Final = re.compile(rb"([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})?" + _ZONE)
_GENERALIZED: Final = re.compile(rb"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})" + _ZONE)
_DSA: Final = bytes.fromhex("2a8648ce380401")
_LARGEST_VERSION: Final = 2
_UNCOMPRESSED: Final = 4
_ED25519_SIZE: Final = 32
_NULL: Final = b"\x05\x00"

Refused = extensions.Refused


@dataclass(frozen=True, slots=True)
class KeyIds:
    """A certificate's subject and authority key identifiers; None where it has none."""

    subject: bytes | None
    authority: bytes | None


def read(document: bytes) -> KeyIds:
    """Parse one DER certificate as Go does."""
    try:
        return _read(der.Reader(document, high_tags=False))
    except der.Malformed:
        raise Refused from None


def _read(whole: der.Reader) -> KeyIds:
    outer = whole.enter()
    tbs = outer.enter()
    version = _read_version(tbs)
    if tbs.integer() < 0:
        raise Refused
    signature = tbs.take(der.SEQUENCE)
    if outer.take(der.SEQUENCE) != signature:
        raise Refused
    _read_algorithm(signature)
    _check_name(tbs.enter())
    _check_validity(tbs.enter())
    _check_name(tbs.enter())
    _check_public_key(tbs.enter())
    found = KeyIds(None, None)
    if version > 0:
        for number in (1, 2):
            if tbs.starts_with(der.CONTEXT | number):
                tbs.take_any()
    if version == _LARGEST_VERSION and tbs.starts_with(der.CONTEXT | der.CONSTRUCTED | 3):
        found = KeyIds(*extensions.check(tbs.enter(der.CONTEXT | der.CONSTRUCTED | 3).enter()))
    outer.bit_string()
    whole.end()
    return found


def _read_version(tbs: der.Reader) -> int:
    if not tbs.starts_with(der.CONTEXT | der.CONSTRUCTED):
        return 0
    inner = tbs.enter(der.CONTEXT | der.CONSTRUCTED)
    version = inner.integer()
    inner.end()
    if not 0 <= version <= _LARGEST_VERSION:
        raise Refused
    return version


def _read_algorithm(content: bytes) -> tuple[bytes, bytes]:
    reader = der.Reader(content, high_tags=False)
    oid = reader.oid()
    return oid, reader.take_any()[2] if reader else b""


def _check_name(name: der.Reader) -> None:
    for rdn in name.elements(der.SET):
        for attribute in rdn.elements():
            attribute.oid()
            tag, value, _ = attribute.take_any()
            if not _is_string(tag, value):
                raise Refused


def _is_string(tag: int, value: bytes) -> bool:
    """Whether Go reads this attribute of a name; a T61String may hold any octets."""
    match tag:
        case 0x0C:
            return extensions.is_utf8(value)
        case 0x1E:
            return _is_bmp(value)
        case _:
            pattern = _STRINGS.get(tag)
            return pattern is not None and pattern.fullmatch(value) is not None


def _is_bmp(value: bytes) -> bool:
    """UCS-2 without surrogates and non-characters."""
    if len(value) % 2:
        return False
    points = (value[at] << 8 | value[at + 1] for at in range(0, len(value.removesuffix(b"\0\0")), 2))
    return not any(0xD800 <= p <= 0xDFFF or 0xFDD0 <= p <= 0xFDEF or p >= 0xFFFE for p in points)  # noqa: PLR2004 - code points


def _check_validity(validity: der.Reader) -> None:
    for _ in range(2):
        tag, value, _ = validity.take_any()
        match = {_UTC_TIME: _UTC, _GENERALIZED_TIME: _GENERALIZED}.get(tag)
        parts = match.fullmatch(value) if match else None
        if parts is None or not _is_time(parts, short=tag == _UTC_TIME):
            raise Refused


def _is_time(parts: re.Match[bytes], *, short: bool) -> bool:
    """Whether the digits make a time, in the one spelling that Go writes itself."""
    year, month, day, hour, minute, second = (int(part or 0) for part in parts.groups()[:6])
    if short:
        year += 1900 if year >= 69 else 2000  # noqa: PLR2004 - where Go's time.Parse divides the centuries
    if parts[7] in {b"+0000", b"-0000"} or not 1 <= month <= 12:  # noqa: PLR2004 - a month
        return False
    # Year 0 is a leap year in Go and unknown to Python.
    return 1 <= day <= calendar.monthrange(year or 2000, month)[1] and hour < 24 and minute < 60 and second < 60  # noqa: PLR2004 - a clock


def _check_public_key(info: der.Reader) -> None:
    algorithm, parameters = _read_algorithm(info.take(der.SEQUENCE))
    octets, unused = info.bit_string()
    if unused:
        # Go moves the bits to the right end.
        octets = (int.from_bytes(octets) >> unused).to_bytes(len(octets))
    key = der.Reader(octets, high_tags=False)
    if algorithm == keys.RSA:
        numbers = key.enter()
        sound = parameters == _NULL and numbers.integer() > 0 and numbers.int64() > 0
    elif algorithm == keys.EC:
        sound = _is_point(der.Reader(parameters, high_tags=False).oid(), octets)
    elif algorithm == keys.ED25519:
        sound = not parameters and len(octets) == _ED25519_SIZE
    elif algorithm == _DSA:
        domain = der.Reader(parameters, high_tags=False).enter()
        sound = min(key.integer(), domain.integer(), domain.integer(), domain.integer()) > 0
    else:
        # Go keeps a key of an algorithm that it does not know as it is.
        sound = True
    if not sound:
        raise Refused


def _is_point(oid: bytes, octets: bytes) -> bool:
    curve = keys.CURVES.get(oid)
    if curve is None or octets[:1] != bytes((_UNCOMPRESSED,)):
        return False
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(curve.algorithm, octets)
    except ValueError:
        return False
    return True
