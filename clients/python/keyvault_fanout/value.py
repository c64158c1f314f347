"""A secret's bytes, in a type that shows none of them by accident."""

import hmac
from typing import Never


class SecretValue:
    """The bytes of a secret. `repr`, `str` and formatting show a mask; `reveal` and `text` are the only ways out."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = bytes(content)

    def reveal(self) -> bytes:
        """Return the bytes. Hand them on to where they are used, and keep no copy: it would not be renewed."""
        return self._content

    def text(self) -> str:
        """Return the bytes as UTF-8 text. Raises `ValueError`, which does not repeat them, where they are none."""
        try:
            return self._content.decode()
        except UnicodeDecodeError:
            raise ValueError("the secret is no UTF-8 text; use reveal()") from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretValue):
            return NotImplemented
        return hmac.compare_digest(self._content, other._content)

    __hash__ = None  # type: ignore[assignment]  # a hash of a value is a trace of it

    def __repr__(self) -> str:
        return "SecretValue(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> Never:
        raise TypeError("a SecretValue is not written anywhere")
