"""What holds for any annotation that somebody who may edit a namespace can write."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from shared import owned
from shared.model import ObjectType, VaultObject, VaultRead
from shared.owned import Declaration, OwnedBinding, OwnedRefused
from shared.owned_declaration import LONGEST_TEXT, MOST_ENTRIES
from shared.reason import Reason
from tests.generated import generated
from tests.unit.declare import build_entry, build_metadata, declare, filling

MANY = generated(300)

text = st.text(max_size=30)
words = [
    "- ",
    "\n",
    "  ",
    "vault: kv-shop",
    "object: secret/a",
    "key: k",
    "version: ",
    "format: pfx",
    "encoding: ",
    ", ",
]
words += [
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "<<: ",
    "!!int ",
    "! ",
    "'",
    '"',
    "\\/",
    "# ",
    "---",
    "~",
    "? ",
    ": ",
    "|",
    "\t",
]
yaml_text = st.lists(st.sampled_from(words) | st.text(max_size=4), max_size=40).map("".join)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["vault", "object", "version", "format", "encoding", "key"])
values = st.sampled_from(["kv-shop", "secret/a", "cert/b", "pfx", "hex", "tls.crt", "1a", ""]) | text
likely = st.lists(st.dictionaries(names, values), max_size=4).map(json.dumps)
good = st.builds(
    build_entry,
    st.sampled_from(["secret/a", "key/a", "cert/A", "secret/b"]),
    st.sampled_from([f"k{number}" for number in range(8)]),
    vault=st.sampled_from(["kv-one", "kv-two", "KV-one"]),
    version=st.sampled_from(["", "", "1a", "2b"]),
)
declarations = st.lists(good, min_size=1, max_size=6, unique_by=lambda entry: entry["key"])


@generated(600)
@given(annotation=yaml_text | likely | text | json_values)
@example(annotation="\ud800")
@example(annotation="- {vault: \0}")
@example(annotation="- " * 30_000)
@example(annotation="%YAML 1.2\n---\n- {}")
@example(annotation="%TAG ! x\n---\n- ! {}")
def test_any_annotation_is_parsed_or_refused(annotation: object) -> None:
    view = owned.parse(build_metadata(annotation))

    if isinstance(view, Declaration):
        assert 0 < len(view.entries) <= MOST_ENTRIES
        assert len({entry.key for entry in view.entries}) == len(view.entries)
        assert sum(map(len, view.asks.values())) == len(view.entries)
    else:
        assert view.error.reason is Reason.BAD_DECLARATION
        assert len(str(view.error)) < 400
        assert len(view.text) <= 3 * LONGEST_TEXT


@MANY
@given(metadata=st.dictionaries(st.sampled_from(["namespace", "name", "annotations"]) | text, json_values))
def test_any_metadata_is_parsed_or_refused(metadata: dict[str, Any]) -> None:
    owned.parse(metadata)


@MANY
@given(annotation=yaml_text | likely, mark=st.just("MARKEDvalue"), where=st.integers(0, 400))
def test_no_refusal_shows_what_stands_in_a_field(annotation: str, mark: str, where: int) -> None:
    # A marked text as the value of a field, wherever one can stand.
    marked = annotation[:where] + f": {mark}\n" + annotation[where:]

    view = owned.parse(build_metadata(marked))

    if not isinstance(view, Declaration) and "unknown field" not in str(view.error):
        assert mark not in str(view.error)
        assert mark not in repr(view)


@MANY
@given(entries=declarations, type_=st.sampled_from(ObjectType), name=st.sampled_from(["a", "B", "c"]))
def test_finding_by_index_is_finding_by_looking_at_every_entry(
    entries: list[dict[str, str]], type_: ObjectType, name: str
) -> None:
    about = VaultObject(vault="kv-one", type=type_, name=name)
    named = [entry for entry in entries if entry["vault"].lower() == "kv-one"]
    named = [entry for entry in named if entry["object"].partition("/")[2].lower() == about.name]
    moving = tuple(entry["key"] for entry in named if not entry["version"])

    found = owned.find([declare(*entries)], about)

    assert len(found) == bool(named)
    for item in found:
        assert not isinstance(item, OwnedRefused)
        assert (item.keys if isinstance(item, OwnedBinding) else ()) == moving


@MANY
@given(
    entries=declarations,
    current=text | json_values.map(json.dumps) | st.dictionaries(text, text).map(json.dumps),
    version=st.sampled_from(["1a", "2b", "", "/", "\ud800"]) | text,
)
def test_versions_are_of_declared_keys_only_and_settle_at_once(
    entries: list[dict[str, str]], current: str, version: str
) -> None:
    bindings = filling(declare(*entries))
    held: dict[VaultRead, str] = {item.read: version for one in bindings for item in one.objects}

    after = current
    for one in bindings:
        after = owned.versions_after(after, one, held)

    assert json.loads(after).keys() <= {entry["key"] for entry in entries}
    for one in bindings:
        assert owned.versions_after(after, one, held) == after
