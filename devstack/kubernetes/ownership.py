"""Who wrote which fields: metadata.managedFields as the real server keeps them for writers that do not apply.

From the real server (structured-merge-diff, and apimachinery, pkg/util/managedfields): whoever changes a field owns it
from then on, and the one before does not; what is removed nobody owns; a writer's time is that of its last change, to
whatever field. Here the entries of a Secret's data, of labels and of annotations are fields of their own. Every other
field counts as a whole, where the real server looks into it.
"""

from collections.abc import Iterator, Mapping

from devstack.kubernetes.documents import Document

Path = tuple[str, ...]

_NOBODYS = frozenset(
    {
        "name",
        "generateName",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "selfLink",
        "managedFields",
    }
)
_MAPS = (("data",), ("metadata", "labels"), ("metadata", "annotations"))


def record(before: Document | None, after: Document, entry: Document) -> list[Document]:
    """Return the managedFields after a write: `entry` is the writer's, with its fields yet to be listed.

    Who only removes fields is not noted.
    """
    was, now = dict(_fields(before or {})), dict(_fields(after))
    changed = {path for path, value in now.items() if path not in was or was[path] != value}
    own, others = changed, []
    for known in (before or {}).get("metadata", {}).get("managedFields", []):
        kept = set(_paths(known["fieldsV1"])) & now.keys()
        if changed and _identity(known) == _identity(entry):
            own = own | kept
        elif kept - changed:
            others.append(known | {"fieldsV1": _tree(kept - changed)})
    return [*others, entry | {"fieldsType": "FieldsV1", "fieldsV1": _tree(own)}] if own else others


def _identity(entry: Document) -> tuple[str, str]:
    return entry["manager"], entry["apiVersion"]


def _fields(document: Document) -> Iterator[tuple[Path, object]]:
    """Yield every field with its value. A map's own value is None: to change what is in it does not change it."""
    metadata = document.get("metadata", {})
    places: list[tuple[Path, object]] = [
        ((key,), value) for key, value in document.items() if key not in ("apiVersion", "kind", "metadata")
    ]
    places += [(("metadata", key), value) for key, value in metadata.items() if key not in _NOBODYS]
    for path, value in places:
        if path in _MAPS and isinstance(value, dict):
            yield path, None
            yield from (((*path, key), part) for key, part in value.items())
        else:
            yield path, value


def _tree(paths: set[Path]) -> Document:
    """Return FieldsV1: a field that has others in it and is owned itself has a `.` among them."""
    tree: Document = {}
    for path in sorted(paths):
        node = tree
        for part in path:
            node = node.setdefault(f"f:{part}", {})
    for path in paths:
        node = tree
        for part in path:
            node = node[f"f:{part}"]
        if node:
            node["."] = {}
    return tree


def _paths(tree: Mapping[str, Document], above: Path = ()) -> Iterator[Path]:
    for key, inside in tree.items():
        if key == ".":
            yield above
        elif inside:
            yield from _paths(inside, (*above, key.removeprefix("f:")))
        else:
            yield (*above, key.removeprefix("f:"))
