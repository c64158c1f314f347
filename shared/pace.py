"""How patient the app is with what it did: when it looks again, and how fast it restarts. A value."""

from dataclasses import dataclass

REMEMBERED = 172_800.0
"""Seconds that the watch subscription keeps what was told, at least: how far back anybody can look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When things are looked at again. Durations are seconds.

    A check comes `first` after a write and then at doubling distances, until it is `limit` old. A Secret that was put
    back is written again `rewrites` times. Restarts wait `window` for further changes, and `budget` workloads of a
    cluster roll at a time; `restarting` tells whether there are any.

    What failed for a passing reason is tried again up to `retry` seconds later and then at doubling distances, until
    the cause is `patience` old. Up to `direct` clusters are refreshed in the event's own invocation; above that each
    gets a job. Of one cluster up to `targets` Secrets are refreshed at a time; jobs take up the rest.
    """

    first: float = 15.0
    limit: float = 900.0
    rewrites: int = 3
    window: float = 30.0
    budget: int = 3
    restarting: bool = True
    retry: float = 5.0
    patience: float = 86_400.0
    direct: int = 8
    targets: int = 200


DEFAULT_PACE = Pace()
