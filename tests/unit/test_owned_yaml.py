"""Lists of flat mappings: what is text, and what is refused before anything is built.

Both parsers are driven: Azure's wheels of PyYAML have the C one, other machines may not. How long hostile texts take is
not tested; that reading stops at the first event that does not fit is.
"""

from collections.abc import Callable
from typing import Any

import pytest
import yaml.cyaml

from shared import owned_yaml
from shared.csi import pureyaml
from shared.owned_yaml import NotYaml, Refused

FIELDS = ("name", "key")
MOST = 5

Read = Callable[[str], list[dict[str, str]]]


@pytest.fixture(params=["libyaml", "pure"])
def read(request: pytest.FixtureRequest) -> Read:
    """Read with one of the two parsers."""
    parser: Any = {"libyaml": getattr(yaml.cyaml, "CParser"), "pure": pureyaml.Parser}[request.param]  # noqa: B009
    return lambda text: owned_yaml.read(text, FIELDS, MOST, parser=parser)


@pytest.mark.parametrize(
    "text",
    [
        "- name: a\n  key: b\n- name: c\n",
        '[{"name": "a", "key": "b"}, {"name": "c"}]',
        '[{"name":"a","key":"b"},{"name":"c"}]',
        "- {name: a, key: 'b'}\n- {name: c}",
        "# why\n---\n- name: |\n    a\n  key: >-\n    b\n- name: c\n...\n",
        "\ufeff- name: a\n  key: b\n- name: c\n",
    ],
    ids=["block", "json", "compact json", "flow", "document", "byte order mark"],
)
def test_a_list_of_mappings_is_read_in_any_notation(read: Read, text: str) -> None:
    assert read(text) == [{"name": "a", "key": "b"}, {"name": "c"}]


@pytest.mark.parametrize("text", ["007", "yes", "0x1F", "1e3", "2026-11-23", "12:30:00", "true", ".inf", "1_000"])
def test_a_scalar_is_the_text_as_written(read: Read, text: str) -> None:
    assert read(f"- name: {text}") == [{"name": text}]


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL", "''", '" \\t"'])
def test_null_and_white_space_are_empty(read: Read, text: str) -> None:
    assert read(f"- name: {text}") == [{"name": ""}]


def test_a_quoted_null_is_text(read: Read) -> None:
    assert read("- name: 'null'\n  key: \"~\"") == [{"name": "null", "key": "~"}]


def test_json_may_escape_its_slashes(read: Read) -> None:
    assert read('[{"name": "secret\\/a"}]') == [{"name": "secret/a"}]


def test_an_empty_list_and_an_empty_mapping_are_read(read: Read) -> None:
    assert read("[]") == []
    assert read("- {}") == [{}]


REFUSED = {
    "nothing": ("", "it is empty"),
    "comment": ("# nothing", "it is empty"),
    "text": ("name: a", "it is no list"),
    "scalar": ("hello", "it is no list"),
    "null": ("~", "it is no list"),
    "empty document": ("---", "it is no list"),
    "number in list": ("- name: a\n- 5", "entry 2: it is no mapping; expected name, key"),
    "list in list": ("- - name: a", "entry 1: it is no mapping"),
    "list as value": ("- name: [a]", "entry 1: name is no text"),
    "mapping as value": ("- name: a\n- key: {b: c}", "entry 2: key is no text"),
    "list as name": ("- ? [a]\n  : b", "entry 1: the name of a field is no text"),
    "unknown field": ("- nmae: a", "entry 1: unknown field 'nmae'; expected name, key"),
    "null as name": ("- ~: a", "entry 1: unknown field '~'"),
    "other case": ("- Name: a", "entry 1: unknown field 'Name'"),
    "twice": ("- name: a\n  name: a", "entry 1: name stands twice"),
    "anchor": ("- &a {name: b}", "entry 1: an anchor or alias"),
    "anchor on list": ("&a [{name: b}]", "^an anchor or alias"),
    "anchor on text": ("- name: &a b", "entry 1: an anchor or alias"),
    "anchor on name": ("- &a name: b", "entry 1: an anchor or alias"),
    "alias": ("- {name: b}\n- *a", "entry 2: an anchor or alias"),
    "alias as value": ("- name: *a", "entry 1: an anchor or alias"),
    "merge": ("- <<: {name: a}", "entry 1: a merge"),
    "merge of alias": ("- <<: *a", "entry 1: a merge"),
    "tag": ("- name: !!binary YQ==", "entry 1: a tag"),
    "python tag": ("- name: !!python/object/apply:os.system [x]", "entry 1: a tag"),
    "tag on mapping": ("- !x {name: a}", "entry 1: a tag"),
    "bare tag": ("- name: ! a", "entry 1: a tag"),
    "second document": ("- name: a\n---\n- name: b", "it holds a second YAML document"),
    "too many": ("- {}\n" * (MOST + 1), f"it has more than {MOST} entries"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_the_grammar_does_not_have_is_refused_with_its_place(read: Read, text: str, message: str) -> None:
    with pytest.raises(Refused, match=message) as caught:
        read(text)

    assert not isinstance(caught.value, NotYaml)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {name: a", "it is not YAML"),
        ("- name: a\n  key: 'b", "it is not YAML"),
        ("- name: a\n key: b", r"it is not YAML \(line 2\)"),
        ("- name: a\0b", "it is not YAML"),
        ("- name: \ud800", "it is not YAML"),
        ("- name: a\n\tkey: b", "it is not YAML"),
        ("- name: a\n  key: @b", "it is not YAML"),
    ],
    ids=["open mapping", "open quote", "indentation", "NUL", "half a surrogate pair", "tab", "reserved"],
)
def test_what_is_no_yaml_is_told_apart(read: Read, text: str, message: str) -> None:
    with pytest.raises(NotYaml, match=message):
        read(text)


@pytest.mark.parametrize(
    "text",
    ["[" * 50_000, "- " + "{name: " * 5_000, "- " * 30_000, "- &a [" + "*a," * 20_000, "- ? " * 15_000],
    ids=["lists", "mappings", "block lists", "aliases", "complex names"],
)
def test_hostile_nesting_is_refused_at_its_first_level(read: Read, text: str) -> None:
    with pytest.raises(Refused, match="entry 1: "):
        read(text)


def test_reading_stops_at_the_first_event_that_does_not_fit(read: Read) -> None:
    with pytest.raises(Refused, match="unknown field"):
        read("- nmae: a\n- [never read")


def test_an_unknown_field_is_quoted_shortly_and_in_printable_characters(read: Read) -> None:
    with pytest.raises(Refused) as caught:
        read('- "\\u202ea\\nb\\u00e9' + "x" * 100 + '": c')

    assert str(caught.value) == f"entry 1: unknown field 'abé{'x' * 55}'; expected name, key"
