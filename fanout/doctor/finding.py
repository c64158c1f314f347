"""What a check found, and what a person can do about it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"
    """It works, and something is worth knowing."""
    FAILED = "failed"
    SKIPPED = "not looked at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check. `area` is the kind of neighbour, `subject` its name; `fix` is a command or a sentence."""

    area: str
    subject: str
    check: str
    state: State
    detail: str
    fix: str = ""


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 0 where nothing failed, 1 where something did."""
    return 1 if any(one.state is State.FAILED for one in findings) else 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where checks happen: makes their findings."""

    area: str
    subject: str

    def ok(self, check: str, detail: str) -> Finding:
        """Return a finding that all is well."""
        return self._found(check, State.OK, detail)

    def note(self, check: str, detail: str, fix: str = "") -> Finding:
        """Return a finding that works and is worth knowing."""
        return self._found(check, State.NOTE, detail, fix)

    def failed(self, check: str, detail: str, fix: str = "") -> Finding:
        """Return a finding of something that does not work."""
        return self._found(check, State.FAILED, detail, fix)

    def skipped(self, check: str, detail: str, fix: str = "") -> Finding:
        """Return that something was not looked at, and why."""
        return self._found(check, State.SKIPPED, detail, fix)

    def _found(self, check: str, state: State, detail: str, fix: str = "") -> Finding:
        return Finding(area=self.area, subject=self.subject, check=check, state=state, detail=detail, fix=fix)
