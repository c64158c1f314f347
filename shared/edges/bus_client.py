"""How a Service Bus namespace is reached: one retry of the SDK's, and a time-out for each try."""

from azure.core.credentials_async import AsyncTokenCredential
from azure.servicebus.aio import ServiceBusClient

from shared.model import SecretValue


def open_client(
    timeout: float, connection_string: SecretValue | None, namespace: str, credential: AsyncTokenCredential | None
) -> ServiceBusClient:
    """Return a client by connection string, or by namespace and identity; `timeout` is for one try, in seconds."""
    if connection_string is not None:
        return ServiceBusClient.from_connection_string(
            connection_string.reveal().decode(),
            retry_total=1,
            retry_backoff_factor=0.2,
            retry_backoff_max=1,
            try_timeout=timeout,
        )
    if credential is None:
        raise ValueError("Service Bus needs a connection string, or a namespace and a credential")
    return ServiceBusClient(
        namespace, credential, retry_total=1, retry_backoff_factor=0.2, retry_backoff_max=1, try_timeout=timeout
    )
