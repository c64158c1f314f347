"""When a new version may be used: the settle gate. Pure.

A credential may be in the vault before the server behind it accepts it (peers, finding 7). So the owner of an object
can say that its new version has to wait, by a tag on it, and so does a not-before time in the future. This app then
waits; a CSI driver with rotation does not: it mounts whatever the vault serves at its next poll.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from shared.errors import PermanentError
from shared.reason import Reason

TAG = "keyvault-fanout-hold"
"""The tag on a version: a duration from its creation (`90s`, `5m`, `2h`, `1d`), or a time in ISO 8601."""

_DURATION = re.compile(r"(\d{1,6})\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Held(Protocol):
    """A version that may have to wait: its tags, when it was made, and its not-before time."""

    @property
    def tags(self) -> Mapping[str, str]:
        """What its owner has noted."""
        ...

    @property
    def created(self) -> datetime | None:
        """When it was made; None where the vault does not say."""
        ...

    @property
    def not_before(self) -> datetime | None:
        """From when on it is valid; None for at once."""
        ...


def until(version: Held, now: datetime) -> datetime | None:
    """Return when a version may be used, None where it may be by now.

    Raises `PermanentError` for a tag that says neither a duration nor a time: going ahead might be what it forbids.
    """
    ends = [moment for moment in (version.not_before, _tagged(version)) if moment is not None and moment > now]
    return max(ends, default=None)


def _tagged(version: Held) -> datetime | None:
    text = version.tags.get(TAG, "").strip()
    if not text:
        return None
    duration = _DURATION.fullmatch(text.lower())
    if duration:
        if version.created is None:
            raise PermanentError(f"{TAG}: the vault does not say when the version was made", reason=Reason.BAD_HOLD)
        return version.created + timedelta(**{_UNITS[duration[2]]: int(duration[1])})
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise PermanentError(
            f"the object's tag {TAG} is neither a duration (90s, 5m, 2h, 1d) nor a time", reason=Reason.BAD_HOLD
        ) from None
