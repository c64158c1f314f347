"""Topics: which subscription gets a message, and what it then has for itself. No socket."""

import pytest

from devstack.servicebus import CorrelationRule, Subscription, Topic

from .builders import World, build_message

RULED = "changes/subscriptions/ruled"


def build_world(*rules: CorrelationRule) -> World:
    """Build a topic with one subscription that has these rules and one that has none."""
    return World(
        Topic(
            name="changes",
            duplicate_window=600,
            subscriptions=[Subscription(name="ruled", rules=rules), Subscription(name="all")],
        )
    )


def test_a_subscription_without_rules_gets_everything() -> None:
    world = build_world(CorrelationRule(subject="never"))
    world.send("changes", build_message("a", subject="x"), build_message("b"))
    assert world.ids("changes/subscriptions/all") == ["a", "b"]
    assert world.ids(RULED) == []


@pytest.mark.parametrize(
    ("rule", "own"),
    [
        (CorrelationRule(correlation_id="c"), {"correlation_id": "c"}),
        (CorrelationRule(subject="s"), {"subject": "s"}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_rule_compares_each_of_the_messages_own_properties(rule: CorrelationRule, own: dict[str, str]) -> None:
    world = build_world(rule)
    world.send("changes", build_message("a", **own))  # type: ignore[arg-type]  # texts, every one
    other = {name: value.upper() for name, value in own.items()}
    world.send("changes", build_message("b", **other))  # type: ignore[arg-type]  # texts, every one
    world.send("changes", build_message("c"))
    assert world.ids(RULED) == ["a"]


def test_a_rule_compares_application_properties_by_value() -> None:
    world = build_world(CorrelationRule(properties={"vault": "kv1", "urgent": True}))
    world.send(
        "changes",
        build_message("both", properties={"vault": "kv1", "urgent": True, "more": "x"}),
        build_message("one", properties={"vault": "kv1"}),
        build_message("text", properties={"vault": "kv1", "urgent": "true"}),
        build_message("none"),
    )
    assert world.ids(RULED) == ["both"]


def test_all_conditions_of_a_rule_hold_and_any_rule_is_enough() -> None:
    world = build_world(
        CorrelationRule(subject="new", properties={"vault": "kv1"}), CorrelationRule(properties={"vault": "kv2"})
    )
    world.send(
        "changes",
        build_message("a", subject="new", properties={"vault": "kv1"}),
        build_message("b", subject="old", properties={"vault": "kv1"}),
        build_message("c", subject="old", properties={"vault": "kv2"}),
    )
    assert world.ids(RULED) == ["a", "c"]


def test_a_message_that_matches_two_rules_comes_once() -> None:
    world = build_world(CorrelationRule(subject="new"), CorrelationRule(properties={"vault": "kv1"}))
    world.send("changes", build_message("a", subject="new", properties={"vault": "kv1"}))
    assert world.ids(RULED) == ["a"]


def test_each_subscription_counts_for_itself_and_remembers_the_topics_number() -> None:
    world = build_world(CorrelationRule(subject="new"))
    world.send("changes", build_message("a"), build_message("b", subject="new"))
    (stored,) = world.namespace.find_queue(RULED).messages
    assert (stored.sequence_number, stored.enqueue_sequence_number) == (1, 2)


def test_subscriptions_settle_independently() -> None:
    world = build_world()
    world.send("changes", build_message("a"))
    world.namespace.find_queue(RULED).take(lock=False)
    assert world.ids(RULED) == []
    assert world.ids("changes/subscriptions/all") == ["a"]


def test_a_duplicate_reaches_no_subscription() -> None:
    world = build_world()
    world.send("changes", build_message("a"))
    world.send("changes", build_message("a"))
    assert world.ids(RULED) == ["a"]
    assert [stored.duplicate for stored in world.namespace.find_inlet("changes").accepted] == [False, True]


def test_a_scheduled_message_reaches_the_subscriptions_when_it_is_due() -> None:
    world = build_world()
    world.send("changes", build_message("a", scheduled_for=world.clock() + 10))
    assert world.ids(RULED) == []
    world.clock.advance(10)
    world.namespace.advance()
    assert world.ids(RULED) == ["a"]


def test_paths_are_compared_without_regard_to_case() -> None:
    world = World(Topic(name="Key-Changes", subscriptions=[Subscription(name="App-A")]))
    world.send("KEY-changes", build_message("a"))
    assert world.ids("key-changes/Subscriptions/app-a") == ["a"]
