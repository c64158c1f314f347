"""DER as Go reads and writes it: `encoding/asn1` and `cryptobyte`, as far as keys, PKCS#12 and certificates need them.

By hand, because what counts is which encodings Go refuses and which it lets pass (trailing elements in a sequence, the
length of an explicit tag), and `cryptography` draws those lines elsewhere. Identifiers are the first octet of an
element; one with a high tag number carries the number above that octet.
"""

from collections.abc import Iterator
from typing import Final

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OID: Final = 0x06
SEQUENCE: Final = 0x30
SET: Final = 0x31
CONTEXT: Final = 0x80
CONSTRUCTED: Final = 0x20

_HIGH_TAG: Final = 0x1F
_LONG: Final = 0x80
_MOST_SUBIDENTIFIER_OCTETS: Final = 5
_LARGEST_SUBIDENTIFIER: Final = 2**31 - 1
_LARGEST_LENGTH_BEFORE_SHIFT: Final = 1 << 23
_INT64_OCTETS: Final = 8
_MOST_UNUSED_BITS: Final = 7


class Malformed(Exception):  # noqa: N818 - the data is; rooms above say what that means
    """Go refuses to read this. There is no message: it could only speak of the data."""


class Reader:
    """A position in DER data. Each `take` returns one element's content and moves behind it, or raises Malformed.

    `high_tags` allows tag numbers above 30, as `encoding/asn1` does and `cryptobyte` does not.
    """

    __slots__ = ("_data", "_high_tags", "_position")

    def __init__(self, data: bytes, *, high_tags: bool = True) -> None:
        self._data = data
        self._position = 0
        self._high_tags = high_tags

    @property
    def rest(self) -> bytes:
        """What has not been read."""
        return self._data[self._position :]

    def __bool__(self) -> bool:
        return self._position < len(self._data)

    def starts_with(self, identifier: int) -> bool:
        """Whether the next element has this identifier; nothing else of it is looked at."""
        return bool(self) and self._data[self._position] == identifier

    def take_any(self) -> tuple[int, bytes, bytes]:
        """Return the next element's identifier, its content, and all of it with the header."""
        start = self._position
        identifier, begin, length = self._header(start)
        if begin + length > len(self._data):
            raise Malformed
        self._position = begin + length
        return identifier, self._data[begin : self._position], self._data[start : self._position]

    def take(self, identifier: int) -> bytes:
        """Return the content of the next element, which must have this identifier."""
        found, content, _ = self.take_any()
        if found != identifier:
            raise Malformed
        return content

    def enter(self, identifier: int = SEQUENCE) -> "Reader":
        """Return a reader of the next element's content."""
        return Reader(self.take(identifier), high_tags=self._high_tags)

    def take_optional(self, identifier: int) -> bytes | None:
        """Return the content of the next element if it has this identifier, else None without moving."""
        if not self or self._header(self._position)[0] != identifier:
            return None
        return self.take(identifier)

    def take_explicit(self, number: int, identifier: int) -> bytes | None:
        """Return the content of an optional element inside the explicit tag [number], else None without moving.

        Like `encoding/asn1`, this does not compare the lengths of the tag and of the element.
        """
        if not self:
            return None
        start = self._position
        outer, begin, length = self._header(start)
        if begin == len(self._data):
            raise Malformed
        if outer & ~CONSTRUCTED != CONTEXT | number or not (outer & CONSTRUCTED or length == 0):
            return None
        if length == 0:
            raise Malformed
        self._position = begin
        if self._header(begin)[0] != identifier:
            self._position = start
            return None
        return self.take(identifier)

    def integer(self) -> int:
        """Return an INTEGER of any size."""
        return parse_integer(self.take(INTEGER))

    def optional_integer(self) -> int | None:
        """Return an INTEGER of any size if one is next."""
        content = self.take_optional(INTEGER)
        return None if content is None else parse_integer(content)

    def int64(self) -> int:
        """Return an INTEGER that fits a Go int."""
        content = self.take(INTEGER)
        if len(content) > _INT64_OCTETS:
            raise Malformed
        return parse_integer(content)

    def oid(self) -> bytes:
        """Return the content octets of an OBJECT IDENTIFIER; Go accepts just one encoding of each."""
        content = self.take(OID)
        check_oid(content)
        return content

    def algorithm(self) -> tuple[bytes, bytes]:
        """Return an AlgorithmIdentifier: the identifier's octets, and the parameters with their header, or nothing."""
        inner = self.enter()
        oid = inner.oid()
        return oid, inner.take_any()[2] if inner else b""

    def bit_string(self) -> tuple[bytes, int]:
        """Return the octets of a BIT STRING and the number of unused bits in the last."""
        return parse_bit_string(self.take(BIT_STRING))

    def elements(self, identifier: int = SEQUENCE) -> Iterator["Reader"]:
        """Yield a reader for each of the remaining elements, all of which must have this identifier."""
        while self:
            yield self.enter(identifier)

    def end(self) -> None:
        """Raise Malformed unless everything has been read."""
        if self:
            raise Malformed

    def _header(self, position: int) -> tuple[int, int, int]:
        """Return the identifier, where the content begins, and its length."""
        data = self._data
        try:
            identifier = data[position]
            position += 1
            if identifier & _HIGH_TAG == _HIGH_TAG:
                if not self._high_tags:
                    raise Malformed
                number, position = _subidentifier(data, position)
                if number < _HIGH_TAG:
                    raise Malformed
                identifier |= number << 8
            length = data[position]
            position += 1
            if length & _LONG:
                length, position = _long_length(data, position, length & ~_LONG)
        except IndexError:
            raise Malformed from None
        return identifier, position, length


def _long_length(data: bytes, position: int, octets: int) -> tuple[int, int]:
    """Read a length in its long form, which must be the shortest there is."""
    length = 0
    for _ in range(octets):
        if length >= _LARGEST_LENGTH_BEFORE_SHIFT:
            raise Malformed
        length = length << 8 | data[position]
        position += 1
        if length == 0:
            raise Malformed
    if length < _LONG:
        raise Malformed
    return length, position


def _subidentifier(data: bytes, position: int) -> tuple[int, int]:
    """Read one base-128 number of at most 31 bits and say where it ends."""
    value = 0
    for index in range(_MOST_SUBIDENTIFIER_OCTETS):
        octet = data[position]
        position += 1
        if index == 0 and octet == _LONG:
            raise Malformed
        value = value << 7 | octet & ~_LONG
        if not octet & _LONG:
            if value > _LARGEST_SUBIDENTIFIER:
                raise Malformed
            return value, position
    raise Malformed


def check_oid(content: bytes) -> None:
    """Raise Malformed unless Go reads these octets as an object identifier."""
    position = 0
    try:
        while position < len(content) or not content:
            _, position = _subidentifier(content, position)
    except IndexError:
        raise Malformed from None


def parse_integer(content: bytes) -> int:
    """Return the number in an INTEGER's octets, which must be as few as possible."""
    if not content:
        raise Malformed
    if len(content) > 1 and (content[0], content[1] & _LONG) in {(0, 0), (0xFF, _LONG)}:
        raise Malformed
    return int.from_bytes(content, signed=True)


def parse_bit_string(content: bytes) -> tuple[bytes, int]:
    """Return a BIT STRING's octets and the number of unused bits, which must be zero."""
    if not content:
        raise Malformed
    unused, octets = content[0], content[1:]
    if unused > _MOST_UNUSED_BITS or (not octets and unused) or (octets and octets[-1] & ((1 << unused) - 1)):
        raise Malformed
    return octets, unused


def encode(identifier: int, *parts: bytes) -> bytes:
    """Return an element with the joined parts as its content."""
    content = b"".join(parts)
    length = len(content)
    if length < _LONG:
        return bytes((identifier, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((identifier, _LONG | len(octets))) + octets + content


def encode_integer(value: int) -> bytes:
    """Return an INTEGER."""
    magnitude = value if value >= 0 else ~value
    return encode(INTEGER, value.to_bytes(magnitude.bit_length() // 8 + 1, signed=True))


def encode_bit_string(octets: bytes) -> bytes:
    """Return a BIT STRING of whole octets."""
    return encode(BIT_STRING, b"\0", octets)


def encode_oid(content: bytes) -> bytes:
    """Return an OBJECT IDENTIFIER."""
    return encode(OID, content)
