"""One broker and one SDK client for the room: opening a sender or receiver costs the SDK half a second."""

import time
from collections.abc import AsyncIterator

import pytest
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender

from devstack.clock import ManualClock
from devstack.servicebus import CorrelationRule, Queue, ServiceBus, Subscription, Topic

from .builders import KEY


@pytest.fixture(scope="session")
def bus_clock() -> ManualClock:
    """The broker's clock. It starts at the present: the SDK compares locks with the system's time."""
    return ManualClock(time.time())


@pytest.fixture(scope="session")
async def running_bus(bus_clock: ManualClock) -> AsyncIterator[ServiceBus]:
    """The broker."""
    async with ServiceBus(
        topics=[
            Topic(
                name="Changes",
                duplicate_window=172_800,
                subscriptions=[
                    Subscription(name="app-a", rules=(CorrelationRule(properties={"vault": "kv1"}),)),
                    Subscription(name="all"),
                ],
            )
        ],
        queues=[
            Queue(name="jobs", max_delivery_count=2),
            # The SDK's receiver stays open for all its tests, and what it still has credit for goes to it alone.
            Queue(name="sdk", max_delivery_count=2, duplicate_window=600),
        ],
        key_name="root",
        key=KEY,
        clock=bus_clock,
    ) as bus:
        yield bus


@pytest.fixture
def bus(running_bus: ServiceBus, bus_clock: ManualClock) -> ServiceBus:
    """The broker, empty and without planned failures, at the present: a lock of its first minute is long over."""
    bus_clock.advance(max(0.0, time.time() - bus_clock()))
    running_bus.clear()
    running_bus.faults.clear()
    return running_bus


@pytest.fixture(scope="session")
async def client(running_bus: ServiceBus) -> AsyncIterator[ServiceBusClient]:
    """The SDK."""
    async with ServiceBusClient.from_connection_string(running_bus.connection_string, retry_total=0) as client:
        yield client


@pytest.fixture(scope="session")
async def sender(client: ServiceBusClient) -> AsyncIterator[ServiceBusSender]:
    """A sender to the SDK's queue."""
    async with client.get_queue_sender("sdk") as sender:
        yield sender


@pytest.fixture(scope="session")
async def topic_sender(client: ServiceBusClient) -> AsyncIterator[ServiceBusSender]:
    """A sender to the topic."""
    async with client.get_topic_sender("changes") as sender:
        yield sender


@pytest.fixture(scope="session")
async def receiver(client: ServiceBusClient) -> AsyncIterator[ServiceBusReceiver]:
    """A receiver from the SDK's queue."""
    async with client.get_queue_receiver("sdk", max_wait_time=5) as receiver:
        yield receiver
