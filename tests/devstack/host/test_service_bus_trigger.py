"""Service Bus triggers against the devstack's broker: complete on success, abandon on failure."""

import asyncio

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from devstack.host import start_process
from devstack.servicebus import Queue, ServiceBus, Subscription, Topic

from .conftest import APPS, needs_worker, wait_for

JOBS = Queue(name="jobs", max_delivery_count=2)
NOTICES = Topic(name="notices", subscriptions=(Subscription(name="app"),))
LISTENERS = 2


async def wait_empty(bus: ServiceBus, path: str) -> None:
    """Wait until everything is settled; the test's own timeout ends a wait in vain."""
    while bus.messages(path):  # noqa: ASYNC110 the broker settles what another process asked for
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("options", [pytest.param([], marks=needs_worker), ["--direct"]])
async def test_messages_are_completed_abandoned_or_dead_lettered_by_the_functions_outcome(options: list[str]) -> None:
    """The second delivery of a failing message is its last; a good one is gone after the first."""
    async with ServiceBus(queues=(JOBS,), topics=(NOTICES,), key="k" * 32) as bus:
        environment = {"Jobs": "jobs", "Bus": bus.connection_string}
        async with (
            start_process(APPS / "queued", environment, options=options) as host,
            ServiceBusClient.from_connection_string(bus.connection_string) as client,
            client.get_queue_sender("jobs") as jobs,
            client.get_topic_sender("notices") as notices,
        ):
            await jobs.send_messages(
                ServiceBusMessage("go", message_id="m-1", application_properties={"n": 7, "s": "x"}), timeout=10
            )
            await jobs.send_messages(ServiceBusMessage("fail", message_id="m-2"), timeout=10)
            await notices.send_messages(ServiceBusMessage("news"), timeout=10)

            await wait_for(host, 'on_job go 1 m-1 {"n": 7, "s": "x"}')
            await wait_for(host, "on_job fail 1 m-2")
            await wait_for(host, "on_job fail 2 m-2")
            await wait_for(host, "on_notice news")
            dead = await bus.wait_for("jobs/$DeadLetterQueue", 1, timeout=30)
            await wait_empty(bus, "jobs")
            await wait_empty(bus, "notices/Subscriptions/app")

    assert [each.message_id for each in dead] == ["m-2"]


@needs_worker
async def test_a_listener_comes_back_after_the_broker_was_away() -> None:
    """The host keeps running, and receives again."""
    async with ServiceBus(queues=(JOBS,), topics=(NOTICES,), key="k" * 32) as bus:
        environment = {"Jobs": "jobs", "Bus": bus.connection_string}
        async with (
            start_process(APPS / "queued", environment) as host,
            ServiceBusClient.from_connection_string(bus.connection_string) as client,
        ):
            while bus.connections < LISTENERS:  # noqa: ASYNC110 another process connects
                await asyncio.sleep(0.01)
            await bus.stop()
            await bus.start()
            async with client.get_queue_sender("jobs") as jobs:
                await jobs.send_messages(ServiceBusMessage("after"), timeout=30)
            await wait_for(host, "on_job after 1")
