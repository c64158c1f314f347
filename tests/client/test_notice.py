"""What a message says, and what is no notice at all."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyvault_fanout import Foreign, Interest, Notice, NoticeType, Reason, parse, rules
from keyvault_fanout.notice import LONGEST
from tests.client.notices import NOW, altered, converged, near_expiry, new_version, refreshed


def read(body: bytes) -> Notice:
    found = parse(body)
    assert isinstance(found, Notice)
    return found


def test_a_notice_about_a_target_has_every_name_and_its_moments() -> None:
    found = read(refreshed("v1").body)

    assert (found.type, found.about, found.version) == (NoticeType.TARGET_REFRESHED, "kv-shop/secret/db-password", "v1")
    assert (found.target, found.resource_version) == ("aks-one/shop/web-secret", 7)
    assert (found.time, found.event_time) == (NOW, NOW)


def test_a_notice_about_an_object_names_no_place() -> None:
    found = read(new_version("v1", planned=datetime(2026, 12, 1, tzinfo=UTC)).body)

    assert (found.type, found.target, found.resource_version) == (NoticeType.OBJECT_NEW_VERSION, "", None)
    assert found.instant("plannedTime") == datetime(2026, 12, 1, tzinfo=UTC)
    assert found.instant("expires") is None


@pytest.mark.parametrize("told", [new_version("v1"), near_expiry("v1"), refreshed("v1"), converged("v1")])
def test_every_notice_of_the_app_is_read(told: object) -> None:
    assert read(getattr(told, "body")).id == getattr(told, "id")  # noqa: B009


def test_fields_that_came_later_are_kept_and_ignored() -> None:
    found = read(altered(refreshed("v1"), {"traceparent": "00-1", "data.colour": ["blue"]}))

    assert found.data["colour"] == ["blue"]
    assert "blue" not in repr(found)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "dev.keyvault-fanout.target.refreshed.v2"}, Reason.NEWER_VERSION),
        ({"type": "dev.keyvault-fanout.target.moved.v1"}, Reason.UNKNOWN_TYPE),
        ({"type": "dev.keyvault-fanout.acknowledged.v1"}, Reason.UNKNOWN_TYPE),
        ({"type": "dev.keyvault-fanout."}, Reason.UNKNOWN_TYPE),
        ({"type": "com.example.order.placed.v1"}, Reason.NOT_A_NOTICE),
        ({"type": None}, Reason.NOT_A_NOTICE),
        ({"type": 7}, Reason.NOT_A_NOTICE),
        ({"specversion": "2.0"}, Reason.NOT_A_NOTICE),
        ({"data": None}, Reason.MALFORMED),
        ({"data": []}, Reason.MALFORMED),
        ({"data.version": ""}, Reason.MALFORMED),
        ({"data.object": 7}, Reason.MALFORMED),
        ({"data.cluster": None}, Reason.MALFORMED),
        ({"data.secret": {}}, Reason.MALFORMED),
        ({"id": None}, Reason.MALFORMED),
    ],
)
def test_what_is_not_understood_has_a_reason(change: dict[str, object], reason: Reason) -> None:
    found = parse(altered(refreshed("v1"), change))

    assert isinstance(found, Foreign)
    assert found.reason is reason


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"null", b"[]", b"7", b"{}", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_what_is_no_cloud_event_is_no_notice(body: bytes) -> None:
    assert parse(body) == Foreign(Reason.NOT_A_NOTICE)


def test_a_huge_body_is_not_even_parsed() -> None:
    padded = altered(refreshed("v1"), {"data.padding": "x" * LONGEST})

    assert parse(padded) == Foreign(Reason.NOT_A_NOTICE)


def test_moments_and_numbers_that_are_unreadable_are_absent() -> None:
    found = read(
        altered(refreshed("v1"), {"data.eventTime": "yesterday", "time": None, "data.resourceVersion": "9" * 5000})
    )

    assert (found.event_time, found.time, found.resource_version) == (None, None, None)


@given(body=st.binary())
def test_no_bytes_make_reading_fail(body: bytes) -> None:
    assert isinstance(parse(body), Foreign)


@given(
    data=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["vault", "object", "version", "id"]), inner),
    )
)
def test_no_json_of_ours_makes_reading_fail(data: object) -> None:
    event = {"specversion": "1.0", "id": "1", "type": "dev.keyvault-fanout.object.expired.v1", "data": data}

    assert isinstance(parse(json.dumps(event).encode()), Foreign)


@pytest.mark.parametrize(
    ("interest", "cares"),
    [
        (Interest(), True),
        (Interest(vault="KV-Shop", object="DB-Password"), True),
        (Interest(object_type="secret", cluster="aks-one", namespace="shop", secret="web-secret"), True),
        (Interest(types=[NoticeType.TARGET_REFRESHED]), True),
        (Interest(types=[NoticeType.OBJECT_NEW_VERSION]), False),
        (Interest(vault="kv-other"), False),
        (Interest(object="db"), False),
        (Interest(object_type="key"), False),
        (Interest(object_type="Secret"), True),
        (Interest(cluster="aks-two"), False),
        (Interest(namespace="Shop"), False),
        (Interest(secret="other"), False),
    ],
)
def test_an_interest_is_all_of_its_conditions(interest: Interest, *, cares: bool) -> None:
    assert interest.matches(read(refreshed("v1").body)) is cares


def test_a_place_excludes_notices_about_an_object_itself() -> None:
    assert Interest(object="db-password").matches(read(new_version("v1").body))
    assert not Interest(object="db-password", namespace="shop").matches(read(new_version("v1").body))


def test_the_rules_of_a_subscription_let_through_what_the_interests_match() -> None:
    """The same question, asked of the application properties instead."""
    interests = [
        Interest(object="db-password", types=[NoticeType.OBJECT_NEW_VERSION, NoticeType.OBJECT_EXPIRED]),
        Interest(namespace="shop", secret="web-secret"),
    ]
    for told in (new_version("v1"), near_expiry("v1"), refreshed("v1"), converged("v1")):
        through = any(rule.items() <= told.properties.items() for rule in rules(interests))
        assert through is any(interest.matches(read(told.body)) for interest in interests)


def test_rules_name_each_condition_once_and_everything_needs_none() -> None:
    one = Interest(object="a", types=[NoticeType.OBJECT_EXPIRED])

    assert rules([one, one]) == [{"object": "a", "noticeType": "object.expired"}]
    assert rules([one, Interest()]) == []


def test_an_unknown_type_in_an_interest_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a valid NoticeType"):
        Interest(types=["object.moved"])  # type: ignore[list-item]


def test_an_interest_in_a_type_that_no_notice_has_is_refused() -> None:
    """It would be met by nothing, and nobody would notice."""
    with pytest.raises(ValueError, match="expected one of secret, key, cert"):
        Interest(object_type="certificate")
