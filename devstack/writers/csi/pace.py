"""The generations of the driver, and the durations that it and the kubelet go by."""

import enum
from dataclasses import dataclass, fields

_SHORTEST = 0.02  # seconds; a busy machine would see no difference below


class Generation(enum.StrEnum):
    """The releases that write in different ways (csi-semantics 0)."""

    V1_5_6 = "1.5.6"
    V1_6_0 = "1.6.0"
    V1_6_1 = "1.6.1"

    @property
    def republishes(self) -> bool:
        """Whether the kubelet's republishing drives rotation, and the controller rewrites Secrets that exist."""
        return self is not Generation.V1_5_6


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds, as the real programs take them unless told otherwise."""

    poll: float = 120.0
    """--rotation-poll-interval: 1.5's tick, and in 1.6 how long a volume whose content changed is left alone."""
    sync: float = 60.0
    """The kubelet's syncFrequency; each sync comes up to half of it later."""
    requeue: float = 300.0
    """How long after one look the controller looks at a pod status again."""
    owners: float = 5.0
    """How often ownerReferences are completed."""
    retry: float = 10.0
    """How long after a failure a mount or a look is tried again."""

    def faster(self, times: float) -> "Pace":
        """Return the same pace, so many times as fast: at 600, five minutes are half a second."""
        return Pace(**{each.name: max(getattr(self, each.name) / times, _SHORTEST) for each in fields(self)})
