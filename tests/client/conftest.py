"""A topic with one subscription for each test."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusSender

from devstack.servicebus import ServiceBus
from keyvault_fanout import Bus, Listener, Pace
from shared.notice import ChangeNotice
from tests.client.notices import SUBSCRIPTION, TOPIC, message, topic

PATH = f"{TOPIC}/subscriptions/{SUBSCRIPTION}"


@dataclass(slots=True)
class Scene:
    """The topic, a way to tell, and how the client reaches it."""

    broker: ServiceBus
    sender: ServiceBusSender

    @property
    def bus(self) -> Bus:
        """The client's way to the broker."""
        return Bus(connection_string=self.broker.connection_string, timeout=5)

    def listener(self, **options: object) -> Listener:
        """Return a listener that hurries."""
        given = {"pace": Pace(first=0.05, longest=0.2), "subscription": SUBSCRIPTION, **options}
        return Listener(self.bus, topic=TOPIC, **given)  # type: ignore[arg-type]

    async def tell(self, *told: ChangeNotice) -> None:
        """Publish notices as the app does."""
        await self.sender.send_messages([message(one) for one in told])

    async def send(self, body: bytes) -> None:
        """Publish any bytes."""
        await self.sender.send_messages(ServiceBusMessage(body))

    async def dead(self, count: int = 1) -> list[tuple[object, object]]:
        """Return reason and description of the dead letters, once there are so many."""
        letters = await self.broker.wait_for(f"{PATH}/$deadletterqueue", count, 10)
        return [(letter.dead_letter_reason, letter.dead_letter_description) for letter in letters]


@pytest_asyncio.fixture(scope="session")
async def served() -> AsyncIterator[Scene]:
    """A topic; opening its sender costs the SDK half a second, and closing it, too."""
    async with topic() as (broker, sender):
        yield Scene(broker, sender)


@pytest.fixture
def scene(served: Scene) -> Scene:
    """The topic, empty and without planned failures."""
    served.broker.clear()
    served.broker.faults.clear()
    return served
