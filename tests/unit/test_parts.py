"""Parts of manifests that anybody may have written: what was expected comes out, anything else is empty."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import parts
from tests.generated import generated

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=10,
)
READERS: dict[str, tuple[Callable[..., Any], Any]] = {
    "mapping": (parts.mapping, {}),
    "listing": (parts.listing, ()),
    "entries": (parts.entries, []),
    "texts": (parts.texts, []),
    "text": (parts.text, ""),
    "count": (parts.count, 0),
    "legal_name": (parts.legal_name, ""),
    "time": (parts.time, None),
}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("mapping", {"x": 1}, {"x": 1}),
        ("listing", [1, "a", {}], [1, "a", {}]),
        ("entries", [1, "a", {}, {"x": 1}, None], [{}, {"x": 1}]),
        ("texts", [1, "a", {}, "b", None], ["a", "b"]),
        ("text", "a", "a"),
        ("count", 7, 7),
        ("legal_name", "web-secret.v1", "web-secret.v1"),
        ("time", "2026-11-23T12:00:00Z", datetime(2026, 11, 23, 12, tzinfo=UTC)),
        ("time", "2026-11-23T13:00:00.5+01:00", datetime(2026, 11, 23, 12, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_what_is_expected_comes_out(name: str, value: Any, expected: Any) -> None:
    reader, _ = READERS[name]

    assert reader(value) == expected
    assert reader({"a": {"b": value}}, "a", "b") == expected


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("value", [None, 1.5, object(), b"a", {1, 2}], ids=["null", "1.5", "object", "bytes", "set"])
def test_anything_else_comes_out_empty(name: str, value: Any) -> None:
    reader, empty = READERS[name]

    assert reader(value) == empty
    assert reader({"a": value}, "a", "b") == empty
    assert reader({}, "a") == empty


def test_a_count_that_is_not_set_is_what_the_caller_says() -> None:
    assert parts.count({}, "replicas", unset=1) == 1
    assert parts.count({"replicas": 0}, "replicas", unset=1) == 0


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a/b", "..", "a_b", "a\n", "a" * 254, "ä"])
def test_a_name_that_the_api_server_would_refuse_is_empty(name: str) -> None:
    assert parts.legal_name(name) == ""


@pytest.mark.parametrize(
    "text", ["", "now", "2026-11-23", "2026-11-23T12:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_a_time_without_a_zone_or_outside_the_calendar_is_none(text: str) -> None:
    assert parts.time(text) is None


@generated()
@given(ANYTHING, st.sampled_from(sorted(READERS)), st.lists(st.sampled_from("ab"), max_size=3))
def test_no_manifest_makes_a_reader_fail(value: Any, name: str, path: list[str]) -> None:
    reader, empty = READERS[name]

    assert isinstance(reader(value, *path), type(empty) | datetime | list)
