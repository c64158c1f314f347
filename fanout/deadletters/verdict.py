"""What is thought of a dead letter, and what became of it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from shared.settings import Settings


class Verdict(StrEnum):
    """What a dead letter is to us."""

    OURS = "ours"
    PARTLY = "partly ours"
    """A blob with events of ours and others: ours are replayed, the blob stays."""
    FOREIGN = "not ours"
    MALFORMED = "malformed"
    HUGE = "huge"
    UNREADABLE = "unreadable"
    GONE = "gone"
    """Listed a moment ago and not there any more: somebody else replayed or removed it."""


class Status(StrEnum):
    """What became of a dead letter in a replay."""

    REPLAYED = "replayed"
    WOULD = "would be replayed"
    GONE = "gone"
    LEFT = "left alone"
    """Nothing that this app could do; it was not touched."""
    STAYS = "stays"
    """Ours, and not all of it was done: replay it again."""
    MISSING = "not found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one dead letter. `source` is "event" or "job", `text` the reason where there is one."""

    source: str
    id: str
    status: Status
    text: str = ""
    named: bool = False
    """Whether the operator asked for this one."""

    @property
    def failed(self) -> bool:
        """Whether what was asked for is not done. With --all, what is not ours was not asked for."""
        return self.status in {Status.STAYS, Status.MISSING} or (self.named and self.status is Status.LEFT)


def exit_code(outcomes: Iterable[Outcome], errors: Iterable[str]) -> int:
    """Return 0 where all is done, 1 where something is not."""
    return 1 if any(one.failed for one in outcomes) or any(errors) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The vaults (with their hosts) and clusters that the settings list: what is about others is not ours."""

    vaults: dict[str, str]
    clusters: frozenset[str]

    @classmethod
    def of(cls, settings: Settings) -> "Known":
        """Return what the settings list."""
        return cls(
            vaults={one.name: one.host for one in settings.vaults},
            clusters=frozenset(one.name for one in settings.clusters),
        )
