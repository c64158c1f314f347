"""docs/benchmarks.md from the facts of a run and its results. Pure."""

from collections.abc import Iterable, Sequence

from benchmarks import table
from benchmarks.figure import Figure, Result

_HEAD = """# Benchmarks

Written by `make bench`; what stands under "What bounds it" is kept beside each figure in `benchmarks/figures/`. A small
version, which writes nothing, is `make bench-quick`; one figure alone is `python -m benchmarks NAME`.

Each figure is a ratio to a named floor that was measured in the same run. {repetitions} repetitions, ours and the floor
in turns; a value is the median of the repetitions, a ratio is shown with its least, middle and largest repetition. An
aim is held against the median. The servers run in a process of their own, the app in the measuring one, and all of it
on one machine over loopback: times hold no network but the delays that are named. Nothing fails when an aim is not met;
the table says so, and the text says what bounds it."""


def compose(facts: Iterable[tuple[str, str]], results: Sequence[tuple[Figure, Result]], *, repetitions: int) -> str:
    """Return the document."""
    lines = [_HEAD.format(repetitions=repetitions), "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {text} |" for name, text in facts]
    lines += ["", "## Aims", "", *_overview(results), ""]
    for figure, result in results:
        lines += table.section(figure, result)
    return "\n".join(lines).rstrip() + "\n"


def _overview(results: Iterable[tuple[Figure, Result]]) -> list[str]:
    lines = ["| figure | aim | |", "| --- | --- | --- |"]
    for figure, result in results:
        verdicts = [row.verdict for row in result.rows if row.verdict]
        missed = verdicts.count("not met")
        told = f"not met in {missed} of {len(verdicts)} rows" if missed else "met" if verdicts else "as measured"
        lines.append(f"| [{figure.name}](#{table.anchor(figure)}) {figure.title} | {figure.aim} | {told} |")
    return lines
