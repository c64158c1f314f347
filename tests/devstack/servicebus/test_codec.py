"""Values to bytes and back, and bytes that are no values. The SDK's tests prove that others read them alike."""

import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.amqp.codec import (
    MAX_DEPTH,
    Array,
    Described,
    Int,
    Long,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
    decode,
    encode,
)
from devstack.amqp.errors import DecodeError
from devstack.amqp.messages import split
from devstack.amqp.performatives import Attach, Begin, Error, Flow, Open, Source, Target, build

from .builders import encode_message

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(0, 2**8 - 1).map(UByte),
    st.integers(0, 2**16 - 1).map(UShort),
    st.integers(0, 2**32 - 1).map(UInt),
    st.integers(0, 2**64 - 1).map(ULong),
    st.integers(-(2**31), 2**31 - 1).map(Int),
    st.integers(-(2**63), 2**63 - 1).map(Long),
    st.integers(-(2**63), 2**63 - 1).map(Timestamp),
    st.floats(allow_nan=False),
    st.uuids(),
    st.binary(max_size=300),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    st.text(st.characters(codec="ascii"), max_size=300).map(Symbol),
)
ARRAYS = st.one_of(
    st.lists(st.integers(0, 2**32 - 1).map(UInt), min_size=1).map(lambda items: Array(tuple(items))),
    st.lists(st.uuids(), min_size=1).map(lambda items: Array(tuple(items))),
    st.lists(st.text(st.characters(codec="ascii")).map(Symbol), min_size=1).map(lambda items: Array(tuple(items))),
)
VALUES = st.recursive(
    st.one_of(SCALARS, ARRAYS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=300),
        st.dictionaries(st.text(max_size=5), inner, max_size=5),
        st.builds(Described, st.integers(0, 255).map(ULong), inner),
    ),
    max_leaves=20,
)


def kinds(value: object) -> object:
    """Return the types of a value's parts: equality alone would let an int pass for a uint."""
    if isinstance(value, list):
        return [kinds(item) for item in value]
    if isinstance(value, dict):
        return {name: kinds(item) for name, item in value.items()}
    if isinstance(value, Described):
        return kinds(value.descriptor), kinds(value.value)
    return type(value)


def decode_all(data: bytes) -> object:
    """Return the one value that these bytes are."""
    value, end = decode(data)
    assert end == len(data)
    return value


@given(VALUES)
def test_a_value_comes_back_as_itself_and_as_its_type(value: object) -> None:
    again = decode_all(encode(value))
    assert again == value
    assert kinds(again) == kinds(value)


@given(st.binary(max_size=200))
def test_garbage_is_a_value_or_an_error_and_nothing_else(data: bytes) -> None:
    try:
        decode(data)
    except DecodeError:
        return


@given(VALUES)
def test_a_value_that_is_cut_short_is_an_error(value: object) -> None:
    with pytest.raises(DecodeError):
        decode_all(encode(value)[:-1])


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        ("40", None),
        ("5601", True),
        ("43", UInt(0)),
        ("5205", UInt(5)),
        ("7000000100", UInt(256)),
        ("44", ULong(0)),
        ("5310", ULong(16)),
        ("54ff", Int(-1)),
        ("55ff", Long(-1)),
        ("a10161", "a"),
        ("b10000000161", "a"),
        ("a30161", Symbol("a")),
        ("45", []),
        ("c003015005", [UByte(5)]),
        ("e00402500506", Array((UByte(5), UByte(6)))),
    ],
)
def test_encodings_out_of_the_specification_are_read(encoded: str, value: object) -> None:
    assert decode_all(bytes.fromhex(encoded)) == value


def test_a_plain_int_is_not_encoded() -> None:
    with pytest.raises(KeyError):
        encode(1)


def test_deep_nesting_is_an_error() -> None:
    value: object = None
    for _ in range(MAX_DEPTH):
        value = [value]
    assert decode_all(encode(value)) == value
    with pytest.raises(DecodeError, match="deep"):
        decode(encode([value]))
    with pytest.raises(DecodeError, match="deep"):
        decode(b"\x00" * 60_000)


@pytest.mark.parametrize(
    "data",
    [
        b"\xd0" + struct.pack(">II", 8, 2**31) + b"\x40" * 4,
        b"\xf0" + struct.pack(">II", 5, 2**32 - 1) + b"\x40",
        b"\xd0" + struct.pack(">II", 2**32 - 1, 1) + b"\x40",
        b"\xb0" + struct.pack(">I", 2**32 - 1) + b"x",
        b"\xc0\x05\x01\x40\x40\x40\x40",
        b"\xc1\x02\x01\x40",
        b"\xc1\x04\x02\x45\x40\x40",
        b"\xa1\x01\xff",
        b"\xa3\x01\xe9",
        b"\x3f",
        b"",
    ],
    ids=[
        "list-count",
        "array-count",
        "list-size",
        "binary-size",
        "slack-in-a-list",
        "odd-map",
        "list-as-key",
        "utf-8",
        "ascii",
        "constructor",
        "nothing",
    ],
)
def test_lies_about_sizes_and_texts_are_errors(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(data)


@pytest.mark.parametrize(
    "performative",
    [
        Open("here", max_frame_size=UInt(512)),
        Begin(remote_channel=None, next_outgoing_id=UInt(0), incoming_window=UInt(1), outgoing_window=UInt(1)),
        Attach("link", UInt(1), role=True, source=Source("jobs"), target=Target("here")),
        Flow(incoming_window=UInt(1), next_outgoing_id=UInt(0), outgoing_window=UInt(1), drain=True),
    ],
    ids=lambda performative: type(performative).__name__,
)
def test_a_performative_comes_back_as_itself(performative: Open | Begin | Attach | Flow) -> None:
    assert build(decode_all(performative.encode())) == performative


@pytest.mark.parametrize(
    "value",
    [
        Described(ULong(0x10), []),
        Described(ULong(0x10), ["here", None, "512"]),
        Described(ULong(0x10), {}),
        Described(ULong(0x99), ["here"]),
        ["here"],
    ],
    ids=["mandatory", "type", "map", "unknown", "undescribed"],
)
def test_a_performative_of_another_shape_is_an_error(value: object) -> None:
    with pytest.raises(DecodeError):
        build(value)


def test_an_error_has_three_fields_on_the_wire_whatever_is_in_it() -> None:
    assert decode_all(Error(Symbol("a:b")).encode()) == Described(ULong(0x1D), [Symbol("a:b"), None, None])


def test_the_sections_of_a_message_are_the_bytes_it_came_as() -> None:
    payload = encode_message(subject="s", ttl=1, properties={"vault": "kv1", "id": uuid.uuid4()})
    assert b"".join(section.encoded for section in split(payload)) == payload


@pytest.mark.parametrize(
    "sections",
    [
        [(0x75, b"a"), (0x74, {})],
        [(0x74, {})],
        [(0x75, "a")],
        [(0x7F, {})],
        [],
    ],
    ids=["order", "no-body", "type", "unknown", "empty"],
)
def test_a_message_of_another_shape_is_an_error(sections: list[tuple[int, object]]) -> None:
    with pytest.raises(DecodeError):
        split(b"".join(encode(Described(ULong(code), value)) for code, value in sections))
