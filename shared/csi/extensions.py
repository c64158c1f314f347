"""Which certificate extensions Go's `x509.ParseCertificate` accepts, as its parser.go reads them.

Everything that Go reads in an extension can make it refuse the certificate; only the key identifiers are handed on.
"""

import ipaddress
from collections.abc import Callable
from typing import Final

from shared.csi import der, uri


class Refused(Exception):  # noqa: N818 - `chain` turns it into its own error
    """Go does not parse this certificate. There is no message: it could only speak of the certificate."""


_ID_CE: Final = bytes.fromhex("551d")
_AUTHORITY_INFO: Final = bytes.fromhex("2b06010505070101")
_EMAIL, _DNS, _URI, _IP = (der.CONTEXT | number for number in (1, 2, 6, 7))
_ADDRESS_SIZES: Final = (4, 16)
_LARGEST_PATH: Final = 2**63 - 1
_INT64_OCTETS: Final = 8


def check(sequence: der.Reader) -> tuple[bytes | None, bytes | None]:
    """Return the subject and the authority key identifier of a certificate's extensions."""
    found: list[tuple[bytes, bool, bytes]] = []
    for extension in sequence.elements():
        oid = extension.oid()
        critical = extension.starts_with(der.BOOLEAN) and _boolean(extension)
        found.append((oid, critical, extension.take(der.OCTET_STRING)))
    if len({oid for oid, _, _ in found}) != len(found):
        raise Refused
    subject = authority = None
    for oid, critical, value in found:
        reader = der.Reader(value, high_tags=False)
        number = oid[2] if len(oid) == 3 and oid.startswith(_ID_CE) else None  # noqa: PLR2004 - 2.5.29.n, n below 128
        if oid == _AUTHORITY_INFO or number in _NEVER_CRITICAL:
            _refuse_if(critical)
        if oid == _AUTHORITY_INFO:
            _check_authority_info(reader)
        elif number == _SUBJECT_KEY:
            subject = reader.take(der.OCTET_STRING)
        elif number == _AUTHORITY_KEY:
            inner = reader.enter()
            authority = inner.take(der.CONTEXT) if inner.starts_with(der.CONTEXT) else None
        elif number in _CHECKS:
            _CHECKS[number](reader)
    return subject, authority


def is_utf8(value: bytes) -> bool:
    """Whether octets are UTF-8 by Go's rules, which are Python's."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _refuse_if(broken: bool) -> None:  # noqa: FBT001 - a condition
    if broken:
        raise Refused


def _boolean(reader: der.Reader) -> bool:
    content = reader.take(der.BOOLEAN)
    if content not in {b"\0", b"\xff"}:
        raise Refused
    return content == b"\xff"


def _check_key_usage(reader: der.Reader) -> None:
    reader.bit_string()


def _check_basic_constraints(reader: der.Reader) -> None:
    inner = reader.enter()
    if inner.starts_with(der.BOOLEAN):
        _boolean(inner)
    if inner.starts_with(der.INTEGER):
        _refuse_if(not 0 <= inner.integer() <= _LARGEST_PATH)


def _check_alternative_names(reader: der.Reader) -> None:
    inner = reader.enter()
    while inner:
        tag, value, _ = inner.take_any()
        if tag in {_EMAIL, _DNS}:
            _refuse_if(not value.isascii())
        elif tag == _URI:
            _refuse_if(not value.isascii() or not _is_uri(value.decode()))
        elif tag == _IP:
            _refuse_if(len(value) not in _ADDRESS_SIZES)


def _is_uri(text: str) -> bool:
    host = uri.parse_host(text)
    return host is not None and uri.is_domain(host)


def _check_name_constraints(reader: der.Reader) -> None:
    top = reader.enter()
    reader.end()
    trees = [_take_subtrees(top, number) for number in (0, 1)]
    top.end()
    _refuse_if(not any(trees))
    for tree in trees:
        for item in der.Reader(tree, high_tags=False).elements():
            tag, value, _ = item.take_any()
            _check_constraint(tag, value)


def _take_subtrees(top: der.Reader, number: int) -> bytes:
    tag = der.CONTEXT | der.CONSTRUCTED | number
    return top.take(tag) if top.starts_with(tag) else b""


def _check_constraint(tag: int, value: bytes) -> None:
    if tag == _IP:
        half = len(value) // 2
        _refuse_if(len(value) % 2 == 1 or half not in _ADDRESS_SIZES or not _is_mask(value[half:]))
        return
    if tag not in {_DNS, _EMAIL, _URI}:
        return
    _refuse_if(not value.isascii())
    text = value.decode()
    if tag == _EMAIL and "@" in text:
        _refuse_if(not uri.is_mailbox(text))
        return
    _refuse_if((tag == _URI and _is_address(text)) or not uri.is_domain(text, constraint=True))


def _is_mask(mask: bytes) -> bool:
    bits = int.from_bytes(mask)
    inverted = bits ^ ((1 << 8 * len(mask)) - 1)
    return inverted & (inverted + 1) == 0


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _check_distribution_points(reader: der.Reader) -> None:
    for point in reader.enter().elements():
        if not point.starts_with(der.CONTEXT | der.CONSTRUCTED):
            continue
        names = point.enter(der.CONTEXT | der.CONSTRUCTED).enter(der.CONTEXT | der.CONSTRUCTED)
        while names.starts_with(_URI):
            names.take_any()


def _check_policies(reader: der.Reader) -> None:
    seen: set[bytes] = set()
    for policy in reader.enter().elements():
        oid = policy.take(der.OID)
        # Its numbers may be of any size, but not encoded in more octets than they need.
        starts = [0, *(at + 1 for at, octet in enumerate(oid[:-1]) if not octet & 0x80)]
        _refuse_if(not oid or bool(oid[-1] & 0x80) or any(oid[at] == 0x80 for at in starts) or oid in seen)  # noqa: PLR2004 - base 128
        seen.add(oid)


def _check_policy_mappings(reader: der.Reader) -> None:
    for mapping in reader.enter().elements():
        mapping.take(der.OID)
        mapping.take(der.OID)


def _check_policy_constraints(reader: der.Reader) -> None:
    inner = reader.enter()
    for tag in (der.CONTEXT, der.CONTEXT | 1):
        if inner.starts_with(tag):
            content = inner.take(tag)
            _refuse_if(len(content) > _INT64_OCTETS)
            der.parse_integer(content)


def _check_extended_key_usage(reader: der.Reader) -> None:
    inner = reader.enter()
    while inner:
        inner.oid()


def _check_inhibit_any_policy(reader: der.Reader) -> None:
    reader.int64()


def _check_authority_info(reader: der.Reader) -> None:
    for access in reader.enter().elements():
        access.oid()
        if access.starts_with(_URI):
            access.take_any()


_SUBJECT_KEY: Final = 14
_AUTHORITY_KEY: Final = 35
_NEVER_CRITICAL: Final = frozenset({_SUBJECT_KEY, _AUTHORITY_KEY})
# By the last number of 2.5.29.n.
_CHECKS: Final[dict[int | None, Callable[[der.Reader], None]]] = {
    15: _check_key_usage,
    17: _check_alternative_names,
    19: _check_basic_constraints,
    30: _check_name_constraints,
    31: _check_distribution_points,
    32: _check_policies,
    33: _check_policy_mappings,
    36: _check_policy_constraints,
    37: _check_extended_key_usage,
    54: _check_inhibit_any_policy,
}
