"""What the page shows, from notices alone: each rotation's time line, and which target holds which version. Pure.

All times are the notices' own: when the event says that it happened, when a Secret was seen to hold the version, when
the topic took the notice. What lies between them is as right as the clocks of Key Vault, the app and Service Bus agree.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

_PREFIX, _SUFFIX = "dev.keyvault-fanout.", ".v1"
_NEW, _REFRESHED, _CONVERGED, _FAILED = "object.new-version", "target.refreshed", "target.converged", "target.failed"
_EXPIRY = {"object.near-expiry": "expires soon", "object.expired": "has expired"}

MOST_ROTATIONS = 30
MOST_STEPS = 60
MOST_TARGETS = 500
_REMEMBERED = 10
"""How many times as many of each are remembered: a page that stays open for weeks forgets the rest."""

Shown = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One notice: its type, its data, and when the topic took it."""

    type: str
    data: Mapping[str, str]
    at: datetime


@dataclass(slots=True, kw_only=True)
class _Rotation:
    about: tuple[str, str, str]
    version: str
    began: datetime
    origin: str = "event"
    steps: list[Shown] = field(default_factory=list)
    forgotten: int = 0


def parse(body: bytes, at: datetime) -> Told | None:
    """Read a message of the topic; None for what is no notice of ours. Whatever is no text in it is left out."""
    try:
        event = json.loads(body)
        type_, data = event["type"], event["data"]
        texts = {str(name): value for name, value in data.items() if isinstance(value, str)}
        if not all(texts.get(name) for name in ("vault", "objectType", "object", "version")):
            return None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    if not isinstance(type_, str) or not (type_.startswith(_PREFIX) and type_.endswith(_SUFFIX)):
        return None
    return Told(type=type_.removeprefix(_PREFIX).removesuffix(_SUFFIX), data=texts, at=at)


class Story:
    """What was told so far. `add` takes the notices in the order in which the topic took them."""

    def __init__(self) -> None:
        self._rotations: dict[tuple[str, ...], _Rotation] = {}
        self._targets: dict[tuple[str, ...], Shown] = {}
        self._last = ""

    def add(self, told: Told) -> None:
        """Take one notice."""
        data = told.data
        about = (data["vault"], data["objectType"], data["object"])
        began = _instant(data.get("eventTime")) or told.at
        place = (*about, data["version"])
        rotation = self._rotations.setdefault(place, _Rotation(about=about, version=data["version"], began=began))
        rotation.began = min(rotation.began, began)
        target = "/".join(data.get(name, "") for name in ("cluster", "namespace", "secret")).rstrip("/")
        # What is told of an object happened when the event says so; of a failure only the notice tells when.
        seen = _instant(data.get("refreshedTime") or data.get("convergedTime")) or (told.at if target else began)
        what, kind = _sentence(told, target)
        rotation.origin = data.get("origin", rotation.origin)
        if len(rotation.steps) < _REMEMBERED * MOST_STEPS:
            rotation.steps.append({"what": what, "kind": kind, "seen": seen, "told": told.at})
        else:
            rotation.forgotten += 1
        if target:
            self._settle(told, target, seen, kind)
        after = _milliseconds(rotation.began, seen if target else told.at)
        _forget(self._rotations, _REMEMBERED * MOST_ROTATIONS)
        _forget(self._targets, _REMEMBERED * MOST_TARGETS)
        self._last = f"{data['object']}, version {data['version'][:8]}: {what}, {after:,} ms after the event"

    def snapshot(self, *, rotates: bool) -> Shown:
        """Return all that the page shows, newest first; `rotates` tells whether it has a button."""
        newest = sorted(self._rotations.values(), key=lambda one: one.began, reverse=True)
        targets = sorted(self._targets.values(), key=lambda one: str(one["target"]))
        return {
            "rotates": rotates,
            "last": self._last,
            "rotations": [_show(one) for one in newest[:MOST_ROTATIONS]],
            "moreRotations": max(0, len(newest) - MOST_ROTATIONS),
            "targets": targets[:MOST_TARGETS],
            "moreTargets": max(0, len(targets) - MOST_TARGETS),
        }

    def _settle(self, told: Told, target: str, seen: datetime, kind: str) -> None:
        """Note what a target holds. A failure leaves it at the version that it held."""
        data = told.data
        about = "/".join((data["vault"], data["objectType"], data["object"]))
        known = self._targets.get((target, about), {})
        failed = told.type == _FAILED
        # Put at the end: what was told of last is forgotten last.
        self._targets.pop((target, about), None)
        self._targets[(target, about)] = {
            "target": target,
            "object": about,
            "version": known.get("version", "") if failed else data["version"],
            "state": f"behind: {data.get('reason', '')}" if failed else data.get("action", "converged"),
            "kind": kind,
            "owner": data.get("owner", ""),
            "since": _iso(seen),
        }


def _forget(remembered: dict[tuple[str, ...], Any], most: int) -> None:
    """Leave out what was noted first."""
    while len(remembered) > most:
        del remembered[next(iter(remembered))]


def _sentence(told: Told, target: str) -> tuple[str, str]:
    """Say what a notice tells, and of what kind it is: `object`, `done`, `proven` or `failed`."""
    data = told.data
    if told.type == _NEW:
        held = f", held back until {data['plannedTime']}" if "plannedTime" in data else ""
        return f"new version in {data['vault']}{held}", "object"
    if told.type in _EXPIRY:
        return f"version {_EXPIRY[told.type]}", "object"
    if told.type == _REFRESHED:
        words = {"written": "written", "nudged": "written by its owner", "current": "holds it already"}
        return f"{target} {words.get(data.get('action', ''), 'refreshed')}", "done"
    if told.type == _CONVERGED:
        return f"{target} converged: every pod shows it", "proven"
    if told.type == _FAILED:
        return f"{target} stays behind: {data.get('reason', '')}", "failed"
    return told.type, "object"


def _show(rotation: _Rotation) -> Shown:
    vault, type_, name = rotation.about
    steps = sorted(rotation.steps, key=lambda one: (one["seen"], one["told"]))
    return {
        "object": f"{vault}/{type_}/{name}",
        "version": rotation.version,
        "began": _iso(rotation.began),
        "origin": rotation.origin,
        "steps": [
            {
                "what": step["what"],
                "kind": step["kind"],
                "seen": _milliseconds(rotation.began, step["seen"]),
                "told": _milliseconds(rotation.began, step["told"]),
            }
            for step in steps[:MOST_STEPS]
        ],
        "moreSteps": max(0, len(steps) - MOST_STEPS) + rotation.forgotten,
    }


def _instant(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
        # One that no calendar has in UTC (the year 0) is none.
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC) if moment else None
    except (ValueError, OverflowError):
        return None


def _milliseconds(began: datetime, moment: datetime) -> int:
    return round((moment - began).total_seconds() * 1000)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
