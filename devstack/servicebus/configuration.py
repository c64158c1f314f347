"""What exists in the namespace: queues, topics, subscriptions and their rules, as values that cannot be built wrong.

Durations are seconds, sizes bytes. What this broker does not do is refused here, with `NotServedError`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from devstack.servicebus.errors import NotServedError

MAX_MESSAGE_SIZE = 262_144
"""The limit of the standard tier."""

SHORTEST_LOCK = 1.0
"""The service's own minimum is five seconds; the SDK's renewers lose anything shorter than that (local-stack 1.5)."""


@dataclass(frozen=True, kw_only=True)
class CorrelationRule:
    """Conditions that a message meets all of, compared exactly and by case. None stands for no condition.

    `properties` are application properties; the others are the message's own, under the names AMQP gives them.
    """

    properties: Mapping[str, object] = field(default_factory=dict)
    message_id: str | None = None
    correlation_id: str | None = None
    to: str | None = None
    reply_to: str | None = None
    subject: str | None = None
    session_id: str | None = None
    reply_to_session_id: str | None = None
    content_type: str | None = None

    def __post_init__(self) -> None:
        if not self.conditions and not self.properties:
            raise ValueError("a rule has a condition; a subscription without rules gets everything")

    @property
    def conditions(self) -> dict[str, str]:
        """The conditions on the message's own properties, by name."""
        named = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "properties"}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class _Named:
    name: str

    def __post_init__(self) -> None:
        if not self.name or self.name.startswith(("/", "$")) or self.name.endswith("/"):
            raise ValueError(f"{self.name!r} is no name of an entity")


@dataclass(frozen=True, kw_only=True)
class _Receiving(_Named):
    """What can be received from. `default_ttl` is the longest that a message lives, whatever it says itself."""

    lock_duration: float = 60.0
    max_delivery_count: int = 10
    default_ttl: float | None = None
    dead_letter_expired: bool = False
    requires_session: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.requires_session:
            raise NotServedError(f"{self.name}: sessions are not served")
        if self.lock_duration < SHORTEST_LOCK or self.max_delivery_count < 1:
            raise ValueError(
                f"{self.name}: a lock lasts {SHORTEST_LOCK} s at least, a message is delivered once at least"
            )


@dataclass(frozen=True, kw_only=True)
class Subscription(_Receiving):
    """A subscription: what it gets matches one of its rules, or it has none and gets everything."""

    rules: tuple[CorrelationRule, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        # The annotation says so already, but a configuration may come from a file.
        rules: tuple[object, ...] = self.rules
        if any(not isinstance(rule, CorrelationRule) for rule in rules):
            raise NotServedError(f"{self.name}: SQL filters are not served, correlation rules are")


@dataclass(frozen=True, kw_only=True)
class Queue(_Receiving):
    """A queue. `duplicate_window` switches duplicate detection on."""

    duplicate_window: float | None = None
    max_message_size: int = MAX_MESSAGE_SIZE


@dataclass(frozen=True, kw_only=True)
class Topic(_Named):
    """A topic and its subscriptions. `duplicate_window` switches duplicate detection on."""

    subscriptions: tuple[Subscription, ...] | list[Subscription] = ()
    duplicate_window: float | None = None
    max_message_size: int = MAX_MESSAGE_SIZE
