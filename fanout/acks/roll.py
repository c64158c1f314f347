"""Who uses which version of one object, of all that was said. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fanout.acks.said import Said, Unreadable
from shared.model import ObjectType


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
    """All instances that said something about an object, and its newest version; that is empty where not known.

    `whole` says that everything was looked through: who is missing may be on any version. So may who sent one of the
    `unreadable` acknowledgements.
    """

    about: str
    newest: str
    entries: Sequence[Entry]
    whole: bool = True
    unreadable: int = 0

    @property
    def behind(self) -> int:
        """How many instances said last that they use another version, also those that are silent since."""
        return sum(entry.said.version != self.newest for entry in self.entries)

    @property
    def all_newest(self) -> bool:
        """Whether somebody was heard lately, and nobody's last word is another version than the newest."""
        lately = any(entry.use is Use.NEWEST for entry in self.entries)
        return self.whole and not self.unreadable and bool(self.newest) and lately and not self.behind


def call(
    about: str,
    newest: str,
    heard: Iterable[Said | Unreadable],
    *,
    now: datetime,
    within: timedelta,
    whole: bool = True,
) -> Roll:
    """Return the roll of an object: of each instance what it said last. Who was not heard `within` a time is silent."""
    last: dict[tuple[str, str, str], Said] = {}
    unreadable = 0
    for said in heard:
        if isinstance(said, Unreadable):
            unreadable += not said.about or is_same(said.about, about)
            continue
        key = (said.application, said.instance, said.about)
        if is_same(said.about, about) and (key not in last or said.at >= last[key].at):
            last[key] = said
    entries = [Entry(said=said, use=_use(said, newest, now - within)) for said in last.values()]
    entries.sort(key=lambda one: (_ORDER.index(one.use), one.said.application, one.said.instance))
    return Roll(about=about, newest=newest, entries=entries, whole=whole, unreadable=unreadable)


def is_same(one: str, other: str) -> bool:
    """Tell whether two names, `VAULT/TYPE/NAME`, are of one thing: a certificate is its secret, version by version."""
    return _as_secret(one) == _as_secret(other)


def _as_secret(about: str) -> str:
    return about.replace(f"/{ObjectType.CERT}/", f"/{ObjectType.SECRET}/", 1)


def _use(said: Said, newest: str, oldest: datetime) -> Use:
    if said.at < oldest:
        return Use.SILENT
    return Use.NEWEST if said.version == newest else Use.OLD
