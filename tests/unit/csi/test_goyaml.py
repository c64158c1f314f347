"""go-yaml's reading of documents, at its limits (csi-semantics 1.4 and 9). Its typing is in the golden file."""

import time

import pytest

from shared.csi import goyaml, pureyaml, scalars, yamltree
from shared.csi.goyaml import Invalid

DEEP = 100_000


def fields(text: str) -> tuple[dict[str, str], dict[str, int]]:
    return goyaml.decode_fields(text.encode(), strings=("s", "t"), numbers=("n",))


@pytest.mark.parametrize(
    "text",
    [
        "[" * DEEP,
        "{" * DEEP,
        "{a: " * DEEP,
        "- " * DEEP,
        "? " * DEEP,
        "<<: {" * 2000,
        "a: &a [x,x,x,x,x,x,x,x,x]\n" * 2,
        "x" * 2_000_000,
        "&a {<<: *a}",
        "s: '" + "x" * 1_000_000,
        "n: " + "9" * 1_000_000,
        "n: !!int 1" + "0" * 5000,
        "s: " + '"\\\\" ' * 50_000 + '"\\/"',
    ],
    ids=lambda text: text[:8],
)
def test_deep_and_large_documents_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        fields(text)


def test_merges_that_multiply_are_refused_before_they_cost_time() -> None:
    lines = ["a: &a {q: 1}"]
    lines += [f"{b}: &{b} {{<<: [{','.join([f'*{a}'] * 9)}]}}" for a, b in zip("abcdefghi", "bcdefghij", strict=True)]
    before = time.process_time()
    with pytest.raises(Invalid, match="excessively"):
        fields("\n".join([*lines, "<<: *j"]))
    assert time.process_time() - before < 10


def test_aliases_that_multiply_in_unknown_fields_cost_nothing() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefghi", "bcdefghij", strict=True)]
    assert fields("\n".join([*lines, "s: y"])) == ({"s": "y"}, {})


def test_nested_merges_end_without_a_recursion_error() -> None:
    text = "<<: " + "{<<: " * 500 + "{s: x}" + "}" * 500
    with pytest.raises(Invalid, match="merges too deeply"):
        fields(text)


def test_an_error_text_holds_nothing_of_the_document() -> None:
    for text in (
        "s: [marked-value",
        "s: {marked-value: x}",
        "s: !!int marked-value",
        "marked-value",
        "n: marked-value",
    ):
        with pytest.raises(Invalid) as caught:
            fields(text)
        assert "marked" not in str(caught.value)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5), ("5.0", 5), ("5.5", 5), ("-5.9", -5), ("0x10", 16), ("0X1f", 31), ("010", 8), ("0o10", 8),
        ("0b11", 3), ("1_000", 1000), ("+7", 7), ("-0x10", -16), ("08", 8), ("1e2", 100), (".5e1", 5), (".5_5e1", 5),
        ("0b-1", -1), ("0o+7", 7), ("!!float 3", 3), ("2147483647", 2147483647), ("-2147483648", -2147483648),
    ],
)  # fmt: skip
def test_numbers_are_spelt_as_in_go(text: str, number: int) -> None:
    assert fields(f"n: {text}") == ({}, {"n": number})


@pytest.mark.parametrize(
    "text",
    [
        "'5'",
        "abc",
        "3000000000",
        "2147483648",
        "1:30",
        "true",
        "2024-01-01",
        ".inf",
        ".nan",
        "1e999",
        "0x",
        "0b",
        "[1]",
    ],
)
def test_what_is_no_int32_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        fields(f"n: {text}")


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("2024-02-29", True),
        ("2023-02-29", False),
        ("2024-1-2", True),
        ("0000-02-29", True),
        ("2024-13-01", False),
        ("2024-01-01T1:2:3Z", True),
        ("2024-01-01t01:02:03.5+01:30", True),
        ("2024-01-01 01:02:03", True),
        ("2024-01-01 01:02:03Z", False),
        ("2024-01-01T24:00:00Z", False),
        ("x", False),
    ],
)
def test_a_timestamp_tag_fits_what_go_parses(text: str, fits: bool) -> None:  # noqa: FBT001
    if fits:
        assert scalars.to_string(scalars.TIMESTAMP, text) == text
    else:
        with pytest.raises(Invalid):
            scalars.to_string(scalars.TIMESTAMP, text)


def test_text_that_is_not_utf8_keeps_its_bytes() -> None:
    texts, _ = fields("s: !!binary /w==")
    assert texts["s"].encode(errors="surrogateescape") == b"\xff"


def shape(node: yamltree.Node | None) -> object:
    """Return a tree as nested tuples."""
    return node and (node.kind, node.value, node.tag, tuple(shape(child) for child in node.content))


@pytest.mark.parametrize(
    "text", ["s: 007\nt: ~", "<<: {s: m}\nt: o", "  s: a\nt: b", "{s: 'x', n: 3}", "- |\n  a\n- *b\n- &b c", "", "! 5"]
)
def test_the_parser_without_c_builds_the_same_tree(text: str) -> None:
    try:
        expected = shape(yamltree.compose(text.encode()))
    except Invalid:
        with pytest.raises(Invalid):
            yamltree.compose(text.encode(), pureyaml.Parser)
    else:
        assert shape(yamltree.compose(text.encode(), pureyaml.Parser)) == expected


@pytest.mark.parametrize(
    "text", ["%YAML 1.2\n---\ns: a", 's: "x\\/y"', 's: "\\ud83d\\udd11"', "s: [", "s: *a", "s: a\x01"]
)
def test_neither_parser_takes_what_go_yaml_refuses(text: str) -> None:
    for parser in (yamltree.compose, lambda text: yamltree.compose(text, pureyaml.Parser)):
        with pytest.raises(Invalid):
            parser(text.encode())
