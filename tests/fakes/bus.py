"""The topic, the job queue and the subscription that is listened to, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared import job as jobs
from shared import job_message
from shared.job import Job
from shared.model import ObjectType, VaultObject
from shared.notice import ChangeNotice, NoticeType
from shared.ports import Heard
from tests.fakes.script import NOW, Life, Script
from tests.notices import verdict


@dataclass(slots=True)
class FakeBus:
    """A topic with duplicate detection: `kept` by message id, and what was `dropped` because its id was known.

    It takes nothing that breaks the contract.
    """

    life: Life = field(default_factory=Life)
    kept: dict[str, ChangeNotice] = field(default_factory=dict)
    dropped: list[ChangeNotice] = field(default_factory=list)
    script: Script = field(init=False)

    def __post_init__(self) -> None:
        self.script = Script(self.life)

    def told(self, type_: NoticeType) -> list[ChangeNotice]:
        """Return what subscribers got of one type, in order."""
        return [notice for notice in self.kept.values() if notice.type is type_]

    async def publish(self, notices: Sequence[ChangeNotice]) -> None:
        """Take one notice after the other, so that a failure leaves those before it sent."""
        for notice in notices:
            verdict.check(notice)
            async with self.script.call("publish", notice.type):
                if notice.id in self.kept:
                    self.dropped.append(notice)
                else:
                    self.kept[notice.id] = notice


@dataclass(slots=True)
class FakeQueue:
    """A job queue with duplicate detection: what waits in it by message id, in the order of `due`, and all ids ever."""

    life: Life = field(default_factory=Life)
    waiting: dict[str, Job] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    bodies: list[bytes] = field(default_factory=list)
    script: Script = field(init=False)

    def __post_init__(self) -> None:
        self.script = Script(self.life)

    async def schedule(self, scheduled: Sequence[Job]) -> None:
        """Take one job after the other, as it comes out of a message."""
        for one in scheduled:
            async with self.script.call("schedule", type(one).__name__):
                identifier, body = jobs.identify(one), job_message.compose(one)
                self.bodies.append(body)
                if identifier not in self.known:
                    self.known.add(identifier)
                    self.waiting[identifier] = job_message.parse(body)

    def take(self) -> Job:
        """Take the job that is due first."""
        identifier = min(self.waiting, key=lambda key: self.waiting[key].due)
        return self.waiting.pop(identifier)


@dataclass(slots=True)
class FakeWatch:
    """A subscription that keeps the notices about objects which the bus took, with the time of each."""

    bus: FakeBus
    life: Life = field(default_factory=Life)
    times: dict[str, datetime] = field(default_factory=dict)
    script: Script = field(init=False)

    def __post_init__(self) -> None:
        self.script = Script(self.life)

    async def heard(self) -> Heard:
        """Look through what was told."""
        async with self.script.call("heard", ""):
            told = [one for one in self.bus.kept.values() if one.type is NoticeType.OBJECT_NEW_VERSION]
            versions = {
                (
                    VaultObject(
                        vault=one.properties["vault"],
                        type=ObjectType(one.properties["objectType"]),
                        name=one.properties["object"],
                    ),
                    one.properties["version"],
                ): one.properties["origin"] == "event"
                for one in told
            }
            by_event = [self.times.get(one.id, NOW) for one in told if one.properties["origin"] == "event"]
            return Heard(versions=versions, newest=max(by_event, default=None))
