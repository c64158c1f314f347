"""`objects`: the vault objects that a SecretProviderClass lists, in list order (csi-semantics 1.4 to 1.6, 2.8)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shared.csi import golang, goyaml
from shared.model import ObjectType, VaultRead

_TEXT_FIELDS: Final = (
    "objectName",
    "objectAlias",
    "objectVersion",
    "objectType",
    "objectFormat",
    "objectEncoding",
    "filePermission",
)
_HISTORY: Final = "objectVersionHistory"
_TYPES: Final = {str(kind): kind for kind in ObjectType}
_FORMATS: Final = frozenset({"pem", "pfx"})
_ENCODINGS: Final = frozenset({"hex", "base64", "utf-8"})
_SUFFIXES: Final = (".crt", ".key")
_INDEX: Final = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_LONGEST_INDEX: Final = 10  # the digits of the largest int32
_LONGEST_PATH: Final = 4096
_LONGEST_NAME: Final = 255


class _Fields(dict[str, str]):
    """The text fields of one item, and its history."""

    history: int = 0


class Refused(Exception):  # noqa: N818 - `classes` turns it into DriverWouldFail with the class's name
    """The list or an object in it breaks a rule. The message names both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassObject:
    """One vault object that a class mounts. Texts are trimmed and otherwise as written."""

    type: ObjectType
    name: str
    alias: str = ""
    version: str = ""
    history: int = 0
    format: str = ""
    encoding: str = ""

    @property
    def base(self) -> str:
        """The file's name, or with version history the directory's."""
        return self.alias or self.name

    @property
    def read(self) -> VaultRead:
        """What has to be read from the vault for this object."""
        return VaultRead(type=self.type, name=self.name, version=self.version, history=self.history)

    @property
    def status_id(self) -> str:
        """The object's id in a pod status; with version history the driver appends `/` and the index."""
        return f"{self.type}/{self.name}"

    @property
    def pfx(self) -> bool:
        """Whether a certificate-backed secret stays the PFX that the vault holds."""
        return golang.fold(self.format) == "pfx"

    @property
    def many(self) -> bool:
        """Whether the class asks for several versions."""
        return self.history > 1

    def path(self, index: int, suffix: str = "") -> str:
        """Return the name of a file: that of the version at `index` if the class asks for a history."""
        if not self.many:
            return self.base + suffix
        return golang.clean_path(f"{self.base}/{index}") + suffix

    def may_produce(self, file: str, *, separate: bool) -> bool:
        """Whether the driver can mount this object under the name `file`; `separate` as the provider is started.

        A `.crt` and a `.key` are there if the secret turns out to be certificate-backed, an index if there are that
        many versions: one more than asked for is the driver's own way of counting (csi-semantics 2.8).
        """
        if self._names(file):
            return True
        if not separate or self.type is not ObjectType.SECRET or not file.endswith(_SUFFIXES):
            return False
        return self._names(file[: -len(_SUFFIXES[0])])

    def _names(self, file: str) -> bool:
        if not self.many:
            return file == self.base
        index = file.rpartition("/")[2]
        return (
            _INDEX.fullmatch(index) is not None
            and len(index) <= _LONGEST_INDEX
            and int(index) <= self.history
            and self.path(int(index)) == file
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What `objects` lists.

    A wrong objectType is noticed only after the objects before it were fetched, so it ends the list: `refusal` says
    which rule then fails the mount.
    """

    objects: tuple[ClassObject, ...]
    refusal: str | None = None


def parse(text: str) -> Listing:
    """Read the list; raise Refused for what the provider refuses before it asks the vault for anything."""
    try:
        documents = goyaml.decode_list(text.encode(errors="surrogateescape"))
    except goyaml.Invalid as error:
        raise Refused(f"objects: {error}") from None
    known: dict[str, _Fields] = {}
    for index, document in enumerate(documents):
        if document not in known:
            known[document] = _parse_fields(index, document)
    found: list[ClassObject] = []
    for index, document in enumerate(documents):
        fields = known[document]
        kind = _TYPES.get(fields["objectType"])
        if kind is None:
            refusal = f"objects item {index}: objectType is not `secret`, `key` or `cert`"
            return Listing(objects=tuple(found), refusal=refusal)
        found.append(_make_object(kind, fields))
    return Listing(objects=tuple(found))


def _make_object(kind: ObjectType, fields: _Fields) -> ClassObject:
    return ClassObject(
        type=kind,
        name=fields["objectName"],
        alias=fields["objectAlias"],
        version=fields["objectVersion"],
        history=fields.history,
        format=fields["objectFormat"],
        encoding=fields["objectEncoding"],
    )


def _parse_fields(index: int, document: str) -> _Fields:
    """Read one item and check it as the provider does before it asks the vault for anything."""
    try:
        texts, numbers = goyaml.decode_fields(
            document.encode(errors="surrogateescape"), strings=_TEXT_FIELDS, numbers=(_HISTORY,)
        )
    except goyaml.Invalid as error:
        raise Refused(f"objects item {index}: {error}") from None
    fields = _Fields({name: golang.trim_space(texts.get(name, "")) for name in _TEXT_FIELDS})
    fields.history = numbers.get(_HISTORY, 0)
    broken = _broken_rule(fields)
    if broken is not None:
        raise Refused(f"objects item {index} ({fields['objectName'][:127]!r}): {broken}")
    return fields


def _broken_rule(fields: _Fields) -> str | None:
    kind, form, encoding = fields["objectType"], fields["objectFormat"], fields["objectEncoding"]
    if form and golang.fold(form) not in _FORMATS:
        return "objectFormat is neither pem nor pfx"
    if form == "pfx" and kind != ObjectType.SECRET:
        return "objectFormat pfx is for objectType secret only"
    if encoding and kind != ObjectType.SECRET:
        return "objectEncoding is for objectType secret only"
    if encoding and golang.fold(encoding) not in _ENCODINGS:
        return "objectEncoding is not utf-8, base64 or hex"
    return _broken_name_rule(fields["objectAlias"] or fields["objectName"])


def _broken_name_rule(name: str) -> str | None:
    if not name:
        return "the file name is empty"
    if name.startswith("/"):
        return "the file name is an absolute path"
    return "the file name contains `..`" if ".." in name else None


def check_paths(paths: Iterable[str]) -> None:
    """Raise Refused unless the driver can write files of these names side by side (csi-semantics 1.6, layer 2)."""
    files = set(paths)
    for path in files:
        broken = _broken_path_rule(path)
        if broken is None and any(path[:at] in files for at, c in enumerate(path) if c == "/"):
            broken = "it is inside a directory that is also a file"
        if broken is not None:
            raise Refused(f"file {path[:127]!r}: {broken}")


def _broken_path_rule(path: str) -> str | None:
    # NUL and `.` pass the driver's own check and fail in the file system.
    if not golang.valid_utf8(path):
        return "its name is not UTF-8, which gRPC demands"
    if path == "." or "\0" in path:
        return "no file can have this name"
    if golang.clean_path(path) != path:
        return "its name is not a clean path"
    if golang.utf8_length(path) > _LONGEST_PATH:
        return "its name is longer than 4096 bytes"
    if any(golang.utf8_length(name) > _LONGEST_NAME for name in path.split("/")):
        return "a part of its name is longer than 255 bytes"
    return None
