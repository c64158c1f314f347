"""Members of a JSON object from outside: each as the type that is asked for, or refused by its name."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.errors import MalformedJob
from shared.event import OBJECT_NAME
from shared.fields import Fields
from shared.model import ObjectType
from tests.fakes import NOW


def fields(value: Any = ...) -> Fields:
    """Return the members of an object that has one, or none."""
    return Fields({} if value is ... else {"it": value}, "")


@pytest.mark.parametrize(
    ("take", "value", "expected"),
    [
        pytest.param(lambda one: one.text("it"), "", "", id="an empty text"),
        pytest.param(lambda one: one.text("it"), "a", "a", id="a text"),
        pytest.param(lambda one: one.name("it", OBJECT_NAME), "db-1", "db-1", id="a name"),
        pytest.param(lambda one: one.flag("it"), False, False, id="false"),
        pytest.param(lambda one: one.number("it", most=9), 0, 0, id="zero"),
        pytest.param(lambda one: one.number("it", most=9), 9, 9, id="the largest"),
        pytest.param(lambda one: one.one_of("it", ObjectType), "key", ObjectType.KEY, id="a word"),
        pytest.param(lambda one: one.texts("it"), [], [], id="no texts"),
        pytest.param(lambda one: one.texts("it"), ["a", ""], ["a", ""], id="texts"),
        pytest.param(lambda one: one.mapping("it"), {"a": "b"}, {"a": "b"}, id="an object"),
        pytest.param(lambda one: one.pairs("it", most=1), [["a", "b"]], (("a", "b"),), id="pairs"),
        pytest.param(lambda one: one.pairs("it", most=1), [], (), id="no pairs"),
        pytest.param(lambda one: one.time("it"), "2026-11-23T13:00:00+01:00", NOW, id="a time"),
        pytest.param(
            lambda one: one.time("it"),
            "2026-11-23T12:00:00",
            NOW,
            id="a time in UTC",
        ),
    ],
)
def test_a_member_comes_out_as_its_type(take: Callable[[Fields], Any], value: Any, expected: Any) -> None:
    found = take(fields(value))

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("take", "expected", "wrong"),
    [
        pytest.param(lambda one: one.text("it"), "it is not a text", [1, True, [], {}], id="text"),
        pytest.param(lambda one: one.name("it", OBJECT_NAME), "it is n", ["", "../a", "a\n", "a/b", "é", 1], id="name"),
        pytest.param(lambda one: one.flag("it"), "it is not true or false", ["true", 0, 1], id="flag"),
        pytest.param(lambda one: one.number("it", most=9), "whole number", [True, -1, 10, 1.0, "1"], id="number"),
        pytest.param(lambda one: one.one_of("it", ObjectType), "it is not", ["Key", "", 1], id="one of"),
        pytest.param(lambda one: one.texts("it"), "it is n", ["ab", ["a", 1], {"a": "b"}], id="texts"),
        pytest.param(lambda one: one.mapping("it"), "it is n", [[], {"a": 1}, {"a": None}], id="mapping"),
        pytest.param(lambda one: one.time("it"), "it is n", ["", "now", 1, "0001-01-01T00:00:00+01:00"], id="time"),
        pytest.param(lambda one: one.entries("it", most=2), "it", [{}, [], [{}, {}, {}], [1]], id="entries"),
        pytest.param(lambda one: one.pairs("it", most=1), "it is n", [{}, [[]], [["a"]], [["a", "b"]] * 2], id="pairs"),
    ],
)
def test_anything_else_is_refused_by_the_members_name(
    take: Callable[[Fields], Any], expected: str, wrong: list[Any]
) -> None:
    for value in [..., None, *wrong]:
        with pytest.raises(MalformedJob) as caught:
            take(fields(value))
        assert expected in str(caught.value)


@pytest.mark.parametrize(("value", "there"), [(..., False), (None, False), ("", True), (0, True), ([], True)])
def test_a_member_is_there_unless_it_is_null(value: Any, *, there: bool) -> None:
    assert fields(value).has("it") is there


def test_a_member_within_members_is_named_by_its_path() -> None:
    (outer,) = Fields({"watched": [{"mounts": [{}, {}]}]}, "").entries("watched", most=1)
    first, second = outer.entries("mounts", most=2)

    with pytest.raises(MalformedJob, match=r"^watched\[0\]\.mounts\[1\]\.class is not a text$"):
        second.text("class")
    assert not first.has("class")


@pytest.mark.parametrize("document", [None, [], "a", 1])
def test_what_is_no_object_has_no_members(document: Any) -> None:
    with pytest.raises(MalformedJob, match=r"^it is no JSON object$"):
        Fields(document, "")
    with pytest.raises(MalformedJob, match=r"^watched\[0\] is no JSON object$"):
        Fields({"watched": [document]}, "").entries("watched", most=1)
