"""One blob store for each process of tests, a container for each test; a broker for each test."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from azure.servicebus.aio import ServiceBusClient
from azure.storage.blob.aio import ContainerClient

from devstack import stack
from devstack.servicebus import Queue, ServiceBus
from fanout.deadletters.container import Container
from fanout.deadletters.settings import ContainerSetting
from shared.model import SecretValue
from tests.operator import azurite
from tests.operator.azurite import Azurite
from tests.operator.letters import QUEUE, TWO_DAYS, AheadClock, Bench, Store
from tests.operator.standing import Standing


@pytest_asyncio.fixture(scope="session")
async def blob_store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Azurite]:
    """The blob store."""
    if azurite.PACKAGES.node() is None:
        pytest.skip(azurite.ABSENT)
    async with azurite.start(tmp_path_factory.mktemp("azurite")) as running:
        yield running


@pytest.fixture
async def store(blob_store: Azurite) -> AsyncIterator[Store]:
    """A container of its own, seen from the other side."""
    name = f"dead-{uuid.uuid4().hex[:12]}"
    blocks: dict[str, Any] = {"max_single_put_size": 512 * 1024, "max_block_size": 512 * 1024}
    async with ContainerClient.from_connection_string(blob_store.connection_string, name, **blocks) as client:
        await client.create_container()
        yield Store(client=client, connection_string=blob_store.connection_string, name=name)


@pytest.fixture
async def container(store: Store) -> AsyncIterator[Container]:
    """The edge, pointed at that container; a listing has many pages."""
    setting = ContainerSetting(connection_string=SecretValue(store.connection_string.encode()), name=store.name)
    edge = Container(setting, page=100)
    yield edge
    await edge.aclose()


@pytest_asyncio.fixture(scope="session")
async def open_bench() -> AsyncIterator[Bench]:
    """A job queue that gives up soon, and that remembers ids for two days."""
    clock = AheadClock()
    queue = Queue(name=QUEUE, max_delivery_count=2, duplicate_window=TWO_DAYS)
    async with (
        ServiceBus(queues=[queue], key="key", clock=clock) as broker,
        ServiceBusClient.from_connection_string(broker.connection_string) as client,
        client.get_queue_sender(QUEUE) as sender,
        client.get_queue_receiver(QUEUE) as receiver,
    ):
        yield Bench(broker=broker, clock=clock, sender=sender, receiver=receiver)


@pytest.fixture
def bench(open_bench: Bench) -> Bench:
    """The queue, empty."""
    open_bench.clear()
    return open_bench


@pytest_asyncio.fixture(scope="module")
async def open_standing() -> AsyncIterator[Standing]:
    """The stack of a module."""
    clock = AheadClock()
    async with stack.start(clock=clock) as running:
        yield Standing(running, clock)


@pytest.fixture
def standing(open_standing: Standing) -> Standing:
    """The stack, as good as new."""
    open_standing.reset()
    return open_standing
