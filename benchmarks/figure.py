"""What a figure is: what is compared with what, the aim, what bounds it, and the rows that a run gives. Pure."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from benchmarks import spread
from benchmarks.spread import Spread
from benchmarks.world import World


class About(StrEnum):
    """What an aim speaks of."""

    RATIO = "ratio"
    OURS = "ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A bound for the median: of the ratio to the floor, or of our own value in the row's unit."""

    about: About = About.RATIO
    at_most: float | None = None
    at_least: float | None = None

    def is_met(self, value: float) -> bool:
        """Tell whether a median is within the bound."""
        low = self.at_least is None or value >= self.at_least
        return low and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        bounds = (("at most", self.at_most), ("at least", self.at_least))
        return f"{self.about} {', '.join(f'{word} {bound:,g}' for word, bound in bounds if bound is not None)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison: a value for each repetition, ours and the floor's. Without a floor it is only stated."""

    what: str
    unit: str
    ours: Sequence[float]
    floor: Sequence[float] = ()
    aims: Sequence[Aim] = ()

    @property
    def ratio(self) -> Spread | None:
        """Ours over the floor, or None where there is no floor."""
        return spread.of(spread.ratios(self.ours, self.floor)) if self.floor else None

    @property
    def verdict(self) -> str:
        """Whether the aims are met; empty where there are none."""
        if not self.aims:
            return ""
        return "met" if all(self._meets(aim) for aim in self.aims) else "not met"

    def _meets(self, aim: Aim) -> bool:
        if aim.about is About.OURS:
            return aim.is_met(spread.of(self.ours).median)
        return self.ratio is not None and aim.is_met(self.ratio.median)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run gives. `remarks` are sentences about what was seen in this run."""

    rows: Sequence[Row]
    remarks: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that `from_json` reads."""
        return asdict(self)


def from_json(document: Mapping[str, Any]) -> Result:
    """Read a result that came from another process."""
    rows = [
        Row(**{**row, "aims": [Aim(**{**aim, "about": About(aim["about"])}) for aim in row["aims"]]})
        for row in document["rows"]
    ]
    return Result(rows=rows, remarks=document["remarks"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is run: `small` is for a quick look."""

    repetitions: int
    small: bool

    def of(self, full: int, small: int) -> int:
        """Choose between the number of a full run and that of a small one."""
        return small if self.small else full


FULL = Scale(repetitions=5, small=False)
SMALL = Scale(repetitions=2, small=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of the catalogue. `clusters` is how many API servers have to run for it, 0 for no servers at all."""

    name: str
    title: str
    ours: str
    floor: str
    aim: str
    bound: str
    """What bounds it: written by hand after a profile, and kept here so that a run does not lose it."""
    run: Callable[[World, Scale], Awaitable[Result]]
    clusters: int = 1
