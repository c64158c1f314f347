"""The index of producers answers as comparing every object with every file would."""

from hypothesis import given
from hypothesis import strategies as st

from shared.csi.objects import ClassObject
from shared.csi.producers import Producers
from shared.model import ObjectType

SUFFIXES = ("", ".crt", ".key")
NAMES = st.sampled_from(["a", "b", "a/0", "a/1", "a/5", "a.crt", "a/0.crt", "a//b", "./a", "a/b", "a/b/0", "0", "x/a"])
OBJECTS = st.lists(
    st.builds(
        ClassObject,
        type=st.sampled_from(list(ObjectType)),
        name=NAMES,
        history=st.sampled_from([0, 0, 1, 2, 6]),
    ),
    max_size=8,
)


@given(objects=OBJECTS, file=NAMES, separate=st.booleans())
def test_the_producers_of_a_file_are_all_that_may_produce_it_in_order(
    objects: list[ClassObject], file: str, *, separate: bool
) -> None:
    index = Producers(objects, separate)

    expected = tuple(item for item in objects if item.may_produce(file, separate=separate))

    assert index.of(file) == index.of(file) == expected


@given(objects=OBJECTS, wanted=st.sets(st.integers(0, 7)), separate=st.booleans())
def test_what_shares_a_file_with_a_wanted_object_is_found_from_either_side(
    objects: list[ClassObject], wanted: set[int], *, separate: bool
) -> None:
    chosen = [item for position, item in enumerate(objects) if position in wanted]

    def overlap(one: ClassObject, other: ClassObject) -> bool:
        files = {item.path(index, suffix) for item in (one, other) for index in range(8) for suffix in SUFFIXES}
        return any(all(item.may_produce(file, separate=separate) for item in (one, other)) for file in files)

    expected = [item for item in objects if any(item is other or overlap(item, other) for other in chosen)]
    found = Producers(objects, separate).sharing(chosen)

    assert [id(item) for item in found] == [id(item) for item in expected]
