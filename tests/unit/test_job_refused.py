"""What is no job is refused by name, and nothing of it is quoted."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import job_message
from shared.errors import MalformedJob
from shared.job import MOST_ENTRIES
from shared.job_message import MAX_BYTES
from shared.observed import Driver

from .jobs import MANY, MARKED, anything, check, document, refresh, refuse, request, restart

# What is no job


def members(fields: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Yield each member of a document by its name in texts and its path."""
    for name, value in fields.items():
        yield f"{path}{name}", (name,)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for found, steps in members(value[0], f"{path}{name}[0]."):
                yield found, (name, 0, *steps)


DOCUMENTS = {
    "check": document(check()),
    "request": document(check(request())),
    "restart": document(restart("a")),
    "refresh": document(refresh(("shop", "web-secret"))),
}
FLAGS = {"watched[0].remounts", "pinned", "held", "told"}
OPTIONAL = {"eventTime", "notBefore", "expires", "watched[0].mounts", "watched[0].resource"}
PLACES = [
    pytest.param(kind, name, steps, id=f"{kind}: {name}")
    for kind, fields in DOCUMENTS.items()
    for name, steps in members(fields)
]


def changed(kind: str, steps: tuple[str | int, ...], value: object) -> str:
    """Return a job with one member changed, or without it for `...`."""
    fields = json.loads(json.dumps(DOCUMENTS[kind]))
    parent: Any = fields
    for step in steps[:-1]:
        parent = parent[step]
    if value is ...:
        del parent[steps[-1]]
    else:
        parent[steps[-1]] = value
    return json.dumps(fields)


@pytest.mark.parametrize(("kind", "name", "steps"), PLACES)
@pytest.mark.parametrize("value", [..., None], ids=["missing", "null"])
def test_a_member_that_is_missing_is_named(kind: str, name: str, steps: tuple[str | int, ...], value: object) -> None:
    body = changed(kind, steps, value)

    if name in OPTIONAL:
        job_message.parse(body)
    else:
        assert refuse(body).startswith((f"{name} ", f"its {name} "))


@pytest.mark.parametrize(("kind", "name", "steps"), PLACES)
@pytest.mark.parametrize(
    "value",
    [{MARKED: [MARKED]}, [MARKED, 1], 1.5, True, -1],
    ids=["an object", "a list", "a fraction", "true", "negative"],
)
def test_a_member_of_another_type_is_named_and_not_quoted(
    kind: str, name: str, steps: tuple[str | int, ...], value: object
) -> None:
    body = changed(kind, steps, value)

    if name in FLAGS and value is True:
        job_message.parse(body)
    else:
        assert name in refuse(body)
        assert is_plain(refuse(body))


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("check", "format", 2),
        ("check", "format", 0),
        ("check", "kind", MARKED),
        ("check", "kind", "Check"),
        ("check", "objectType", MARKED),
        ("check", "vault", f"kv-{MARKED}"),
        ("refresh", "vault", ""),
        ("refresh", "object", f"../{MARKED}"),
        ("restart", "object", ""),
        ("refresh", "version", f"../{MARKED}"),
        ("check", "version", ""),
        ("check", "attempt", job_message.MOST_ATTEMPTS + 1),
        ("check", "began", MARKED),
        ("check", "due", "2026-13-01"),
        ("check", "due", "0001-01-01T00:00:00+14:00"),
        ("check", "due", "9999-12-31T23:59:59-14:00"),
        ("check", "eventTime", MARKED),
        ("check", "watched", []),
        ("check", "watched", [MARKED]),
        ("check", "watched", [document(check())["watched"][0]] * (MOST_ENTRIES + 1)),
        ("restart", "wishes", []),
        ("restart", "wishes", [None]),
        ("restart", "wishes", document(restart("a"))["wishes"] * (MOST_ENTRIES + 1)),
        ("restart", "kind", "check"),
        ("refresh", "targets", [["shop"]]),
        ("refresh", "targets", [["shop", "web", MARKED]]),
        ("refresh", "targets", [["shop", 1]]),
        ("refresh", "targets", ["ab"]),
        ("refresh", "targets", [["shop", "web"]] * (MOST_ENTRIES + 1)),
        ("refresh", "eventKind", MARKED),
    ],
)
def test_a_value_that_is_out_of_bounds_is_named_and_not_quoted(kind: str, name: str, value: object) -> None:
    text = refuse(changed(kind, (name,), value))

    assert ("watched" if (kind, value) == ("restart", "check") else name) in text
    assert is_plain(text)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("check", "owner", MARKED),
        ("check", "owner", ""),
        ("check", "rewrites", 1001),
        ("check", "since", MARKED),
        ("check", "mounts", []),
        ("check", "mounts", [MARKED]),
        ("check", "mounts", [{"class": "web", "expected": {MARKED: 1}}]),
        ("check", "mounts", [{"class": "c", "expected": {}}] * (MOST_ENTRIES + 1)),
        ("request", "resource", []),
        ("request", "resource", ["v1", "secrets", "shop"]),
        ("request", "resource", ["a", "b", "c", "d", "e"]),
        ("request", "resource", ["a", "b", "c", 4]),
        ("request", "owner", str(Driver.V1_5)),
    ],
)
def test_a_watched_target_that_is_none_is_named_and_not_quoted(kind: str, field: str, value: object) -> None:
    text = refuse(changed(kind, ("watched", 0, field), value))

    assert text.startswith("watched")
    assert ("resource" if kind == "request" else field) in text
    assert is_plain(text)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"hello", id="a word"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"check"', id="a text"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b"\xff\xfe\xff", id="bytes"),
        pytest.param(b'{"format": 1', id="half an object"),
        pytest.param(b"[" * 100_000, id="deep lists"),
        pytest.param(b'{"a":' * 50_000, id="deep objects"),
        pytest.param(b'{"format": ' + b"9" * 5000 + b"}", id="a number without end"),
        pytest.param(b'{"format": NaN}', id="no number"),
        pytest.param(b'{"format": 1e999}', id="infinity"),
        pytest.param(b" " * (MAX_BYTES + 1), id="too long"),
        pytest.param(" " * (MAX_BYTES + 1), id="too long a text"),
        pytest.param("\ud800", id="half a character"),
        pytest.param(json.dumps([document(check())]), id="a list of jobs"),
        pytest.param(json.dumps({"specversion": "1.0", "type": MARKED, "data": {"a": MARKED}}), id="a CloudEvent"),
    ],
)
def test_what_else_may_be_on_a_queue_is_refused(body: bytes | str) -> None:
    assert is_plain(refuse(body))


def test_a_job_of_the_largest_size_is_read() -> None:
    body = job_message.compose(check())

    assert job_message.parse(body.ljust(MAX_BYTES)) == check()
    assert "bytes" in refuse(body.ljust(MAX_BYTES + 1))


@MANY
@given(st.binary(max_size=200) | st.text(max_size=200) | anything.map(json.dumps))
def test_nothing_but_a_job_is_read_and_nothing_is_quoted(body: bytes | str) -> None:
    assert is_plain(refuse(body))


def complaint(body: str) -> str:
    """Return why a body is no job, or an empty text for one that is."""
    try:
        read = job_message.parse(body)
    except MalformedJob as error:
        return str(error)
    assert job_message.parse(job_message.compose(read)) == read
    return ""


@MANY
@given(st.sampled_from([place.values for place in PLACES]), anything)
def test_a_job_with_another_member_is_a_job_or_refused_without_a_quotation(place: Any, value: object) -> None:
    kind, _, steps = place
    text = complaint(changed(kind, steps, value))

    assert not text or is_plain(text)


def is_plain(text: str) -> bool:
    """Tell whether a text is a short sentence of our own words: member names, types and bounds."""
    return len(text) < 150 and re.fullmatch(r"[A-Za-z0-9 .,;/'\[\]]+", text) is not None and "MARKED" not in text
