"""JSON documents: reading and merging."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.kubernetes.documents import MAX_DEPTH, merge, parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=2), VALUES, max_size=4)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        pytest.param({"a": "b"}, {"a": "c"}, {"a": "c"}, id="replaces"),
        pytest.param({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}, id="adds"),
        pytest.param({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}, id="null removes"),
        pytest.param({"a": [1, 2]}, {"a": [3]}, {"a": [3]}, id="lists are replaced whole"),
        pytest.param({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}, id="recurses"),
        pytest.param({"a": [1]}, {"a": {"b": 1}}, {"a": {"b": 1}}, id="object over list"),
        pytest.param({"a": 1}, {"b": {"c": {"d": None}}}, {"a": 1, "b": {"c": {}}}, id="new objects lose their nulls"),
    ],
)
def test_a_merge_patch_follows_rfc_7396(target: dict[str, object], patch: dict[str, object], result: object) -> None:
    """Cases from the RFC's appendix A and section 3."""
    assert merge(target, patch) == result


@given(OBJECTS, OBJECTS)
def test_merging_changes_neither_argument_and_merging_again_changes_nothing(
    target: dict[str, object], patch: dict[str, object]
) -> None:
    """Stored documents are shared, so a merge must copy; and a redelivered patch must be a no-op."""
    kept_target, kept_patch = copy.deepcopy(target), copy.deepcopy(patch)
    merged = merge(target, patch)
    assert (target, patch) == (kept_target, kept_patch)
    assert merge(merged, patch) == merged


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\xff"}',
        b'{"a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_not_a_shallow_json_object_is_refused(body: bytes) -> None:
    """Exactly ValueError: a RecursionError or a UnicodeDecodeError would end in a 500."""
    with pytest.raises(ValueError, match=r".") as caught:
        parse(body)
    assert type(caught.value) is ValueError


def test_the_refusal_of_a_body_quotes_nothing_of_it() -> None:
    """The body may be a Secret."""
    with pytest.raises(ValueError, match="invalid JSON") as caught:
        parse(b'{"password": hunter2}')
    assert "hunter2" not in str(caught.value)


def test_a_document_just_within_the_depth_is_read() -> None:
    """The limit itself is allowed."""
    depth = MAX_DEPTH - 1
    assert parse(b'{"a": ' + b"[" * depth + b"]" * depth + b"}")
