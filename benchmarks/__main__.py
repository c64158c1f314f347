"""`python -m benchmarks [--quick] [--write] [FIGURE...]`: print the figures' tables; write docs/benchmarks.md.

`--quick` runs a small version that tells whether everything works rather than how fast it is. `--write` takes all
figures in full. Whether an aim is met changes nothing about the exit code: it is 1 where a figure failed, and then
nothing is written.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence

from benchmarks import catalogue, figure, machine, report, supervise, table
from benchmarks.figure import Figure, Result, Scale
from devstack import stack

DOCUMENT = stack.APP / "docs" / "benchmarks.md"


async def main(chosen: Sequence[Figure], scale: Scale, *, write: bool) -> int:
    """Run the figures one after the other and return the exit code."""
    facts = await machine.describe()
    print("".join(f"{name}: {text}\n" for name, text in facts))
    results: list[tuple[Figure, Result]] = []
    for one in chosen:
        began = time.perf_counter()
        try:
            results.append((one, await supervise.run(one, scale)))
        except supervise.FigureFailedError as error:
            print(f"failed: {error}", file=sys.stderr)
            continue
        print("\n".join(table.section(*results[-1])))
        print(f"({time.perf_counter() - began:.0f} s)\n", flush=True)
    if len(results) != len(chosen):
        return 1
    if write:
        DOCUMENT.write_text(report.compose(facts, results, repetitions=scale.repetitions), encoding="utf-8")
        print(f"written: {DOCUMENT.relative_to(stack.APP)}")
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    names = [one.name for one in catalogue.FIGURES]
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"any of {', '.join(names)}; all by default")
    parser.add_argument("--quick", action="store_true", help="a small version")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md; takes all figures in full")
    wanted = parser.parse_args()
    unknown = set(wanted.figures) - set(names)
    if unknown:
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    if wanted.write and (wanted.quick or wanted.figures):
        parser.error("--write takes all figures in full")
    return wanted


if __name__ == "__main__":
    wanted = _parse()
    chosen = [one for one in catalogue.FIGURES if one.name in wanted.figures or not wanted.figures]
    scale = figure.SMALL if wanted.quick else figure.FULL
    raise SystemExit(asyncio.run(main(chosen, scale, write=wanted.write)))
