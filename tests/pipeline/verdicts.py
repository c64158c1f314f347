"""How a story ends: what every Secret holds, what was told, and what will come again."""

import pytest

from shared.errors import ConfigurationError, FanoutError, TransientError
from shared.notice import NoticeType
from shared.reason import Reason
from tests.builders import PLACE, World


async def fails(world: World, payload: str) -> set[Reason]:
    """Deliver while the job queue is down too, and return the reasons for which the event will come again.

    With the queue up they would be jobs, and the event would end: see test_retries.
    """
    world.queue.script.fail("schedule", TransientError("down", reason=Reason.QUEUE_UNREACHABLE))
    with pytest.raises(ExceptionGroup) as failed:
        await world.deliver(payload)
    errors = failed.value.exceptions
    assert all(isinstance(error, TransientError | ConfigurationError) for error in errors)
    reasons = {error.reason for error in errors if isinstance(error, FanoutError)}
    return reasons - {Reason.QUEUE_UNREACHABLE}


def assert_done(world: World, *places: str) -> None:
    """Every Secret has the newest bytes, and each truth was told exactly once."""
    places = places or (PLACE,)
    for cluster in world.clusters:
        assert {cluster.values(place)["password"] for place in places} == {"after"}
    subjects = [f"{cluster.name}/{place}" for cluster in world.clusters for place in places]
    assert sorted(world.told()) == sorted((subject, world.newest()) for subject in subjects)
    assert world.told(NoticeType.OBJECT_NEW_VERSION) == [("kv-shop/secret/db-password", world.newest())]
    assert world.told(NoticeType.TARGET_FAILED) == []
