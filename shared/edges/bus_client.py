"""How a Service Bus namespace is reached: one retry of the SDK's, and a time-out for each try."""

from typing import TypedDict, Unpack

from azure.core.credentials_async import AsyncTokenCredential
from azure.servicebus.aio import ServiceBusClient

from shared.model import SecretValue


class Reached(TypedDict, total=False):
    """By connection string, or by the namespace's host and an identity."""

    connection_string: SecretValue | None
    namespace: str
    credential: AsyncTokenCredential | None


def open_client(timeout: float, **reached: Unpack[Reached]) -> ServiceBusClient:
    """Return a client; `timeout` is for one try, in seconds. Raises `ValueError` where nothing says how to reach it."""
    connection_string, credential = reached.get("connection_string"), reached.get("credential")
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
        reached.get("namespace", ""),
        credential,
        retry_total=1,
        retry_backoff_factor=0.2,
        retry_backoff_max=1,
        try_timeout=timeout,
    )
