"""Everyone the flow speaks to, and how long it may take. Values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.pace import DEFAULT_PACE, Pace
from shared.ports import Bus, Cluster, Queue, Vault, Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedVault:
    """A vault on the configured list: its client, its URL, and the host that events have to name."""

    vault: Vault
    url: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The neighbours. `vaults` by name in lower case: nobody else is ever contacted.

    `watch` is where the app hears what it told; without it nobody compares changes with events.
    """

    vaults: Mapping[str, ListedVault]
    clusters: Sequence[Cluster]
    bus: Bus
    queue: Queue
    watch: Watch | None = None

    def cluster(self, name: str) -> Cluster | None:
        """Return the cluster of a name, or None where the settings list it no more."""
        return next((one for one in self.clusters if one.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long the flow may take and look back, and how fast it goes."""

    deadline: float
    """Seconds that an event or a job may take."""
    telling: float
    """Seconds that telling may take."""
    nudging: bool = True
    """Whether pods that wait for a change are woken."""
    pace: Pace = DEFAULT_PACE
    """How many at a time, and how long until the next look."""
    sweep: float = 300.0
    """Seconds that a sweep may take."""
    lookback: float = 86_400.0
    """Seconds that a sweep looks back for new versions that no event told of."""
    grace: float = 600.0
    """Seconds that an event may take to arrive before it counts as missed."""
    heartbeat: float = 0.0
    """Seconds without any event after which the event path counts as broken; 0 for never."""
    named: bool = False
    """Whether metrics may name objects."""

    @property
    def reserve(self) -> float:
        """Seconds kept back for telling, and for putting on the queue what could not be told."""
        return self.telling * 1.5
