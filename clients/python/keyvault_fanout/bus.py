"""How Service Bus is reached, and what its errors mean. Nothing is opened before it is used."""

from dataclasses import dataclass, field

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.servicebus import TransportType, exceptions
from azure.servicebus.aio import ServiceBusClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Bus:
    """A namespace, by host and identity or by connection string.

        Bus(namespace="contoso.servicebus.windows.net", credential=DefaultAzureCredential())    # of azure.identity.aio
        Bus(connection_string=...)

    It takes the role *Azure Service Bus Data Receiver* on the subscription. The credential is yours: close it
    yourself. `websocket` goes through port 443 where 5671 is closed.
    `timeout` is for one attempt of one operation, in seconds.
    """

    namespace: str = ""
    credential: AsyncTokenCredential | None = None
    connection_string: str = field(default="", repr=False)
    websocket: bool = False
    timeout: float = 20.0

    def __post_init__(self) -> None:
        parts = (bool(self.namespace), self.credential is not None)
        if parts != (not self.connection_string, not self.connection_string):
            raise ValueError("expected either a connection string, or a namespace and a credential")

    def open(self) -> ServiceBusClient:
        """Return a new client. Raises `ValueError`, which repeats nothing, for a connection string that is none.

        It retries once: whoever uses the client goes on by a pace of its own.
        """
        kind = TransportType.AmqpOverWebsocket if self.websocket else TransportType.Amqp
        if self.credential is not None:
            return ServiceBusClient(
                self.namespace,
                self.credential,
                retry_total=1,
                retry_backoff_factor=0.2,
                retry_backoff_max=1,
                try_timeout=self.timeout,
                transport_type=kind,
            )
        try:
            return ServiceBusClient.from_connection_string(
                self.connection_string,
                retry_total=1,
                retry_backoff_factor=0.2,
                retry_backoff_max=1,
                try_timeout=self.timeout,
                transport_type=kind,
            )
        except ValueError:
            raise ValueError("the connection string of Service Bus is wrong") from None


def explain(error: BaseException) -> str:
    """Return what went wrong with the bus: the kind of error and what to do, never its own text."""
    kind = type(error).__name__
    if isinstance(error, exceptions.ServiceBusAuthorizationError):
        return f"{kind}: the role Azure Service Bus Data Receiver (or Sender) is missing"
    if isinstance(error, exceptions.ServiceBusAuthenticationError | ClientAuthenticationError):
        return f"{kind}: no token, or one that is not accepted"
    if isinstance(error, exceptions.MessagingEntityNotFoundError):
        return f"{kind}: there is no such subscription or queue"
    return kind
