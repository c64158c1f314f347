"""All pages of the repository, and what is in them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from devstack import stack

_ROOTS = ("docs", "clients", "examples", "infra", "deploy")
_FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block: where it is, its language, its text."""

    page: Path
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        """Return a name for a test."""
        return f"{self.page.relative_to(stack.APP)}-{self.number}-{self.language}"

    @property
    def lines(self) -> list[str]:
        """The command lines: continued lines joined, comments and empty ones left out."""
        joined = self.text.replace("\\\n", " ")
        lines = [re.sub(r"(?:^|\s)#\s.*$", "", line).strip() for line in joined.splitlines()]
        return [line for line in lines if line]


def pages() -> list[Path]:
    """Return every page."""
    found = [*stack.APP.glob("*.md")]
    for root in _ROOTS:
        found += [path for path in (stack.APP / root).rglob("*.md") if "node_modules" not in path.parts]
    return sorted(found)


def prose(page: Path) -> str:
    """Return a page's text without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def blocks(*languages: str) -> Sequence[Block]:
    """Return the blocks in these languages, or all."""
    return [block for block in _blocks() if not languages or block.language in languages]


def _blocks() -> Iterator[Block]:
    for page in pages():
        found = _FENCE.findall(page.read_text(encoding="utf-8"))
        for number, (language, text) in enumerate(found, 1):
            yield Block(page=page, number=number, language=language, text=text)


def anchors(page: Path) -> set[str]:
    """Return what GitHub calls the headings of a page in links."""
    headings = re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
