"""Who uses which version of one object, of all that was said. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fanout.acks.said import Said


class Use(StrEnum):
    """How an instance stands. Silent is who was not heard of for so long that it is taken for gone."""

    OLD = "old"
    SILENT = "silent"
    NEWEST = "newest"


_ORDER = tuple(Use)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What an instance said last."""

    said: Said
    use: Use


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """All instances that said something about an object, and its newest version; that is empty where not known."""

    about: str
    newest: str
    entries: Sequence[Entry]

    @property
    def all_newest(self) -> bool:
        """Whether somebody was heard lately, and nobody of them uses another version than the newest."""
        uses = {entry.use for entry in self.entries}
        return bool(self.newest) and Use.NEWEST in uses and Use.OLD not in uses


def call(about: str, newest: str, heard: Iterable[Said], *, now: datetime, within: timedelta) -> Roll:
    """Return the roll of an object: of each instance what it said last. Who was not heard `within` a time is silent."""
    last: dict[tuple[str, str], Said] = {}
    for said in heard:
        key = (said.application, said.instance)
        if said.about == about and (key not in last or said.at >= last[key].at):
            last[key] = said
    entries = [Entry(said=said, use=_use(said, newest, now - within)) for said in last.values()]
    entries.sort(key=lambda one: (_ORDER.index(one.use), one.said.application, one.said.instance))
    return Roll(about=about, newest=newest, entries=entries)


def _use(said: Said, newest: str, oldest: datetime) -> Use:
    if said.at < oldest:
        return Use.SILENT
    return Use.NEWEST if said.version == newest else Use.OLD
