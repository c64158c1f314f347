"""A time line for a person: milliseconds, who, what. Coloured on a terminal, plain lines elsewhere. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

_COLOURS = {
    "vault": "33",
    "event grid": "35",
    "function": "36",
    "cluster": "34",
    "csi driver": "31",
    "topic": "32",
    "subscriber": "92",
}


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """Something that happened: when (Unix seconds), who saw it, what it was."""

    at: float
    who: str
    what: str


def render(moments: Iterable[Moment], *, colour: bool) -> list[str]:
    """Return one line for each moment, in the order of time, counted from the first."""
    ordered = sorted(moments)
    if not ordered:
        return []
    began = ordered[0].at
    return [_line(moment, moment.at - began, colour=colour) for moment in ordered]


def heading(text: str, *, colour: bool) -> str:
    """Return a heading."""
    return f"\033[1m{text}\033[0m" if colour else text


def _line(moment: Moment, after: float, *, colour: bool) -> str:
    time, who = f"{after * 1000:9.1f} ms", f"{moment.who:<10}"
    if colour:
        who = f"\033[{_COLOURS.get(moment.who, '37')}m{who}\033[0m"
        time = f"\033[2m{time}\033[0m"
    return f"{time}  {who}  {moment.what}"
