"""What an instance holds, what it was told of, and whether it is behind. Values; moments are given."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from keyvault_fanout.value import SecretValue

_REMEMBERED = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How a kept value is, for a health check.

    `version` is the one that is held, empty where it is not known; `told` one that a notice spoke of and that is not
    here yet. `checked` is when the value was last read, `since` when it last changed; both are None before the first.
    `stale` says that there is no value, or that it is known or suspected to be an old one, and `reason` why. `failing`
    names a handler that failed with the newest value, or has not returned within ten seconds.
    """

    stale: bool
    reason: str = ""
    version: str = ""
    told: str = ""
    checked: datetime | None = None
    since: datetime | None = None
    failing: str = ""


@dataclass(slots=True)
class Holding:
    """The state of one kept value. `changes` counts values, so that who acts upon them knows which it has seen."""

    value: SecretValue | None = None
    version: str = ""
    changes: int = 0
    told: str = ""
    told_at: datetime | None = None
    error: str = ""
    checked: datetime | None = None
    since: datetime | None = None
    _past: deque[str] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def is_news(self, version: str) -> bool:
        """Tell whether a version that somebody speaks of is another one than those that are, or were, held here."""
        return version not in {self.version, self.told} and version not in self._past

    def tell(self, version: str, now: datetime) -> None:
        """Note that somebody spoke of a version."""
        self.told, self.told_at = version, now

    def read(self, value: SecretValue, now: datetime) -> bool:
        """Take a value that was read, and tell whether it is another one."""
        self.checked, self.error = now, ""
        if self.value is not None and self.value == value:
            return False
        self.value, self.since = value, now
        self.changes += 1
        return True

    def adopt(self, version: str) -> None:
        """Know the version of what is held; nothing else is waited for."""
        if self.version and self.version != version:
            self._past.append(self.version)
        self.version = version
        self.told, self.told_at = "", None

    def fail(self, error: str) -> None:
        """Note why it could not be read; what is held stays."""
        self.error = error

    def waited(self, now: datetime) -> float:
        """Return how many seconds ago somebody spoke of a version that is not here yet; 0 where nobody did."""
        return max(0.0, (now - self.told_at).total_seconds()) if self.told_at else 0.0
