"""One version of a vault object, as the store keeps it. No rules here but the names' and the shape's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

ObjectType = Literal["secret", "key", "cert"]

COLLECTIONS: Final[Mapping[ObjectType, str]] = {"secret": "secrets", "key": "keys", "cert": "certificates"}
"""The path segment of each type."""

TYPES: Final[Mapping[str, ObjectType]] = {collection: kind for kind, collection in COLLECTIONS.items()}


@dataclass(slots=True, kw_only=True)
class Version:
    """A secret's, key's or certificate's version.

    Times are whole Unix seconds. `version`, `created` and `updated` are the store's to fill in. Of `value` (secret),
    `jwk` (key) and `cer` (certificate, DER) the one that belongs to `kind` is filled. `managed` marks the secret and
    the key that belong to a certificate.
    """

    kind: ObjectType
    name: str
    version: str = ""
    created: int = 0
    updated: int = 0
    enabled: bool = True
    not_before: int | None = None
    expires_on: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
    content_type: str | None = None
    managed: bool = False
    previous_version: str | None = None
    value: str = field(default="", repr=False)
    jwk: Mapping[str, object] = field(default_factory=dict)
    cer: bytes = field(default=b"", repr=False)
    thumbprint: bytes = b""


@dataclass(slots=True, kw_only=True)
class Deleted:
    """What soft deletion keeps of one object: its versions, oldest first, and the two dates (Unix seconds)."""

    versions: list[Version]
    deleted: int
    scheduled_purge: int

    @property
    def latest(self) -> Version:
        """The version that was current when the object was deleted."""
        return self.versions[-1]
