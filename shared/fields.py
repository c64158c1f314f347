"""The members of a JSON object from outside, each taken out as the type that is expected. Pure.

Every method raises `MalformedJob` that names the member and what was expected.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from shared.errors import MalformedJob

T = TypeVar("T")


class Fields:
    """The members of one JSON object, each of the type that is asked for."""

    def __init__(self, document: object, path: str) -> None:
        if not isinstance(document, Mapping):
            raise MalformedJob(f"{path.rstrip('.') or 'it'} is no JSON object")
        self._document = document
        self._path = path

    def has(self, name: str) -> bool:
        """Tell whether there is such a member that is not null."""
        return self._document.get(name) is not None

    def text(self, name: str) -> str:
        """Return a text."""
        return self._typed(name, str, "a text")

    def name(self, name: str, legal: re.Pattern[str]) -> str:
        """Return a text that is a legal name as a whole."""
        text = self.text(name)
        if not legal.fullmatch(text):
            raise MalformedJob(f"{self._path}{name} is no legal name")
        return text

    def flag(self, name: str) -> bool:
        """Return true or false."""
        return self._typed(name, bool, "true or false")

    def number(self, name: str, *, most: int) -> int:
        """Return a whole number from 0 to `most`."""
        value = self._typed(name, int, "a whole number")
        if isinstance(value, bool) or not 0 <= value <= most:
            raise MalformedJob(f"{self._path}{name} is no whole number from 0 to {most}")
        return value

    def time(self, name: str) -> datetime:
        """Return a time; one without an offset is in UTC."""
        try:
            moment = datetime.fromisoformat(self.text(name))
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise MalformedJob(f"{self._path}{name} is no time") from None

    def one_of(self, name: str, kind: Callable[[str], T]) -> T:
        """Return a text as one of the words of `kind`."""
        try:
            return kind(self.text(name))
        except ValueError:
            raise MalformedJob(f"{self._path}{name} is not one of those that are known") from None

    def texts(self, name: str) -> Sequence[str]:
        """Return a list of texts."""
        values = self._typed(name, list, "a list")
        if not all(isinstance(value, str) for value in values):
            raise MalformedJob(f"{self._path}{name} is no list of texts")
        return [str(value) for value in values]

    def mapping(self, name: str) -> Mapping[str, str]:
        """Return an object whose members are texts."""
        values = self._typed(name, dict, "an object")
        if not all(isinstance(value, str) for value in values.values()):
            raise MalformedJob(f"{self._path}{name} is no object of texts")
        return {str(key): str(value) for key, value in values.items()}

    def entries(self, name: str, *, most: int) -> "Sequence[Fields]":
        """Return 1 to `most` objects."""
        values = self._typed(name, list, "a list")
        if not 0 < len(values) <= most:
            raise MalformedJob(f"{self._path}{name} has {len(values)} entries; 1 to {most} are expected")
        return [Fields(value, f"{self._path}{name}[{index}].") for index, value in enumerate(values)]

    def pairs(self, name: str, *, most: int) -> tuple[tuple[str, str], ...]:
        """Return up to `most` pairs of texts."""
        values = self._typed(name, list, "a list")
        found = [tuple(value) for value in values if isinstance(value, list)]
        good = [one for one in found if len(one) == 2 and all(isinstance(part, str) for part in one)]  # noqa: PLR2004 - a pair
        if len(good) != len(values) or len(values) > most:
            raise MalformedJob(f"{self._path}{name} is no list of up to {most} pairs of texts")
        return tuple((str(first), str(second)) for first, second in good)

    def _typed(self, name: str, kind: type[T], expected: str) -> T:
        value = self._document.get(name)
        if not isinstance(value, kind):
            raise MalformedJob(f"{self._path}{name} is not {expected}")
        return value
