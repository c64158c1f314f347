"""Jobs as the tests want them: everything defaults, one thing differs."""

from datetime import UTC, datetime, timedelta

from shared.event import EventKind, VaultEvent
from shared.job import CheckJob, RestartJob, Watched
from shared.model import ObjectType, VaultObject
from shared.observed import Driver
from shared.outcome import Mounts
from shared.restart import Wish

BEGAN = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
"""When a `ManualClock` begins."""

CAUSE = VaultEvent(
    id="event-1",
    kind=EventKind.NEW_VERSION,
    object=VaultObject(vault="kv-demo", type=ObjectType.SECRET, name="secret1"),
    version="v2",
    time=BEGAN,
)


def build_check(name: str = "app-secret", *, after: float = 60.0, attempt: int = 0) -> CheckJob:
    """Build a check of one target, due so many seconds after the beginning."""
    watched = Watched(
        namespace="shop",
        secret=name,
        owner=Driver.V1_6_ROTATING,
        resource_version="1001",
        since=BEGAN,
        mounts=Mounts(expected={"web": {"secret/secret1": "v2"}}, remounts=True),
    )
    due = BEGAN + timedelta(seconds=after)
    return CheckJob(cause=CAUSE, cluster="aks-1", began=BEGAN, due=due, attempt=attempt, watched=(watched,))


def build_restart(*, after: float = 15.0) -> RestartJob:
    """Build a wish for restarts."""
    wish = Wish(namespace="shop", secret="app-secret", resource_version="1001", versions={"kv-demo/secret1": "v2"})
    due = BEGAN + timedelta(seconds=after)
    return RestartJob(cause=CAUSE, cluster="aks-1", began=BEGAN, due=due, wishes=(wish,))
