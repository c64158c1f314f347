"""What an operator reads of sweeps. See `record`."""

import logging
from datetime import datetime

from shared.reason import Reason, remedy
from shared.record import MOST_NAMED, plain
from shared.sweep import Swept

_log = logging.getLogger(__name__)


def swept(found: Swept, *, seconds: float) -> None:
    """Say what a sweep found: one line that counts, a warning for what no event told, and one line for each failure."""
    _log.info(
        "sweep ended after %.1f s: %d objects, %d targets, %d suspect, %d jobs, %s",
        seconds,
        found.objects,
        found.targets,
        found.suspects,
        found.jobs,
        "the events were not counted"
        if found.missed is None
        else f"{len(found.missed)} changes arrived without an event",
    )
    if found.missed:
        named = ", ".join(map(str, found.missed[:MOST_NAMED]))
        _log.warning(
            "%d changes arrived without an event: %s. %s", len(found.missed), named, remedy(Reason.EVENTS_SILENT)
        )
    for error in found.errors[:MOST_NAMED]:
        _log.error("sweep: %s. %s", plain(str(error)), remedy(error.reason))


def silent(newest: datetime | None) -> None:
    """Say that no event has come for too long."""
    last = newest.isoformat() if newest else "none that is remembered"
    _log.error("no event arrives any more; the last one: %s. %s", last, remedy(Reason.EVENTS_SILENT))
