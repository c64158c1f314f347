"""What a planned failure can be told by, and how it is met."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from devstack.amqp.errors import INTERNAL, AmqpError, ConnectionCutError
from devstack.faults import Faults

T = TypeVar("T")

Kind = Literal["connect", "token", "attach", "send", "receive", "settle", "manage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing a client does. `entity` is a path in lower case, empty for "connect".

    `message_id` is known for "send" (one operation for each message of a batch), "receive" and "settle". `action` is
    the outcome of "settle" (accepted, released, modified, rejected) and the name of "manage" (renew-lock).
    """

    kind: Kind
    entity: str = ""
    message_id: str = ""
    action: str = ""


async def undergo(faults: Faults[Operation], operations: Sequence[Operation], act: Callable[[], T]) -> T:
    """Do something unless a failure is planned for one of the operations that it consists of.

    Raises ConnectionCutError or AmqpError for a planned failure, before or after the effect, and what `act` raises. A
    fault's HTTP status means nothing here.
    """
    for operation in operations:
        fault = await faults.meet(operation)
        if fault is None:
            continue
        if fault.after:
            act()
        if fault.drop:
            raise ConnectionCutError
        raise AmqpError(fault.condition or INTERNAL, "planned by a test")
    return act()
