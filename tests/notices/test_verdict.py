"""A notice that breaks the contract fails the test that published it, wherever that sees it."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from devstack import stack
from devstack.servicebus import ServiceBus
from shared import notice
from shared.edges.bus import ServiceBusTopic
from shared.model import SecretValue
from shared.notice import ChangeNotice
from shared.telling import Telling
from tests.builders import ABOUT, URL, build_event, build_world
from tests.e2e.scene import Scene
from tests.edges.notices import build_notice
from tests.fakes import NOW, FakeBus
from tests.notices import verdict
from tests.notices.verdict import WrongNoticeError

Change = Callable[[dict[str, Any]], object]
GOOD = build_notice("good")

BODIES: dict[str, tuple[Change, str]] = {
    "a field that the catalogue does not list": (
        lambda event: event["data"].update(password="PLANTED"),
        "event: $.data (additionalProperties)",
    ),
    "an attribute that the catalogue does not list": (
        lambda event: event.update(dataschema="x"),
        "event: $ (additionalProperties)",
    ),
    "a field left out": (lambda event: event["data"].pop("resourceVersion"), "event: $.data (required)"),
    "a field of another type": (lambda event: event["data"].update(keys="PLANTED"), "event: $.data.keys (type)"),
    "a word that the catalogue does not list": (
        lambda event: event["data"].update(action="PLANTED"),
        "event: $.data.action (enum)",
    ),
    "an instant with an offset": (
        lambda event: event.update(time="2026-11-23T12:00:00.000+00:00"),
        "event: $.time (pattern)",
    ),
    "another id than the message's": (
        lambda event: event.update(id="other"),
        "not so: the message id is the event's",
    ),
    "another version than the property's": (
        lambda event: event["data"].update(version="v9"),
        "not so: the properties repeat the fields",
    ),
    "another version of the type": (
        lambda event: event.update(type="dev.keyvault-fanout.target.refreshed.v2"),
        "the type is not in the catalogue",
    ),
}
MESSAGES: dict[str, tuple[dict[str, Any], str]] = {
    "a body that is not JSON": ({"body": b"PLANTED"}, "the body is not JSON"),
    "a body that is no object": ({"body": b"[1]"}, "the type is not in the catalogue"),
    "a property that the catalogue does not list": (
        {"properties": {**GOOD.properties, "value": "PLANTED"}},
        "properties: $ (additionalProperties)",
    ),
    "a property that is no text": (
        {"properties": {**GOOD.properties, "secret": 7}},
        "properties: $.secret (type)",
    ),
    "no properties": ({"properties": {}}, "properties: $ (required)"),
    "another session than the target": ({"session": "other"}, "not so: the session is the event's subject, or short"),
    "a session that is too long": ({"session": "s" * 129}, "not so: the session fits"),
}


def bad_body(change: Change) -> ChangeNotice:
    """Return the good notice with a change in its body."""
    event = json.loads(GOOD.body)
    change(event)
    return replace(GOOD, body=json.dumps(event).encode())


BAD = {
    **{name: (bad_body(change), told) for name, (change, told) in BODIES.items()},
    **{name: (replace(GOOD, **fields), told) for name, (fields, told) in MESSAGES.items()},
}


@pytest.mark.parametrize(("bad", "told"), BAD.values(), ids=BAD)
async def test_the_topic_in_memory_does_not_take(bad: ChangeNotice, told: str) -> None:
    bus = FakeBus()

    with pytest.raises(WrongNoticeError) as caught:
        await bus.publish([GOOD, bad])

    assert told in str(caught.value)
    assert "PLANTED" not in str(caught.value), "what a notice holds is not repeated"
    assert list(bus.kept) == ["good"]


async def test_nothing_in_the_app_swallows_that() -> None:
    """An event leads to it: the pipeline turns every Exception into a failure that is tried again."""
    world = build_world()

    async def publish_a_wrong_one() -> None:
        await FakeBus().publish([bad_body(lambda event: event["data"].update(later=1))])

    world.bus.script.at("publish", publish_a_wrong_one)

    with pytest.raises((WrongNoticeError, BaseExceptionGroup)) as caught:
        await world.deliver(world.rotate("after"))

    assert WrongNoticeError.__name__ in repr(caught.value)
    with pytest.raises(WrongNoticeError):
        await Telling(FakeBus()).tell([replace(GOOD, properties={})])


async def test_a_session_of_a_long_target_is_short_for_it() -> None:
    told = notice.about_object(build_event(object=replace(ABOUT, name="n" * 127)), version="v2", vault_url=URL, at=NOW)

    verdict.check(told)

    assert len(told.session) == 64


async def test_the_topic_of_the_local_stack_shows_what_breaks_the_contract() -> None:
    bad = bad_body(lambda event: event["data"].update(password="PLANTED"))
    async with stack.start() as running:
        await _publish(running.bus, [GOOD, bad])
        (good, wrong) = running.bus.accepted(stack.TOPIC)

    assert verdict.broken_by(good) == []
    assert verdict.broken_by(wrong) == ["event: $.data (additionalProperties)"]
    assert verdict.broken_by(replace(good, properties=replace(good.properties, content_type="text/plain"))) == [
        "the content type is another"
    ]


async def test_the_hunt_that_ends_every_test_finds_it(scene: Scene) -> None:
    await _publish(scene.stack.bus, [replace(GOOD, properties={**GOOD.properties, "later": "x"})])

    with pytest.raises(AssertionError, match="additionalProperties"):
        scene.hunt()

    scene.stack.bus.clear()


async def _publish(bus: ServiceBus, notices: list[ChangeNotice]) -> None:
    topic = ServiceBusTopic(topic=stack.TOPIC, timeout=5, connection_string=SecretValue(bus.connection_string.encode()))
    await topic.publish(notices)
    await topic.close()
