"""PEM as Go's `encoding/pem` scans and writes it.

By hand, because which blocks Go finds and which it passes over is part of the driver's bytes: `cryptography` reads
certificates and keys from PEM, but not blocks as such, and it raises where Go scans on.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from shared.csi import golang

CERTIFICATE: Final = b"CERTIFICATE"
PRIVATE_KEY: Final = b"PRIVATE KEY"

_BEGIN: Final = b"-----BEGIN "
_END: Final = b"\n-----END "
_DASHES: Final = b"-----"
_LINE: Final = 64
_PROC_TYPE: Final = b"Proc-Type"


@dataclass(frozen=True, slots=True)
class Block:
    """One PEM block: its label, its decoded bytes, and its headers."""

    label: bytes
    der: bytes = field(repr=False)
    headers: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)

    def encode(self) -> bytes:
        """Write the block as Go does: Proc-Type first, the other headers sorted, 64 columns, LF."""
        lines = [b"-----BEGIN " + self.label + b"-----\n"]
        if self.headers:
            names = sorted(self.headers, key=lambda name: (name != _PROC_TYPE, name))
            lines += [name + b": " + self.headers[name] + b"\n" for name in names]
            lines.append(b"\n")
        text = base64.b64encode(self.der)
        lines += [text[at : at + _LINE] + b"\n" for at in range(0, len(text), _LINE)]
        lines.append(b"-----END " + self.label + b"-----\n")
        return b"".join(lines)


def scan(data: bytes) -> tuple[list[Block], bytes]:
    """Return the blocks that Go finds one after the other, and what is left when it finds no more."""
    blocks: list[Block] = []
    while (found := _decode(data)) is not None:
        block, data = found
        blocks.append(block)
    return blocks, data


def _decode(data: bytes) -> tuple[Block, bytes] | None:
    """Return the first block and what follows it (`pem.Decode`).

    Go looks for an END line, then backwards for the last BEGIN before it; where the two do not make a block it goes on
    behind that END.
    """
    rest = data
    skip = 0
    while 0 <= skip <= len(rest):
        rest = rest[skip:]
        end = rest.find(_END)
        if end < 0:
            return None
        skip = end + len(_END)
        begin = rest.rfind(_BEGIN, 0, end)
        if begin < 0 or (begin > 0 and rest[begin - 1 : begin] != b"\n"):
            continue
        line, after, consumed = _take_line(rest[begin + len(_BEGIN) :])
        consumed += begin + len(_BEGIN)
        rest, end, skip = after, end - consumed, skip - consumed
        if not line.endswith(_DASHES):
            continue
        label = line[: -len(_DASHES)]
        headers, rest, consumed = _take_headers(rest)
        if not rest:
            return None
        end, skip = end - consumed, skip - consumed
        if (headers and end < 0) or not _ends_with(rest[max(skip, 0) :], label):
            continue
        der = _decode_body(rest[:end]) if end > 0 else b""
        if der is None:
            continue
        return Block(label, der, headers), _take_line(rest[end + len(_END) - 1 :])[1]
    return None


def _take_line(data: bytes) -> tuple[bytes, bytes, int]:
    """Return the first line without its end and trailing blanks, what follows, and how much was consumed."""
    at = data.find(b"\n")
    if at < 0:
        return data.rstrip(b" \t"), b"", len(data)
    line = data[:at]
    return line.removesuffix(b"\r").rstrip(b" \t"), data[at + 1 :], at + 1


def _take_headers(rest: bytes) -> tuple[dict[bytes, bytes], bytes, int]:
    """Return the lines with a colon, what follows them, and how much was consumed."""
    headers: dict[bytes, bytes] = {}
    total = 0
    while rest:
        line, after, consumed = _take_line(rest)
        name, colon, value = line.partition(b":")
        if not colon:
            break
        headers[_trim(name)] = _trim(value)
        rest, total = after, total + consumed
    return headers, rest, total


def _trim(text: bytes) -> bytes:
    return golang.trim_space(text.decode(errors="surrogateescape")).encode(errors="surrogateescape")


def _ends_with(trailer: bytes, label: bytes) -> bool:
    """Whether an END line goes on with the label of its BEGIN and five dashes."""
    length = len(label) + len(_DASHES)
    return (
        len(trailer) >= length
        and trailer.startswith(label)
        and trailer[:length].endswith(_DASHES)
        and not _take_line(trailer[length:])[0]
    )


def _decode_body(text: bytes) -> bytes | None:
    return golang.decode_base64(text.translate(None, b" \t"))
