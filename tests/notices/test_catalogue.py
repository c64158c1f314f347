"""The catalogue and what the app sends are the same: nothing more, nothing less."""

from typing import Any

import jsonschema
import pytest

from contract import schema
from contract.catalogue import ACKNOWLEDGED, MESSAGES, NOTICES, Message
from contract.samples import samples
from shared import notice
from shared.model import Target
from shared.notice import NoticeType
from shared.outcome import Action, ObjectVersion, TargetOutcome
from tests.builders import ABOUT, build_event
from tests.fakes import NOW
from tests.notices import verdict

SAMPLES = samples()
SENT_WHEN_LARGE = {"keysOmitted"}
"""Not in a sample: it comes with more than 16 KiB of names."""


@pytest.fixture(params=MESSAGES, ids=lambda message: message.name)
def message(request: pytest.FixtureRequest) -> Message:
    """Each message type."""
    found = request.param
    assert isinstance(found, Message)
    return found


def valid(document: dict[str, Any], instance: object) -> bool:
    """Tell whether a schema lets something through."""
    return bool(jsonschema.Draft202012Validator(document).is_valid(instance))


def test_every_notice_type_is_in_the_catalogue_and_no_other() -> None:
    assert [one.name for one in NOTICES] == list(NoticeType)


def test_every_field_of_the_catalogue_is_sent(message: Message) -> None:
    """A field that nothing sends is a promise that nobody keeps."""
    listed = {field.name for field in message.fields} - SENT_WHEN_LARGE

    assert set(SAMPLES[message.name].event["data"]) == listed
    assert set(SAMPLES[message.name].properties) == set(message.properties)


def test_a_notice_with_too_many_keys_keeps_the_contract() -> None:
    target = Target(cluster="aks-one", namespace="shop", secret="s")
    keys = tuple(f"{number:05}" + "k" * 248 for number in range(100))
    held = (ObjectVersion(object=ABOUT, version="v2"),)
    outcome = TargetOutcome(target=target, action=Action.WRITTEN, at=NOW, holds=held, keys=keys)

    (told,) = notice.about_target(build_event(), outcome)

    verdict.check(told)
    assert b'"keysOmitted":' in told.body


def test_a_schema_is_valid_and_its_sample_too(message: Message) -> None:
    jsonschema.Draft202012Validator.check_schema(schema.public(message))

    assert valid(schema.public(message), SAMPLES[message.name].event)
    assert valid(schema.payload(message, strict=True), SAMPLES[message.name].event)
    assert valid(schema.properties(message, strict=True), dict(SAMPLES[message.name].properties))


def test_a_schema_means_the_same_in_the_draft_that_asyncapi_reads(message: Message) -> None:
    jsonschema.Draft7Validator.check_schema(schema.payload(message))
    words = _keywords(schema.payload(message))

    assert words <= {*jsonschema.Draft7Validator.VALIDATORS, "description", "examples", "x-since"}


def _keywords(document: dict[str, Any]) -> set[str]:
    below = [*document.get("properties", {}).values(), *filter(None, [document.get("items")])]
    return set(document) | {word for one in below for word in _keywords(one)}


# A consumer's schema outlives the app that it was built with


def test_a_consumers_schema_lets_a_later_field_through(message: Message) -> None:
    event = SAMPLES[message.name].event
    later = {**event, "later": 1, "data": {**event["data"], "later": {"deep": []}}}

    assert valid(schema.public(message), later)


def test_a_consumers_schema_lets_a_later_word_through() -> None:
    for name, field in (("target.failed", "reason"), ("target.refreshed", "action"), ("object.expired", "origin")):
        (found,) = [one for one in MESSAGES if one.name == name]
        event = SAMPLES[name].event

        assert valid(schema.public(found), {**event, "data": {**event["data"], field: "later"}})


def test_a_consumers_schema_refuses_another_version(message: Message) -> None:
    later = message.event_type.replace(".v1", ".v2")

    assert not valid(schema.public(message), {**SAMPLES[message.name].event, "type": later})


def test_a_consumers_schema_refuses_a_notice_without_a_required_field(message: Message) -> None:
    event = SAMPLES[message.name].event
    required = [field.name for field in message.fields if field.required]

    for name in required:
        less = {key: value for key, value in event["data"].items() if key != name}
        assert not valid(schema.public(message), {**event, "data": less}), name


def test_an_optional_field_may_be_absent(message: Message) -> None:
    event = SAMPLES[message.name].event
    required = {field.name for field in message.fields if field.required}
    least = {key: value for key, value in event["data"].items() if key in required}

    assert valid(schema.public(message), {**event, "data": least})


@pytest.mark.parametrize(
    "moment",
    ["2026-11-23T12:00:00Z", "2026-11-23T12:00:00.000000Z", "2026-11-23T12:00:00.000+00:00", "2026-11-23", ""],
)
def test_an_instant_is_in_utc_with_milliseconds(message: Message, moment: str) -> None:
    assert not valid(schema.public(message), {**SAMPLES[message.name].event, "time": moment})


def test_an_acknowledgement_names_an_instance_and_a_version() -> None:
    assert [field.name for field in ACKNOWLEDGED.fields] == [
        "application",
        "instance",
        "vault",
        "objectType",
        "object",
        "version",
        "since",
    ]


def test_a_field_says_the_same_wherever_it_is() -> None:
    """The table of the documentation has one line for each."""
    by_name: dict[str, set[object]] = {}
    for one in NOTICES:
        for field in one.fields:
            by_name.setdefault(field.name, set()).add(field)

    assert [name for name, said in by_name.items() if len(said) > 1] == []
