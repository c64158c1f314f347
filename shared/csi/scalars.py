"""What a YAML scalar means to go-yaml v3.0.1 when a string or an int32 is wanted (its resolve.go and decode.go).

Plain scalars are text exactly as written (`007`, `yes`, a date) unless they spell null or carry a tag that they do not
fit. Numbers follow Go's literals: octal, hexadecimal and binary prefixes, `_` between digits, floats cut towards zero.
"""

import calendar
import math
import re
from typing import Final

from shared.csi import golang


class Invalid(Exception):  # noqa: N818 - the document is; rooms above turn it into DriverWouldFail
    """The text is not what was asked for. The message names the rule and holds no part of the text."""


BINARY: Final = "!!binary"
BOOL: Final = "!!bool"
FLOAT: Final = "!!float"
INT: Final = "!!int"
MERGE: Final = "!!merge"
NULL: Final = "!!null"
STRING: Final = "!!str"
TIMESTAMP: Final = "!!timestamp"
# The tags whose text go-yaml checks; any other tag leaves the text alone.
_CHECKED: Final = frozenset({BOOL, FLOAT, INT, NULL, TIMESTAMP})

_LONG_PREFIX: Final = "tag:yaml.org,2002:"
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_WORDS: Final[dict[str, tuple[str, bool | float | None]]] = {
    **dict.fromkeys(_NULLS, (NULL, None)),
    **dict.fromkeys(("true", "True", "TRUE"), (BOOL, True)),
    **dict.fromkeys(("false", "False", "FALSE"), (BOOL, False)),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), (FLOAT, math.nan)),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), (FLOAT, math.inf)),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), (FLOAT, -math.inf)),
}
_FLOAT_STYLE: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DOT_FLOAT: Final = re.compile(r"\.[0-9](_?[0-9])*([eE][-+]?[0-9](_?[0-9])*)?")
# strconv.ParseInt with base 0, which leaves an octal number after a bare 0.
_INTEGERS: Final = (
    (16, re.compile(r"([-+]?)0[xX]([0-9a-fA-F]+)")),
    (2, re.compile(r"([-+]?)0[bB]([01]+)")),
    (8, re.compile(r"([-+]?)0[oO]?([0-7]+)")),
    (10, re.compile(r"([-+]?)(0|[1-9][0-9]*)")),
    # go-yaml's own second attempt takes a sign after the prefix.
    (2, re.compile(r"0b([-+])([01]+)")),
    (8, re.compile(r"0o([-+])([0-7]+)")),
)
_TIME: Final = r"(?:[01]?[0-9]|2[0-3]):[0-5]?[0-9]:[0-5]?[0-9](?:[.,][0-9]+)?"
_ZONE: Final = r"(?:Z|[-+](?:[01][0-9]|2[0-4]):(?:[0-5][0-9]|60))"
_TIMESTAMP: Final = re.compile(rf"([0-9]{{4}})-([0-9]{{1,2}})-([0-9]{{1,2}})(?:[Tt]{_TIME}{_ZONE}| {_TIME})?")
_INT32: Final = range(-(2**31), 2**31)
_INT64: Final = range(-(2**63), 2**63)
_UINT64: Final = range(2**64)
# The digits of the longest 64-bit number there is, in base 2; Python limits what it converts.
_LONGEST: Final = 64
_MONTHS: Final = 12


def short_tag(tag: str) -> str:
    """Return `!!int` for `tag:yaml.org,2002:int`, other tags as they are."""
    return "!!" + tag[len(_LONG_PREFIX) :] if tag.startswith(_LONG_PREFIX) else tag


def implied_tag(value: str, *, plain: bool) -> str:
    """Return the tag of a scalar that carries none; empty for a plain one, whose type its text decides."""
    if not plain:
        return STRING
    return MERGE if value == "<<" else ""


def to_string(tag: str, value: str) -> str | None:
    """Return the text a Go string receives, or None for a null. `tag` is short; empty stands for a plain scalar."""
    if not tag:
        return None if value in _NULLS else value
    if tag == BINARY:
        decoded = golang.decode_base64(value.encode(errors="surrogateescape"))
        if decoded is None:
            raise Invalid("a !!binary value is not base64")
        return decoded.decode(errors="surrogateescape")
    if tag in _CHECKED and _resolve(tag, value) is None:
        return None
    return value


def to_int32(tag: str, value: str) -> int | None:
    """Return the number a Go int32 receives, or None for a null."""
    number = _resolve(tag, value) if not tag or tag in _CHECKED else value
    if number is None:
        return None
    if isinstance(number, float) and math.isfinite(number):
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int) or number not in _INT32:
        raise Invalid("it is not a 32-bit integer")
    return number


def _resolve(tag: str, value: str) -> bool | int | float | str | None:
    """Return what the text spells; refuse it where that is not what its tag says.

    A timestamp comes out as text: no field of the provider's takes one.
    """
    found, spelt = _spell(value, timestamps=tag in {"", TIMESTAMP})
    if tag == FLOAT and isinstance(spelt, int) and found == INT and spelt in _INT64:
        return float(spelt)
    if tag not in {"", found}:
        raise Invalid(f"a value tagged {tag} does not spell one")
    return spelt


def _spell(value: str, *, timestamps: bool) -> tuple[str, bool | int | float | str | None]:
    """Return the tag that a plain scalar earns, and its value."""
    if value in _WORDS:
        return _WORDS[value]
    if value[0] == "." and _DOT_FLOAT.fullmatch(value):
        return _finite(value)
    if value[0] not in "+-0123456789":
        return STRING, value
    if timestamps and _is_timestamp(value):
        return TIMESTAMP, value
    return _number(value)


def _number(value: str) -> tuple[str, int | float | str]:
    plain = value.replace("_", "")
    for base, pattern in _INTEGERS:
        if match := pattern.fullmatch(plain):
            if len(match[2]) > _LONGEST:
                break
            number = int(match[1] + match[2], base)
            if number in _INT64 or (match[1] == "" and number in _UINT64):
                return INT, number
    if _FLOAT_STYLE.fullmatch(plain):
        found, number_or_text = _finite(plain)
        return found, value if found == STRING else number_or_text
    return STRING, value


def _finite(text: str) -> tuple[str, float | str]:
    """Go's ParseFloat refuses what overflows; the scalar then is text."""
    number = float(text)
    return (FLOAT, number) if math.isfinite(number) else (STRING, text)


def _is_timestamp(value: str) -> bool:
    match = _TIMESTAMP.fullmatch(value)
    if match is None:
        return False
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    if not 1 <= month <= _MONTHS or not day >= 1:
        return False
    # Year 0 is a leap year in Go and unknown to Python.
    return day <= calendar.monthrange(year or 2000, month)[1]
