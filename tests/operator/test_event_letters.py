"""What a blob of Event Grid's says, and whether it is ours."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.eventgrid import Schema
from fanout.deadletters import events
from fanout.deadletters.events import EventLetter
from fanout.deadletters.verdict import Verdict
from shared.event import MAX_BYTES, MAX_EVENTS
from tests.operator.letters import KNOWN, documents, event


def read(content: object) -> EventLetter:
    """Read a blob."""
    return events.read("blob", content if isinstance(content, bytes) else json.dumps(content).encode(), KNOWN)


@pytest.mark.parametrize("schema", Schema)
def test_both_schemas_say_why_and_when_it_was_given_up(schema: Schema) -> None:
    letter = read(documents(event("secret1", "v9"), schema=schema, attempts=4))

    (one,) = letter.events
    assert (letter.verdict, letter.count) == (Verdict.OURS, 1)
    assert one.reason == "MaxDeliveryAttemptsExceeded"
    assert one.outcome == "InternalServerError"
    assert one.attempts == 4
    assert one.when == datetime(2026, 9, 21, 15, 13, 20, tzinfo=UTC)
    assert one.type == "Microsoft.KeyVault.SecretNewVersionCreated"
    assert (one.object, one.version) == ("kv-demo/secret/secret1", "v9")


def test_one_event_need_not_be_in_an_array() -> None:
    assert read(documents(event())[0]).verdict is Verdict.OURS


def test_the_payload_is_the_event_for_the_flow() -> None:
    (document,) = documents(event())

    assert json.loads(read([document]).events[0].payload) == document


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"\x1f\x8b\x08\x00", "not JSON"),
        (b"[]", "0 events"),
        (b"[" + b"1," * MAX_EVENTS + b"1]", f"{MAX_EVENTS + 1} events"),
        (b"7", "an event is a JSON object"),
        (b'{"eventType": 7}', "eventType is a text"),
        (b'[{"a": ' + b"[" * 500 + b"]" * 500 + b"}]", "eventType is a text"),
    ],
    ids=["empty", "no text", "nested", "compressed", "no event", "too many", "a number", "a type", "nested inside"],
)
def test_what_is_no_event_is_malformed(content: bytes, note: str) -> None:
    letter = read(content)

    assert letter.verdict is Verdict.MALFORMED
    assert note in letter.note


@pytest.mark.parametrize(
    ("one", "note"),
    [
        (event(vault="kv-other"), "kv-other is not in KEY_VAULTS"),
        (event(type_="VaultAccessPolicyChanged", vault="kv-other"), "access policies hold no versions"),
    ],
)
def test_an_event_of_another_vault_is_not_ours(one: object, note: str) -> None:
    letter = read(documents(one))  # type: ignore[arg-type]

    assert (letter.verdict, letter.note) == (Verdict.FOREIGN, note)


def test_an_event_of_a_vault_of_the_same_name_elsewhere_is_not_ours() -> None:
    (document,) = documents(event())
    document["data"]["Id"] = "https://kv-demo.vault.evil.example/secrets/secret1/v1"

    assert read([document]).verdict is Verdict.FOREIGN


def test_an_event_of_another_service_is_not_ours() -> None:
    assert read(documents(event())[0] | {"eventType": "Microsoft.Storage.BlobCreated"}).verdict is Verdict.FOREIGN


def test_a_changed_access_policy_asks_for_nothing_and_is_ours() -> None:
    assert read(documents(event(type_="VaultAccessPolicyChanged"))).verdict is Verdict.OURS


def test_a_blob_with_an_event_of_somebody_else_is_partly_ours() -> None:
    letter = read([*documents(event(), event(vault="kv-other")), 7])

    assert [one.verdict for one in letter.events] == [Verdict.OURS, Verdict.FOREIGN, Verdict.MALFORMED]
    assert (letter.verdict, letter.note) == (Verdict.PARTLY, "2 of 3 events are not ours or malformed")


def test_one_event_larger_than_any_of_event_grids_is_huge() -> None:
    assert read(documents(event())[0] | {"more": "x" * MAX_BYTES}).verdict is Verdict.HUGE


@pytest.mark.parametrize(
    ("field", "value"),
    [("deliveryAttempts", True), ("deliveryAttempts", -1), ("deliveryAttempts", 10**30), ("deadLetterReason", [1])],
)
def test_a_field_of_another_type_is_not_shown(field: str, value: object) -> None:
    (one,) = read(documents(event())[0] | {field: value}).events

    assert one.verdict is Verdict.OURS
    assert (one.attempts if field == "deliveryAttempts" else one.reason) in {None, ""}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(list(documents(event())[0])), inner),
)


@given(content=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_blob_makes_reading_fail(content: bytes) -> None:
    assert events.read("blob", content, KNOWN).verdict in set(Verdict)


@given(changes=st.dictionaries(st.sampled_from(list(documents(event())[0])), JSON))
def test_no_field_makes_reading_fail(changes: dict[str, object]) -> None:
    assert read(documents(event())[0] | changes).verdict in set(Verdict)
