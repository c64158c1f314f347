"""What goes wrong, as AMQP says it: a condition and a description. Raised below, sent to the peer by the engine."""

NOT_FOUND = "amqp:not-found"
NOT_IMPLEMENTED = "amqp:not-implemented"
NOT_ALLOWED = "amqp:not-allowed"
UNAUTHORIZED = "amqp:unauthorized-access"
INTERNAL = "amqp:internal-error"
DECODE = "amqp:decode-error"
INVALID_FIELD = "amqp:invalid-field"
FRAMING = "amqp:connection:framing-error"
UNATTACHED_HANDLE = "amqp:session:unattached-handle"
TOO_LARGE = "amqp:link:message-size-exceeded"


class AmqpError(Exception):
    """A request that is refused with a condition. Where no single request can be, the connection is closed with it."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(f"{condition}: {description}")
        self.condition = condition
        self.description = description


class DecodeError(AmqpError):
    """Bytes that are not what they claim to be."""

    def __init__(self, description: str) -> None:
        super().__init__(DECODE, description)


class ConnectionCutError(Exception):
    """The connection ends here, without another byte."""
