"""What a vault holds and what is asked of it, as values. No rules here but the names' and the shape's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

ObjectType = Literal["secret", "key", "cert"]

Operation = Literal[
    "list", "get", "list versions", "set", "update", "delete", "list deleted", "get deleted", "recover", "purge"
]

COLLECTIONS: Final[Mapping[ObjectType, str]] = {"secret": "secrets", "key": "keys", "cert": "certificates"}
"""The path segment of each type."""

_ACTIONS: Final[Mapping[Operation, str]] = {
    "get": "getSecret/action",
    "set": "setSecret/action",
    "update": "update/action",
    "delete": "delete",
    "recover": "recover/action",
    "purge": "purge/action",
}


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
    value: str = field(default="", repr=False)
    jwk: Mapping[str, object] = field(default_factory=dict)
    cer: bytes = field(default=b"", repr=False)
    thumbprint: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """What soft deletion keeps of one object: its versions, oldest first, and the two dates (Unix seconds)."""

    versions: list[Version]
    deleted: int
    scheduled_purge: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultChange:
    """A new version came into being: one of a secret or key, or the three of a certificate at once.

    Times are Unix seconds; `not_before` and `expires_on` are None when the attribute is unset.
    """

    types: tuple[ObjectType, ...]
    name: str
    version: str
    created: int
    not_before: int | None
    expires_on: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as fault rules, rights and assertions see it.

    An empty `version` asks for the latest, an empty `name` for the whole collection. `identity` is the token's.
    `status` is 0 until the answer is known (-1: cut off). `at` is when it came, in Unix seconds; two requests are
    equal whenever they came.
    """

    method: str
    operation: Operation
    kind: ObjectType
    name: str = ""
    version: str = ""
    identity: str = ""
    status: int = 0
    at: float = field(default=0.0, compare=False)

    @property
    def action(self) -> str:
        """The data action that a role has to allow."""
        if self.kind == "secret":
            return f"Microsoft.KeyVault/vaults/secrets/{_ACTIONS.get(self.operation, 'readMetadata/action')}"
        return f"Microsoft.KeyVault/vaults/{COLLECTIONS[self.kind]}/read"
