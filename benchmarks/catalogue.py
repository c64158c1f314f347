"""Every figure, in the order of the document."""

from benchmarks.figure import Figure
from benchmarks.figures import burst, clusters, cold, delayed, event, finding, notice, reads, render, targets

FIGURES: tuple[Figure, ...] = (
    event.FIGURE,
    delayed.FIGURE,
    notice.FIGURE,
    targets.FIGURE,
    clusters.FIGURE,
    burst.FIGURE,
    finding.FIGURE,
    cold.FIGURE,
    reads.FIGURE,
    render.FIGURE,
)


def find(name: str) -> Figure:
    """Return the figure of a name. Raises `KeyError`."""
    return {figure.name: figure for figure in FIGURES}[name]
