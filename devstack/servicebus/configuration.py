"""What exists in the namespace: queues, topics, subscriptions and their rules. Durations are seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from devstack.servicebus.messages import StoredMessage


@dataclass(frozen=True, kw_only=True)
class CorrelationRule:
    """Conditions that a message meets all of, compared exactly and by case. None stands for no condition.

    `properties` are application properties; the others are the message's own.
    """

    properties: Mapping[str, object] = field(default_factory=dict)
    subject: str | None = None
    correlation_id: str | None = None

    def matches(self, message: StoredMessage) -> bool:
        """Answer whether a message meets the conditions."""
        given = message.application_properties
        return (
            self.subject in {None, message.subject}
            and self.correlation_id in {None, message.correlation_id}
            and all(name in given and given[name] == expected for name, expected in self.properties.items())
        )


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A subscription: what it gets matches one of its rules, or it has none and gets everything.

    With `requires_session` its messages are received session by session, each by one receiver at a time.
    """

    name: str
    lock_duration: float = 60.0
    max_delivery_count: int = 10
    rules: tuple[CorrelationRule, ...] = ()
    requires_session: bool = False

    def admits(self, message: StoredMessage) -> bool:
        """Answer whether the subscription gets a message."""
        return not self.rules or any(rule.matches(message) for rule in self.rules)


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A queue. `duplicate_window` switches duplicate detection on.

    The SDK's renewers lose locks of less than five seconds, the service's own minimum (local-stack 1.5).
    """

    name: str
    lock_duration: float = 60.0
    max_delivery_count: int = 10
    duplicate_window: float | None = None


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A topic and its subscriptions. `duplicate_window` switches duplicate detection on."""

    name: str
    subscriptions: tuple[Subscription, ...] | list[Subscription] = ()
    duplicate_window: float | None = None
