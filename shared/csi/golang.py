"""Rules of Go's standard library for text: white space, letter case, booleans, base64, hex, paths.

The driver and the provider are Go programs. Where Python's own functions draw the line elsewhere, Go's line is drawn
here; each function names the one it follows. Text that is not valid UTF-8 is kept as surrogate escapes.
"""

import base64
import binascii
import re

# unicode.IsSpace. Python's str.strip also removes U+001C to U+001F.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
# The two letters outside ASCII that fold to an ASCII letter: the Kelvin sign and the long s.
_FOLDS = str.maketrans({"\u212a": "k", "\u017f": "s"})
_SURROGATE = re.compile("[\ud800-\udfff]")
_HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")


def trim_space(text: str) -> str:
    """`strings.TrimSpace`."""
    return text.strip(_SPACE)


def fold(text: str) -> str:
    """Return the form in which two texts are equal if `strings.EqualFold` calls them equal to an ASCII word."""
    return text.translate(_FOLDS).lower() if not text.isascii() else text.lower()


def upper(text: str) -> str:
    """`strings.ToUpper`: one letter for one letter, where Python would write two for some."""
    return "".join(u if len(u := c.upper()) == 1 else c for c in text)


def parse_bool(text: str) -> bool | None:
    """`strconv.ParseBool`, with None for its error."""
    if text in _TRUE:
        return True
    return False if text in _FALSE else None


def decode_base64(text: bytes) -> bytes | None:
    """`base64.StdEncoding.DecodeString`, with None for its error.

    CR and LF are skipped anywhere, padding is mandatory, bits after the last byte may be set.
    """
    text = text.replace(b"\r", b"").replace(b"\n", b"")
    try:
        # Strict about the alphabet and the padding; padding inside the text is refused as well.
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def decode_base64url(text: str) -> bytes | None:
    """`base64.RawURLEncoding.DecodeString`, with None for its error: URL alphabet, no padding."""
    if not text.isascii():
        return None
    plain = text.replace("\r", "").replace("\n", "")
    if set(plain) & set("+/="):
        return None
    return decode_base64((plain + "=" * (-len(plain) % 4)).replace("-", "+").replace("_", "/").encode())


def decode_hex(text: bytes) -> bytes | None:
    """`hex.DecodeString`, with None for its error: `bytes.fromhex` would skip white space."""
    if len(text) % 2 or not _HEX_DIGITS.issuperset(text):
        return None
    return binascii.unhexlify(text)


def clean_path(path: str) -> str:
    """`filepath.Clean` on Linux."""
    rooted = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in {"", "."} and not (part == ".." and rooted):
            parts.append(part)
    joined = "/".join(parts)
    return f"/{joined}" if rooted else joined or "."


def replace_surrogates(text: str) -> str:
    """Replace halves of surrogate pairs by U+FFFD, as `encoding/json` does."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def valid_utf8(text: str) -> bool:
    """Whether the text is valid UTF-8, as gRPC demands of every string field."""
    return text.isascii() or _SURROGATE.search(text) is None


def utf8_length(text: str) -> int:
    """Return the length in bytes, which is what Go's `len` counts."""
    return len(text) if text.isascii() else len(text.encode(errors="surrogateescape"))
