"""A vault that is behind the event is not believed; one that is ahead of a late event is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from shared import reading
from shared.errors import PermanentError, TransientError
from shared.model import ObjectType, SecretMaterial, SecretValue, VaultObject, VaultRead
from shared.observed import Claim, ListedObject, VaultAnswer
from shared.reason import Reason

NEWEST = VaultRead(type=ObjectType.SECRET, name="db")
MOMENT = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass
class Replica:
    """A vault that serves one version as the newest, whatever other versions it knows."""

    served: str
    created: dict[str, datetime | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def read(self, read: VaultRead) -> VaultAnswer:
        """Answer with a version, or as for one that is not there."""
        version = read.version or self.served
        self.asked.append(read.version)
        if version not in self.created:
            raise PermanentError(f"{version}: not there", reason=Reason.OBJECT_NOT_FOUND)
        material = SecretMaterial(version=version, value=SecretValue(b"x"))
        return VaultAnswer(materials=(material,), created=self.created[version])

    async def confirms(self, claim: Claim) -> bool:
        """Know every version that was made."""
        return not claim.versions.isdisjoint(self.created)

    async def inventory(self) -> Sequence[ListedObject]:
        """List nothing."""
        return ()

    async def newest(self, about: VaultObject) -> str:
        """Tell the version that it serves."""
        del about
        return self.served


async def _answer(replica: Replica, announced: str) -> object:
    return (await reading.read_now(replica, [NEWEST], [], announced=announced)).answers[NEWEST]


async def test_the_announced_version_is_believed_without_another_read() -> None:
    replica = Replica("new", {"new": MOMENT})

    answer = await _answer(replica, "new")

    assert isinstance(answer, VaultAnswer)
    assert (answer.version, replica.asked) == ("new", [""])


async def test_a_vault_that_serves_less_than_the_event_speaks_of_is_asked_again_later() -> None:
    answer = await _answer(Replica("old", {"old": MOMENT, "new": MOMENT + timedelta(seconds=1)}), "new")

    assert isinstance(answer, TransientError)
    assert answer.reason is Reason.VAULT_BEHIND


@pytest.mark.parametrize(
    "created",
    [
        {"new": MOMENT, "late": MOMENT - timedelta(seconds=1)},
        {"new": MOMENT, "late": MOMENT},
        {"new": MOMENT, "late": None},
        {"new": None, "late": MOMENT},
        {"new": MOMENT},
    ],
    ids=["older", "of the same second", "without a time", "beside one without a time", "not there, or forged"],
)
async def test_a_late_or_forged_event_does_not_hold_the_newest_version_up(created: dict[str, datetime | None]) -> None:
    answer = await _answer(Replica("new", created), "late")

    assert isinstance(answer, VaultAnswer)
    assert answer.version == "new"


async def test_a_pinned_version_is_not_compared_with_the_event() -> None:
    pinned = VaultRead(type=ObjectType.SECRET, name="db", version="old")
    replica = Replica("new", {"old": MOMENT, "new": MOMENT + timedelta(seconds=1)})

    view = await reading.read_now(replica, [pinned], [], announced="new")

    assert isinstance(view.answers[pinned], VaultAnswer)
    assert replica.asked == ["old"]
