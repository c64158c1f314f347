"""The names of the events that sweeps make up. Pure.

Two sweeps may repair the same thing twice, so each has a name of its own. But what cannot be repaired is found by every
sweep: the retries of one day have one name, so that the queue drops all chains of them but one.
"""

import re
from datetime import UTC, datetime

_SWEEP = re.compile(r"\A(sweep-\d{8})T\d{6}Z\Z")
_CHAIN = re.compile(r"\Asweep-\d{8}\Z")


def sweep_id(began: datetime) -> str:
    """Name the event that a sweep makes up."""
    return f"sweep-{began.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def is_sweep(identifier: str) -> bool:
    """Tell whether a sweep made such an event up."""
    return bool(_SWEEP.match(identifier) or _CHAIN.match(identifier))


def chain_id(identifier: str) -> str:
    """Shorten such a name to its day; any other event's stays."""
    return _SWEEP.sub(r"\1", identifier)
