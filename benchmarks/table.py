"""Rows as a table, for a terminal and for Markdown alike. Pure."""

from collections.abc import Iterable, Sequence

from benchmarks import spread
from benchmarks.figure import Figure, Result, Row

_HEAD = ("", "ours", "floor", "ratio: least", "median", "most", "aim", "")


def make(rows: Iterable[Row]) -> list[str]:
    """Return the lines of a Markdown table whose columns stand below one another."""
    cells = [_HEAD, *[_cells(row) for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEAD))]
    lines = [_line(row, widths) for row in cells]
    rule = "| " + " | ".join("-" * (width - 1) + ":" if 0 < at < 6 else "-" * width for at, width in enumerate(widths))  # noqa: PLR2004 - the columns of numbers
    return [lines[0], f"{rule} |", *lines[1:]]


def section(figure: Figure, result: Result) -> list[str]:
    """Return a figure's part of the document."""
    told = [
        f"## {figure.name}: {figure.title}",
        "",
        f"* Ours: {figure.ours}",
        f"* Floor: {figure.floor}",
        f"* Aim: {figure.aim}",
        "",
        *make(result.rows),
        "",
        *[f"{remark}\n" for remark in result.remarks],
        f"What bounds it: {figure.bound}",
        "",
    ]
    return "\n".join(told).split("\n")


def anchor(figure: Figure) -> str:
    """Return how GitHub names the section's heading in a link."""
    kept = [one for one in f"{figure.name} {figure.title}".lower() if one.isalnum() or one in " -"]
    return "".join(kept).replace(" ", "-")


def number(value: float) -> str:
    """Return a number with about three digits that count."""
    if abs(value) >= 100:  # noqa: PLR2004 - three digits before the point
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"  # noqa: PLR2004 - two digits before the point


def _cells(row: Row) -> tuple[str, ...]:
    unit = f" {row.unit}" if row.unit else ""
    ratio = row.ratio
    return (
        row.what,
        number(spread.of(row.ours).median) + unit,
        number(spread.of(row.floor).median) + unit if row.floor else "",
        *([number(value) for value in (ratio.least, ratio.median, ratio.most)] if ratio else ("", "", "")),
        "; ".join(map(str, row.aims)),
        row.verdict,
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if 0 < at < 6 else cell.ljust(width)  # noqa: PLR2004 - the columns of numbers
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"
