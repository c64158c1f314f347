"""A status' list of conditions, kept as apimachinery's SetStatusCondition does. Pure."""

from collections.abc import Sequence
from datetime import datetime

from devstack.writers.clock import stamp
from devstack.writers.cluster import Document


def with_condition(
    conditions: Sequence[Document], *, kind: str, status: str, reason: str, message: str, at: datetime
) -> list[Document]:
    """Return the conditions with one set; its transition time moves only with its status."""
    before = next((each for each in conditions if each["type"] == kind), None)
    unmoved = before is not None and before["status"] == status
    new = {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": before["lastTransitionTime"] if before and unmoved else stamp(at),
    }
    if before is None:
        return [*conditions, new]
    return [new if each is before else each for each in conditions]
