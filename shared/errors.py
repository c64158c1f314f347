"""Every error this package raises, by what is to be done next.

    FanoutError
    ├── TransientError        again later: a passing fault of a neighbour
    │   └── ConflictError     look again now: what was to be changed is not as it was read any more
    ├── ConfigurationError    again later, and loudly: somebody has to mend a role, a firewall or a setting
    └── PermanentError        never: record it and end
        ├── MalformedEvent    the payload is not a Key Vault event
        ├── MalformedJob      the message is not a job of ours
        └── DriverWouldFail   the CSI driver could not produce this either (csi-semantics)

`SettingsError` stands apart: it is raised while the app loads, before there is any work.

Texts name objects, versions, targets and rules. They never hold a value, nor a neighbour's response body, which
might hold one.
"""

import traceback
from pathlib import PurePath

from shared.reason import Reason

_FRAMES = 8


class SettingsError(Exception):
    """A setting is missing or wrong. The text names it and says what was expected."""


class FanoutError(Exception):
    """The base of all errors of the running app: a sentence and a machine-readable reason."""

    def __init__(self, message: str, *, reason: Reason) -> None:
        super().__init__(message)
        self.reason = reason


class TransientError(FanoutError):
    """A fault that passes by itself. `retry_after` is the neighbour's own wish in seconds, if it had one."""

    def __init__(self, message: str, *, reason: Reason, retry_after: float | None = None) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class ConflictError(TransientError):
    """A Secret, a workload or a Lease is no longer the one that was read (409): read it anew, and decide again."""


class ConfigurationError(FanoutError):
    """A fault that somebody has to mend outside this app. It is retried, because mending heals it."""


class PermanentError(FanoutError):
    """A fault that no retry heals."""


class MalformedEvent(PermanentError):  # noqa: N818 - a past fact, like every event's name
    """The payload is not a Key Vault event. The text says which part, and what was expected."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason=Reason.MALFORMED_EVENT)


class MalformedJob(PermanentError):  # noqa: N818 - a past fact
    """A message on the job queue is not a job. The text says which part, and what was expected."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason=Reason.MALFORMED_JOB)


class DriverWouldFail(PermanentError):  # noqa: N818 - it states what the driver would do
    """The CSI driver or its Azure provider would refuse this, so nothing may be written.

    The text names the class, object or Secret, and the rule that it breaks.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, reason=Reason.DRIVER_WOULD_FAIL)


def describe_fault(fault: BaseException) -> str:
    """Name an error that nobody foresaw and the calls it came through, innermost first.

    Its text is left out: whoever raised it may have quoted what it was given, and that may be a value.
    """
    frames = list(traceback.walk_tb(fault.__traceback__))[-_FRAMES:]
    calls = [f"{frame.f_code.co_name} ({PurePath(frame.f_code.co_filename).name}:{line})" for frame, line in frames]
    return " < ".join([type(fault).__name__, *reversed(calls)])
