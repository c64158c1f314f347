"""Which subscription gets a message: rules with conditions, one of which has to match. Pure."""

from collections.abc import Sequence

from devstack.servicebus.configuration import CorrelationRule
from devstack.servicebus.messages import Message


def admits(rules: Sequence[CorrelationRule], message: Message) -> bool:
    """Answer whether a subscription with these rules gets the message. No rules: it gets everything."""
    return not rules or any(_matches(rule, message) for rule in rules)


def _matches(rule: CorrelationRule, message: Message) -> bool:
    own = {
        "message_id": message.message_id,
        "correlation_id": message.correlation_id,
        "to": message.properties.to,
        "reply_to": message.properties.reply_to,
        "subject": message.properties.subject,
        "session_id": message.properties.group_id,
        "reply_to_session_id": message.properties.reply_to_group_id,
        "content_type": message.properties.content_type,
    }
    properties = message.application_properties
    return all(own[name] == expected for name, expected in rule.conditions.items()) and all(
        name in properties and _equal(properties[name], expected) for name, expected in rule.properties.items()
    )


def _equal(value: object, expected: object) -> bool:
    # True equals 1 in Python and not in AMQP.
    return isinstance(value, bool) == isinstance(expected, bool) and value == expected
