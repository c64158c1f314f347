"""One setting, read from its text. Pure. Each raises `SettingsError`, which names the setting and what was expected."""

import re
from collections.abc import Mapping

from shared.errors import SettingsError

_ENTITY_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/~-]{0,258}[A-Za-z0-9])?")


def required(environ: Mapping[str, str], name: str, expected: str) -> str:
    """Return a text that has to be there; `expected` says what it is."""
    value = environ.get(name, "").strip()
    if not value:
        raise SettingsError(f"{name} is missing; expected {expected}")
    return value


def entity(environ: Mapping[str, str], name: str, kind: str) -> str:
    """Return the name of a queue, topic or subscription; empty where none is set."""
    text = environ.get(name, "").strip()
    if text and not _ENTITY_NAME.fullmatch(text):
        raise SettingsError(f"{name} is no {kind} name; expected letters, digits, '.', '-', '_' and '/'")
    return text


def seconds(environ: Mapping[str, str], name: str, *, default: float, low: float, high: float) -> float:
    """Return a duration in seconds, which has to lie between two limits."""
    text = environ.get(name, "").strip()
    try:
        value = float(text) if text else default
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise SettingsError(f"{name} is wrong; expected seconds from {low:g} to {high:g}")
    return value


def switch(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Return whether something is switched on."""
    text = environ.get(name, "").strip().lower()
    if text not in {"", "on", "off"}:
        raise SettingsError(f"{name} is wrong; expected on or off")
    return text == "on" if text else default


def count(environ: Mapping[str, str], name: str, *, default: int, low: int, high: int) -> int:
    """Return a whole number, which has to lie between two limits."""
    text = environ.get(name, "").strip()
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None if text else default  # noqa: PLR2004
    if value is None or not low <= value <= high:
        raise SettingsError(f"{name} is wrong; expected a whole number from {low} to {high}")
    return value
