"""Times as Kubernetes' objects hold them, and durations as Go writes them."""

import re
from datetime import UTC, datetime

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Return a moment as metav1.Time shows it: RFC 3339, whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def read_stamp(text: str) -> datetime:
    """Return the moment that a metav1.Time shows."""
    return datetime.fromisoformat(text)


def read_duration(text: str) -> float:
    """Return the seconds of a Go duration such as 1h30m, 250ms or 0. Raises ValueError."""
    if text == "0":
        return 0.0
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"not a duration: {text!r:.40}")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
