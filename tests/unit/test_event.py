"""What Event Grid delivers, read or refused (azure-platform 1.1 and 1.2)."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import event
from shared.errors import MalformedEvent
from shared.event import EventKind, IgnoredEvent, VaultEvent
from shared.model import ObjectType, VaultObject
from tests.builders import EVENTS, HOST, NAME, VAULT, build_data, build_envelope
from tests.generated import generated

PLANTED = "hunter2-7f3e"

TYPES = {
    "Secret": ("secret", ObjectType.SECRET, "db-password"),
    "Key": ("key", ObjectType.KEY, "signing"),
    "Certificate": ("certificate", ObjectType.CERT, "web-tls"),
}
KINDS = {
    "new-version-created": EventKind.NEW_VERSION,
    "near-expiry": EventKind.NEAR_EXPIRY,
    "expired": EventKind.EXPIRED,
}


def read_event(**fields: Any) -> VaultEvent:
    """Parse the default envelope with other fields."""
    happened = event.parse(build_envelope(**fields))
    assert isinstance(happened, VaultEvent)
    return happened


def read_data(**fields: Any) -> VaultEvent:
    """Parse the default envelope with other data."""
    return read_event(data=build_data(**fields))


@pytest.mark.parametrize("schema", ["eventgrid", "cloudevents"])
@pytest.mark.parametrize("slug", KINDS)
@pytest.mark.parametrize("family", TYPES)
def test_each_captured_event_about_an_object_is_read(family: str, slug: str, schema: str) -> None:
    prefix, type_, name = TYPES[family]
    payload = (EVENTS / f"{prefix}-{slug}.{schema}.json").read_bytes()

    (envelope,) = event.split(payload)
    happened = event.parse(envelope)

    assert isinstance(happened, VaultEvent)
    assert happened.object == VaultObject(vault=VAULT, type=type_, name=name)
    assert happened.kind is KINDS[slug]
    assert happened.host == HOST
    assert happened.version in payload.decode()
    assert len(happened.version) == 32
    assert happened.time is not None
    assert happened.expires == datetime.fromtimestamp(1795136000, UTC)
    assert happened.remarks == ()


@pytest.mark.parametrize("schema", ["eventgrid", "cloudevents"])
def test_a_changed_access_policy_asks_for_nothing(schema: str) -> None:
    (envelope,) = event.split((EVENTS / f"vault-access-policy-changed.{schema}.json").read_text())

    happened = event.parse(envelope)

    assert isinstance(happened, IgnoredEvent)
    assert happened.why == "access policies hold no versions"


@pytest.mark.parametrize("type_", ["Microsoft.KeyVault.SecretDeleted", "Microsoft.Storage.BlobCreated", ""])
def test_an_unknown_type_asks_for_nothing_whatever_its_data(type_: str) -> None:
    happened = event.parse({"id": "1", "eventType": type_, "data": "anything"})

    assert happened == IgnoredEvent(id="1", type=type_, why="not a known Key Vault type")


def test_the_type_is_compared_without_case() -> None:
    assert read_event(type="MICROSOFT.KEYVAULT.SECRETEXPIRED").kind is EventKind.EXPIRED


def test_a_long_foreign_type_and_id_are_cut() -> None:
    ignored = event.parse({"id": "i" * 9000, "eventType": "t" * 9000})

    assert isinstance(ignored, IgnoredEvent)
    assert (len(ignored.id), len(ignored.type)) == (200, 200)


def test_an_array_holds_an_event_in_each_element() -> None:
    assert event.split("[1, 2]") == (1, 2)


def test_both_schemas_say_the_same() -> None:
    assert event.parse(build_envelope(cloud=True)) == event.parse(build_envelope(cloud=False))


# Names and versions


def test_data_keys_are_read_in_any_case_and_with_blanks() -> None:
    data = {" vaultname": VAULT, "OBJECTNAME ": NAME, "version\t": " v1 ", "objectType": "secret"}

    happened = read_event(data=data)

    assert (happened.object.name, happened.version, happened.host) == (NAME, "v1", "")


def test_names_are_kept_in_lower_case() -> None:
    happened = read_data(name="DB-Password", VaultName="KV-Shop")

    assert happened.object == VaultObject(vault="kv-shop", type=ObjectType.SECRET, name="db-password")


def test_the_object_url_alone_tells_everything() -> None:
    happened = read_event(data={"Id": f"https://{HOST}/secrets/{NAME}/v1"})

    assert (happened.object.vault, happened.object.name, happened.version) == (VAULT, NAME, "v1")


def test_the_host_keeps_a_port_that_is_not_443() -> None:
    assert read_data(Id=f"https://LOCALHOST:8443/secrets/{NAME}/1").host == "localhost:8443"
    assert read_data(Id=f"https://{HOST}:443/secrets/{NAME}/1").host == HOST


def test_a_url_without_version_takes_it_from_the_data() -> None:
    assert read_data(Id=f"https://{HOST}/secrets/{NAME}", version="v9").version == "v9"


def test_an_unknown_field_is_ignored_even_twice() -> None:
    assert read_event(data={**build_data(), "Extra": 1, "extra ": 2}).object.name == NAME


def test_a_field_twice_with_one_value_is_read() -> None:
    assert read_event(data={**build_data(), "version": "1"}).version == "1"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"ObjectName": "other"}, "data.Id and data.ObjectName name different things"),
        ({"Version": "2"}, "data.Id and data.Version name different things"),
        ({"ObjectType": "Key"}, "data.ObjectType does not fit an event about a secret"),
        ({"ObjectType": "Widget"}, "data.ObjectType does not fit an event about a secret"),
        ({"Id": f"https://{HOST}/keys/{NAME}/1"}, "data.Id does not fit an event about a secret"),
        ({"version": "2"}, "data has the field version twice"),
    ],
)
def test_an_event_that_contradicts_itself_is_refused(fields: dict[str, str], said: str) -> None:
    with pytest.raises(MalformedEvent, match=said):
        event.parse(build_envelope(data={**build_data(), **fields}))


@pytest.mark.parametrize(
    "identifier",
    [
        f"http://{HOST}/secrets/{NAME}/1",
        f"https://{HOST}/widgets/{NAME}/1",
        f"https://{HOST}/secrets",
        f"https://{HOST}/secrets/{NAME}/1/2",
        f"https://user:{PLANTED}@{HOST}/secrets/{NAME}/1",
        "https:///secrets/a/1",
        "https://[::1/secrets/a/1",
        f"https://{HOST}:port/secrets/{NAME}/1",
        f"https://{HOST}:99999/secrets/{NAME}/1",
        f"/secrets/{NAME}/1",
        PLANTED,
    ],
)
def test_an_id_that_is_no_object_url_is_refused(identifier: str) -> None:
    with pytest.raises(MalformedEvent, match=r"data\.Id is not") as refused:
        read_data(Id=identifier)

    assert PLANTED not in str(refused.value)


@pytest.mark.parametrize("field", ["VaultName", "ObjectName", "Version"])
@pytest.mark.parametrize(
    ("value", "said"), [(None, "missing"), (" ", "missing"), ("../" + PLANTED, "not a legal name")]
)
def test_without_a_legal_name_nothing_is_done(field: str, value: str | None, said: str) -> None:
    with pytest.raises(MalformedEvent, match=f"data.{field} is {said}") as refused:
        read_data(Id=..., **{field: value})

    assert PLANTED not in str(refused.value)


@pytest.mark.parametrize("field", ["Id", "VaultName", "ObjectName", "ObjectType", "Version"])
@pytest.mark.parametrize("value", [1, 1.5, True, [PLANTED], {"a": PLANTED}])
def test_a_name_of_the_wrong_type_is_refused(field: str, value: object) -> None:
    with pytest.raises(MalformedEvent, match=f"{field.lower()} is a text, not a") as refused:
        read_data(**{field: value})

    assert PLANTED not in str(refused.value)


@pytest.mark.parametrize("envelope", [None, True, 1, 1.5, PLANTED, [], [PLANTED]])
def test_an_envelope_is_an_object(envelope: object) -> None:
    with pytest.raises(MalformedEvent, match="an event is a JSON object, not") as refused:
        event.parse(envelope)

    assert PLANTED not in str(refused.value)


@pytest.mark.parametrize("data", [..., None, 1, PLANTED, [PLANTED]])
def test_data_is_an_object(data: object) -> None:
    with pytest.raises(MalformedEvent, match="data is a JSON object, not") as refused:
        read_event(data=data)

    assert PLANTED not in str(refused.value)


@pytest.mark.parametrize("cloud", [True, False])
@pytest.mark.parametrize("value", [..., None, 7, [PLANTED]])
def test_an_envelope_without_a_type_is_refused(value: object, *, cloud: bool) -> None:
    field = "type" if cloud else "eventType"

    with pytest.raises(MalformedEvent, match=f"{field} is a text, not"):
        read_event(cloud=cloud, **{field: value})


def test_an_event_without_an_id_is_read() -> None:
    assert read_event(id=...).id == ""


# Times


@pytest.mark.parametrize("value", [1559082102, 1559082102.0, "1559082102", " 1559082102 ", "1559082102.5"])
@pytest.mark.parametrize("key", ["EXP", "exp", "Exp "])
def test_expiry_is_read_as_number_and_as_text(key: str, value: object) -> None:
    expires = read_event(data={**build_data(EXP=...), key: value}).expires

    assert expires is not None
    assert expires.replace(microsecond=0) == datetime(2019, 5, 28, 22, 21, 42, tzinfo=UTC)


@pytest.mark.parametrize("value", [..., None, ""])
def test_an_attribute_that_is_not_set_is_no_remark(value: object) -> None:
    happened = read_data(NBF=value, EXP=value)

    assert (happened.not_before, happened.expires, happened.remarks) == (None, None, ())


@pytest.mark.parametrize(
    "value", [True, [], {}, "soon", "  ", "nan", "inf", 10**400, -(10**400), 1e300, float("nan"), float("inf")]
)
def test_an_unreadable_expiry_is_a_remark_and_the_refresh_goes_on(value: object) -> None:
    happened = read_data(NBF=value, EXP=value)

    assert (happened.not_before, happened.expires) == (None, None)
    assert happened.remarks == ("data.NBF is unreadable", "data.EXP is unreadable")
    assert happened.object.name == NAME


def test_seven_fractional_digits_are_read() -> None:
    happened = read_event(time="2026-11-20T01:08:33.1036736Z")

    assert happened.time == datetime(2026, 11, 20, 1, 8, 33, 103673, tzinfo=UTC)


def test_times_are_told_in_utc() -> None:
    assert read_event(time="2026-11-20T03:00:00+02:00").time == datetime(2026, 11, 20, 1, tzinfo=UTC)
    assert read_event(time="2026-11-20T01:00:00").time == datetime(2026, 11, 20, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", [..., None, 7, "yesterday", [PLANTED], "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_an_unreadable_event_time_is_a_remark(value: object) -> None:
    happened = read_event(time=value)

    assert (happened.time, happened.remarks) == (None, ("the event's time is unreadable",))


# Hostile payloads


@pytest.mark.parametrize(
    "payload",
    ["", PLANTED, "{", '{"id": ' + PLANTED, b"\xff\xfe\x00", b"\x80" + PLANTED.encode(), "[1,]", "1" * 5000],
)
def test_what_is_not_json_is_refused_without_being_quoted(payload: str | bytes) -> None:
    with pytest.raises(MalformedEvent, match="not JSON") as refused:
        event.split(payload)

    assert PLANTED not in str(refused.value)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_deep_nesting_is_refused(opening: str, closing: str) -> None:
    with pytest.raises(MalformedEvent, match="nested too deeply"):
        event.split(opening * 100_000 + "1" + closing * 100_000)


def test_more_than_event_grid_can_send_is_refused_unread() -> None:
    with pytest.raises(MalformedEvent, match="1048576 at most"):
        event.split("[" + " " * event.MAX_BYTES)


@pytest.mark.parametrize("count", [0, event.MAX_EVENTS + 1])
def test_an_array_has_events_and_not_too_many(count: int) -> None:
    with pytest.raises(MalformedEvent, match=f"an array of {count} events"):
        event.split(json.dumps([0] * count))


def refusal(payload: str | bytes) -> str:
    """Return what is said of a payload, or "nothing" if it is read; nothing but our own error may come out."""
    try:
        for envelope in event.split(payload):
            event.parse(envelope)
    except MalformedEvent as error:
        return str(error)
    return "nothing"


_KEYS = st.sampled_from(
    [
        *("id", "specversion", "type", "eventType", "time", "eventTime", "data", "Id", "VaultName", "ObjectType"),
        *("ObjectName", "ObjectName ", "Version", "version", "NBF", "EXP", PLANTED, f" {PLANTED.upper()}"),
    ]
)
_TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from([PLANTED, f"https://{PLANTED}:x/secrets/a/b", f"https://{HOST}/secrets/{PLANTED}/{PLANTED}/x"]),
    st.sampled_from(["Microsoft.KeyVault.SecretExpired", "1.0", "Secret", VAULT, NAME, "0001-01-01T00:00:00+14:00"]),
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=8),
    max_leaves=12,
)
_ENVELOPES = st.fixed_dictionaries(
    {"type": st.just("Microsoft.KeyVault.SecretNewVersionCreated"), "specversion": st.just("1.0")},
    optional={"id": _JSON, "time": _JSON, "data": st.dictionaries(_KEYS, _JSON, max_size=8) | _JSON},
)


@generated()
@given(st.one_of(_JSON, _ENVELOPES))
def test_any_json_is_read_or_refused_in_our_own_words(document: object) -> None:
    assert PLANTED not in refusal(json.dumps(document)).lower()


@generated()
@given(st.one_of(st.text(max_size=60), st.binary(max_size=60)))
def test_any_text_is_read_or_refused_in_our_own_words(payload: str | bytes) -> None:
    assert refusal(payload).startswith(("the payload is ", "an event is ", "eventType is ", "nothing"))
