"""The job queue from outside: jobs put there by a test, and what became of them."""

import uuid
from datetime import UTC, datetime

from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from devstack import seed, stack
from shared import job_message
from shared.event import EventKind, VaultEvent
from shared.job import Job, RestartJob
from shared.model import ObjectType, VaultObject
from shared.restart import Wish
from tests.e2e.scene import Scene

DEAD_LETTERS = f"{stack.QUEUE}/$DeadLetterQueue"


def restart_job(scene: Scene, *, cluster: str = stack.CLUSTER) -> RestartJob:
    """Return a job, due now, that restarts whoever reads the seed's Secret in its present state."""
    now = datetime.now(UTC)
    secret = scene.stack.cluster.get("secrets", seed.NAMESPACE, seed.SECRET)
    assert secret is not None
    wish = Wish(
        namespace=seed.NAMESPACE,
        secret=seed.SECRET,
        resource_version=secret["metadata"]["resourceVersion"],
        versions={},
    )
    cause = VaultEvent(
        id=str(uuid.uuid4()),
        kind=EventKind.NEW_VERSION,
        object=VaultObject(vault=stack.VAULT, type=ObjectType.SECRET, name=seed.OBJECT),
        version=scene.stack.vault.get(seed.OBJECT).version,
    )
    return RestartJob(cause=cause, cluster=cluster, began=now, due=now, wishes=(wish,))


async def put(scene: Scene, what: Job | bytes) -> None:
    """Send a job, or a body that is none, to the queue."""
    body = what if isinstance(what, bytes) else job_message.compose(what)
    async with (
        ServiceBusClient.from_connection_string(scene.stack.bus.connection_string) as client,
        client.get_queue_sender(stack.QUEUE) as sender,
    ):
        await sender.send_messages(ServiceBusMessage(body))


async def empty(scene: Scene) -> None:
    """Wait until the queue has nothing to deliver, now or later."""
    bus = scene.stack.bus
    # In this order: what becomes due between the two looks is seen by the second one.
    await scene.eventually(lambda: not bus.scheduled(stack.QUEUE) and not bus.messages(stack.QUEUE))
