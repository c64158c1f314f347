"""Which objects of a class may mount a file: an index, so that a class of thousands of objects costs what it weighs.

A class is written by whoever may edit a namespace. Comparing every object with every file would let one class of a
few hundred kilobytes occupy the app for half a minute.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from shared.csi.objects import ClassObject

_SUFFIXES = ("", ".crt", ".key")


@dataclass(slots=True)
class Producers:
    """The objects of one class in list order. `separate` as the provider is started (csi-semantics 2.7)."""

    objects: Sequence[ClassObject]
    separate: bool
    _at: dict[str, list[int]] = field(init=False, repr=False, compare=False)
    _inside: dict[str, list[int]] = field(init=False, repr=False, compare=False)
    _known: dict[str, tuple[ClassObject, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._at, self._inside, self._known = {}, {}, {}
        for position, item in enumerate(self.objects):
            self._at.setdefault(_stem(item), []).append(position)
            self._inside.setdefault(_folder(item.path(0)), []).append(position)

    def of(self, file: str) -> tuple[ClassObject, ...]:
        """Return the objects that may mount a file of this name, in list order: the last that does so wins."""
        if (known := self._known.get(file)) is not None:
            return known
        found = {position for stem in self._stems(file) for position in self._at.get(stem, ())}
        items = (self.objects[position] for position in sorted(found))
        self._known[file] = tuple(item for item in items if item.may_produce(file, separate=self.separate))
        return self._known[file]

    def sharing(self, wanted: Sequence[ClassObject]) -> tuple[ClassObject, ...]:
        """Return, in list order, the wanted objects and all that may mount a file of the same name as one of them."""
        chosen = {id(item) for item in wanted}
        longest: dict[str, ClassObject] = {}
        for item in {(item.base, item.history, item.type): item for item in wanted}.values():
            chosen.update(id(other) for file in self._first_files(item) for other in self.of(file))
            folder = _folder(item.path(0))
            if item.many and (folder not in longest or longest[folder].history < item.history):
                longest[folder] = item
        for folder, item in longest.items():
            # A single object may stand where a later version of a history would.
            for position in self._inside.get(folder, ()):
                other = self.objects[position]
                if any(item.may_produce(file, separate=self.separate) for file in self._first_files(other)):
                    chosen.add(id(other))
        return tuple(item for item in self.objects if id(item) in chosen)

    def _first_files(self, item: ClassObject) -> Iterable[str]:
        """Yield the files of an object's only or newest version."""
        files = (item.path(0, suffix) for suffix in _SUFFIXES)
        return (file for file in files if item.may_produce(file, separate=self.separate))

    def _stems(self, file: str) -> Iterable[str]:
        yield file
        yield _folder(file) + "/"
        if self.separate and file.endswith(_SUFFIXES[1:]):
            yield file[: -len(_SUFFIXES[1])]


def _stem(item: ClassObject) -> str:
    """Return what all files of an object have in common: the file, or the folder of a history."""
    return _folder(item.path(0)) + "/" if item.many else item.base


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
