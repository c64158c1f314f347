"""Rows as lines for a person. Pure: foreign texts are made fit for a terminal here."""

from collections.abc import Sequence

from shared.record import plain

_LONGEST = 120


def lines(headings: Sequence[str], rows: Sequence[Sequence[str]], *, whole: int = 0) -> list[str]:
    """Return a heading and one line for each row, in columns as wide as needed.

    Cells are cut, but for those of the column `whole`, which people copy. A column without any text is left out.
    """
    cells = [
        [plain(cell) if index == whole else cut(cell) for index, cell in enumerate(row)] for row in [headings, *rows]
    ]
    used = [index for index in range(len(headings)) if any(row[index] for row in cells[1:])]
    widths = {index: max(len(row[index]) for row in cells) for index in used}
    return ["  ".join(row[index].ljust(widths[index]) for index in used).rstrip() for row in cells]


def cut(text: str) -> str:
    """Return a text that fits into a cell and cannot move the cursor."""
    shown = plain(text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
