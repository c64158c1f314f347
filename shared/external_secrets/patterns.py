"""Regular expressions that somebody else wrote, in the syntax of Go.

Both Go and RE2 search in time linear in the text, whatever the pattern; Python's own `re` would let a namespace's
editor occupy a processor for ever. RE2 is loaded with the first such pattern.
"""

from functools import lru_cache
from typing import Any, Final

_MOST_MEMORY: Final = 1 << 18
"""Bytes that one compiled pattern may take; a larger one counts as no pattern."""

_MOST_PATTERNS: Final = 512
"""Patterns that are kept compiled."""

_MOST_CLASSES: Final = 10
r"""Classes such as `\pL` in one pattern: they alone take long to compile, half a millisecond each."""


def search(pattern: str, name: str) -> bool | None:
    """Tell whether a pattern is found in an object's name. None where it is no pattern, or too costly a one.

    The operator searches in the name as the vault spells it; names come in lower case here. So what would match in
    another spelling matches too: asking once too often is harmless. A pattern that forbids small letters in some
    place may still be missed.
    """
    compiled = _compile(pattern)
    return None if compiled is None else any(regexp.search(name) is not None for regexp in compiled)


@lru_cache(maxsize=_MOST_PATTERNS)
def _compile(pattern: str) -> tuple[Any, Any] | None:
    """Compile a pattern as it is and without regard to case, or return None."""
    if pattern.count(r"\p") + pattern.count(r"\P") > _MOST_CLASSES:
        return None
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415 - a native library that few clusters need

    options = re2.Options()
    options.max_mem = _MOST_MEMORY
    options.log_errors = False  # they would quote the pattern on the process's standard error
    try:
        as_it_is = re2.compile(pattern, options)
        options.case_sensitive = False
        return as_it_is, re2.compile(pattern, options)
    except (re2.error, UnicodeError):  # halves of surrogate pairs cannot be encoded
        return None
