"""What goes wrong, as AMQP says it: a condition and a description. Raised below, sent to the peer by the engine."""

NOT_FOUND = "amqp:not-found"
NOT_IMPLEMENTED = "amqp:not-implemented"
NOT_ALLOWED = "amqp:not-allowed"
UNAUTHORIZED = "amqp:unauthorized-access"
INTERNAL = "amqp:internal-error"
DECODE = "amqp:decode-error"
INVALID_FIELD = "amqp:invalid-field"
ILLEGAL_STATE = "amqp:illegal-state"
FRAMING = "amqp:connection:framing-error"
FORCED = "amqp:connection:forced"
UNATTACHED_HANDLE = "amqp:session:unattached-handle"
HANDLE_IN_USE = "amqp:session:handle-in-use"
TOO_LARGE = "amqp:link:message-size-exceeded"


class AmqpError(Exception):
    """A request that is refused: the peer gets the condition, and the connection goes on."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(f"{condition}: {description}")
        self.condition = condition
        self.description = description


class DecodeError(AmqpError):
    """Bytes that are not what they claim to be."""

    def __init__(self, description: str) -> None:
        super().__init__(DECODE, description)


class ProtocolError(AmqpError):
    """A peer that broke the rules: its connection is closed with the condition."""


class SessionError(AmqpError):
    """A peer that named a link that is not there: its session is ended with the condition."""


class ConnectionCutError(Exception):
    """The connection ends here, without another byte."""
