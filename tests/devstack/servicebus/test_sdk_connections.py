"""The unmodified SDK when connections fail, over TLS, and from threads: each test has clients of its own."""

import asyncio
import time
from pathlib import Path
from typing import Self

import pytest
from azure.core.credentials import AccessToken
from azure.servicebus import (
    AutoLockRenewer as SyncAutoLockRenewer,
)
from azure.servicebus import (
    ServiceBusClient as SyncClient,
)
from azure.servicebus import (
    ServiceBusMessage,
    TransportType,
)
from azure.servicebus.aio import AutoLockRenewer, ServiceBusClient
from azure.servicebus.exceptions import (
    MessagingEntityNotFoundError,
    OperationTimeoutError,
)

from devstack.certificates import Authority
from devstack.clock import ManualClock
from devstack.faults import Fault
from devstack.servicebus import Queue, ServiceBus

from .builders import KEY
from .sdk import ids, receive, reconnecting


async def test_a_silent_broker_is_given_up_after_the_timeout(bus: ServiceBus, client: ServiceBusClient) -> None:
    bus.faults.plan(lambda op: op.kind == "send" and op.entity == "jobs", Fault(delay=3600))
    async with client.get_queue_sender("jobs") as sender:
        with pytest.raises(OperationTimeoutError):
            await sender.send_messages(ServiceBusMessage("x"), timeout=1)
    assert bus.messages("jobs") == ()


async def test_after_a_cut_the_sdk_sends_again_and_the_lost_answer_makes_no_double(bus: ServiceBus) -> None:
    bus.faults.plan(lambda op: op.kind == "send" and op.entity == "sdk", Fault(drop=True, after=True))
    async with (
        reconnecting(bus) as client,
        client.get_queue_sender("sdk") as sender,
    ):
        await sender.send_messages(ServiceBusMessage("x", message_id="a"))
    assert ids(bus) == ["a"]
    assert [stored.duplicate for stored in bus.accepted("sdk")] == [False, True]


async def test_a_message_is_completed_through_management_when_the_link_was_cut(bus: ServiceBus) -> None:
    async with (
        reconnecting(bus) as client,
        client.get_queue_sender("jobs") as sender,
        client.get_queue_receiver("jobs", max_wait_time=5) as receiver,
    ):
        await sender.send_messages(ServiceBusMessage("x", message_id="a"))
        message = await receive(receiver)
        bus.faults.plan(lambda op: op.kind == "settle", Fault(drop=True))
        await receiver.complete_message(message)
    assert ids(bus, "jobs") == []


async def test_the_auto_lock_renewer_keeps_a_lock() -> None:
    # The renewer finds a lock of less than ten seconds short at its first look, and not after minutes.
    clock = ManualClock(time.time())
    async with (
        ServiceBus(queues=[Queue(name="jobs", lock_duration=9.0)], key=KEY, clock=clock) as bus,
        reconnecting(bus) as client,
        client.get_queue_sender("jobs") as sender,
        client.get_queue_receiver("jobs", max_wait_time=5) as receiver,
    ):
        await sender.send_messages(ServiceBusMessage("x"))
        message = await receive(receiver)
        clock.advance(1)
        async with AutoLockRenewer() as renewer:
            renewer.register(receiver, message, max_lock_renewal_duration=30)
            async with asyncio.timeout(10):
                while [stored.lock.until for stored in bus.messages("jobs") if stored.lock] != [clock() + 9]:  # noqa: ASYNC110 -- see below
                    await asyncio.sleep(0.05)  # The SDK tells nobody of a lock that it has renewed.
        await receiver.complete_message(message)
        assert bus.messages("jobs") == ()


class StaticCredential:
    """A credential with one token."""

    async def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        """Return the token."""
        return AccessToken("head.claims.signature", int(time.time()) + 3600)

    async def close(self) -> None:
        """Hold nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


async def test_a_namespace_with_a_credential_and_tls_is_reached_like_the_real_one(tmp_path: Path) -> None:
    authority = Authority.create()
    ca = tmp_path / "ca.pem"
    ca.write_text(authority.ca_pem)
    async with (
        ServiceBus(
            queues=[Queue(name="jobs")],
            key=KEY,
            tls=authority.server_context(),
            verify_token=lambda token: token == "head.claims.signature",
        ) as bus,
        ServiceBusClient(
            "ns.servicebus.windows.net",
            StaticCredential(),
            custom_endpoint_address=bus.endpoint,
            transport_type=TransportType.Amqp,
            connection_verify=str(ca),
        ) as client,
        client.get_queue_sender("jobs") as sender,
    ):
        await sender.send_messages(ServiceBusMessage("x", message_id="a"))
        assert [stored.message_id for stored in bus.messages("jobs")] == ["a"]


async def test_a_stopped_broker_continues_where_it_was(bus_clock: ManualClock) -> None:
    bus = ServiceBus(queues=[Queue(name="jobs")], key=KEY, clock=bus_clock)
    await bus.start()
    port = bus.port
    async with (
        reconnecting(bus) as client,
        client.get_queue_sender("jobs") as sender,
    ):
        await sender.send_messages(ServiceBusMessage("x", message_id="a"))
        await bus.stop()
        await bus.start()
        assert bus.port == port
        await sender.send_messages(ServiceBusMessage("x", message_id="b"))
    assert ids(bus, "jobs") == ["a", "b"]
    await bus.stop()


def run_sync(connection_string: str) -> list[tuple[str | None, int | None]]:
    """Send, receive, renew, abandon and complete with the sync SDK; return the ids and delivery counts."""
    seen: list[tuple[str | None, int | None]] = []
    with (
        SyncClient.from_connection_string(connection_string) as client,
        client.get_queue_sender("jobs") as sender,
        client.get_queue_receiver("jobs", max_wait_time=5) as receiver,
        SyncAutoLockRenewer() as renewer,
    ):
        sender.send_messages([ServiceBusMessage("x" * 100_000, message_id="a")])
        (message,) = receiver.receive_messages()
        renewer.register(receiver, message)
        receiver.renew_message_lock(message)
        seen.append((message.message_id, message.delivery_count))
        receiver.abandon_message(message)
        for again in receiver:
            seen.append((again.message_id, again.delivery_count))
            receiver.complete_message(again)
            break
    return seen


async def test_the_sync_sdk_sends_receives_and_settles(bus: ServiceBus) -> None:
    # In a thread, because a sync client on the broker's own loop would wait for itself.
    assert await asyncio.to_thread(run_sync, bus.connection_string) == [("a", 0), ("a", 1)]
    assert bus.messages("jobs") == ()


def fail_sync(connection_string: str) -> None:
    """Send to an entity that is not there."""
    with (
        SyncClient.from_connection_string(connection_string, retry_total=0) as client,
        pytest.raises(MessagingEntityNotFoundError),
        client.get_queue_sender("nowhere") as sender,
    ):
        sender.send_messages(ServiceBusMessage("x"), timeout=5)


async def test_the_sync_sdk_hears_of_an_unknown_entity(bus: ServiceBus) -> None:
    await asyncio.to_thread(fail_sync, bus.connection_string)
    assert bus.connections > 0
