"""`python -m scripts.cost`: what a month costs, beside what the driver's polling costs. Pure but for printing.

The formulas and prices are those of docs/cost.md, whose tables a test computes anew from here. A month has 30 days.
"""

import argparse
import math
from dataclasses import dataclass, fields, replace

DAYS = 30
_MINUTES = DAYS * 24 * 60
_PAGE = 25
"""Objects on one page of a vault's list (Key Vault REST, `maxresults`)."""

POLLS = {"1.5": 2.0, "1.6": 1.25}
"""Minutes between two reads of one object by one pod: driver 1.5 rotates every two minutes by default; 1.6 follows the
kubelet, which looks after 60 to 90 seconds, 75 in the mean (csi-semantics 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What there is, and how often something happens. Rotations are a month's, minutes those between two sweeps."""

    pods: int = 1000
    mounted: int = 4
    objects: int = 500
    rotations: int = 86
    clusters: int = 3
    targets: int = 10
    minutes: int = 15
    direct: int = 8

    @property
    def sweeps(self) -> int:
        """How many sweeps there are."""
        return _MINUTES // self.minutes

    @property
    def polled(self) -> dict[str, int]:
        """Reads of the vault by the driver of each generation."""
        return {driver: round(self.pods * self.mounted * _MINUTES / every) for driver, every in POLLS.items()}

    @property
    def vault(self) -> int:
        """Operations of the vault: reads and listed versions of what was rotated, pages that the sweeps list.

        What changed within a day is listed by each sweep (`SWEEP_LOOKBACK_SECONDS`).
        """
        reads = self.rotations * (self.clusters if self.clusters > self.direct else 1)
        changed = round(self.rotations / DAYS * self.sweeps)
        return reads + changed + self.sweeps * math.ceil(self.objects / _PAGE)

    @property
    def messages(self) -> int:
        """Operations of Service Bus: a notice about the object, one for each target, a job; each sent and received."""
        return self.rotations * 2 * (1 + self.targets + 1)

    @property
    def executions(self) -> int:
        """How often a function runs: events, a job and a check for each, sweeps."""
        return self.rotations * 3 + self.sweeps

    @property
    def gigabyte_seconds(self) -> int:
        """Memory by time on instances of 2 GB. Each execution counts as one second at least, and few take longer."""
        return self.executions * 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars. `bus` and `premium` are for a month, `log` for a GB; the others as named in docs/cost.md."""

    vault: float = 0.03 / 10_000
    event: float = 0.60 / 1_000_000
    memory: float = 0.000026
    execution: float = 0.40 / 1_000_000
    log: float = 2.30
    bus: float = 0.0


FREE_MEMORY, FREE_EXECUTIONS, FREE_EVENTS = 100_000, 250_000, 100_000
"""GB-seconds, executions and Event Grid operations of a month that cost nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the bill."""

    what: str
    units: str
    dollars: float


def bill(usage: Usage, prices: Prices, *, logged: float = 0.0) -> list[Line]:
    """Return what a month costs; `logged` is GB of logs and traces beyond what is free."""
    memory = max(0, usage.gigabyte_seconds - FREE_MEMORY) * prices.memory
    executions = max(0, usage.executions - FREE_EXECUTIONS) * prices.execution
    return [
        Line(what="Key Vault", units=f"{usage.vault:,} operations", dollars=usage.vault * prices.vault),
        Line(
            what="Event Grid",
            units=f"{usage.rotations:,} operations",
            dollars=max(0, usage.rotations - FREE_EVENTS) * prices.event,
        ),
        Line(
            what="Functions",
            units=f"{usage.executions:,} executions, {usage.gigabyte_seconds:,} GB-seconds",
            dollars=memory + executions,
        ),
        Line(what="Service Bus", units=f"{usage.messages:,} operations of 13 million", dollars=prices.bus),
        Line(what="Log Analytics", units=f"{logged:g} GB beyond 5", dollars=logged * prices.log),
    ]


def polling(usage: Usage, prices: Prices) -> list[Line]:
    """Return what the driver's reads cost in a month, by its generation."""
    return [
        Line(what=f"CSI driver {driver}", units=f"{reads:,} operations", dollars=reads * prices.vault)
        for driver, reads in usage.polled.items()
    ]


def table(lines: list[Line]) -> str:
    """Return lines as Markdown."""
    rows = [f"| {one.what} | {one.units} | {one.dollars:,.2f} |" for one in lines]
    return "\n".join(["| | in 30 days | dollars |", "| --- | --- | --- |", *rows])


def main() -> None:
    """Print both tables for what is given on the command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.cost", description="What a month costs; see docs/cost.md.")
    for one in fields(Usage):
        parser.add_argument(f"--{one.name}", type=int, default=one.default, help=f"{one.default} by default")
    parser.add_argument(
        "--bus", type=float, default=0.0, help="your region's base charge of Service Bus Standard, a month"
    )
    parser.add_argument("--logged", type=float, default=0.0, help="GB of logs and traces beyond what is free")
    given = vars(parser.parse_args())
    prices = replace(Prices(), bus=given.pop("bus"))
    logged = given.pop("logged")
    usage = Usage(**given)
    print(table(polling(usage, prices)))
    print()
    print(table(bill(usage, prices, logged=logged)))


if __name__ == "__main__":
    main()
