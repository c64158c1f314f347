"""What the SDK's tests share: looking at the broker, receiving one message, a client that tries again."""

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

from devstack.servicebus import ServiceBus


def ids(bus: ServiceBus, path: str = "sdk") -> list[str]:
    """Return the ids of what is in a queue or subscription."""
    return [stored.message_id for stored in bus.messages(path)]


def reconnecting(bus: ServiceBus) -> ServiceBusClient:
    """Make a client that tries again, and soon."""
    return ServiceBusClient.from_connection_string(bus.connection_string, retry_backoff_factor=0.05)


async def receive(receiver: ServiceBusReceiver) -> ServiceBusReceivedMessage:
    """Receive one message."""
    (message,) = await receiver.receive_messages(max_message_count=1)
    return message
