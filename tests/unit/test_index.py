"""Declarations by the names that they mention."""

from hypothesis import given
from hypothesis import strategies as st

from shared.index import NameIndex

NAMES = st.sampled_from(["db", "api", "tls", "smtp"])
KEYS = st.tuples(st.sampled_from(["shop", "bank"]), st.sampled_from(["a", "b", "c"]))
MENTIONED = st.one_of(st.none(), st.frozensets(NAMES))
STEPS = st.lists(st.tuples(KEYS, st.one_of(st.just("gone"), MENTIONED)))


@given(steps=STEPS, asked=st.lists(NAMES))
def test_after_any_changes_the_index_finds_what_a_look_at_everything_would_find(
    steps: list[tuple[tuple[str, str], object]], asked: list[str]
) -> None:
    index = NameIndex[tuple[str, str]]()
    there: dict[tuple[str, str], frozenset[str] | None] = {}
    for key, mentioned in steps:
        if isinstance(mentioned, str):
            index.drop(key)
            there.pop(key, None)
        else:
            assert mentioned is None or isinstance(mentioned, frozenset)
            index.put(key, key, mentioned)
            there[key] = mentioned

    expected = sorted(key for key, names in there.items() if names is None or names & set(asked))
    assert index.about(asked) == expected
    assert sorted(index) == sorted(there)


def test_an_object_that_nobody_mentions_any_more_leaves_nothing_behind() -> None:
    """A process lives for weeks, and names come and go."""
    index = NameIndex[str]()
    index.put(("shop", "a"), "first", ["db"])
    index.put(("shop", "a"), "second", ["api"])
    index.drop(("shop", "a"))
    index.drop(("shop", "never-there"))

    assert index.about(["db", "api"]) == []
    assert not index._named  # noqa: SLF001 - what is left behind shows nowhere else
