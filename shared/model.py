"""The nouns that cross rooms. Frozen values; nothing here does I/O or decides anything."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Never


class ObjectType(StrEnum):
    """The three kinds of vault object, spelled as a SecretProviderClass spells them (csi-semantics 1.5)."""

    SECRET = "secret"  # noqa: S105 - a kind, not a password
    KEY = "key"
    CERT = "cert"


class SecretValue:
    """A secret's bytes. Showing it shows a mask; `reveal` is the only way out.

    Comparison takes the same time for equal and unequal bytes of one length. It cannot be hashed, pickled or
    serialised, so it cannot slip into a cache key, a queue or a JSON document.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Return the bytes. Called where bytes are rendered and where they are written, nowhere else."""
        return self._value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretValue):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]  # a hash of a value is a trace of it

    def __repr__(self) -> str:
        return "SecretValue(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> Never:
        raise TypeError("a SecretValue cannot be pickled")


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultObject:
    """The identity of a vault object. Key Vault compares names without case, so they are kept in lower case."""

    vault: str
    type: ObjectType
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "vault", self.vault.lower())
        object.__setattr__(self, "name", self.name.lower())

    def __str__(self) -> str:
        return f"{self.vault}/{self.type}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One Secret in one namespace of one cluster."""

    cluster: str
    namespace: str
    secret: str

    def __str__(self) -> str:
        return f"{self.cluster}/{self.namespace}/{self.secret}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultRead:
    """What a SecretProviderClass asks of the vault for one of its objects.

    `version` is empty for the newest. `history` is the class's objectVersionHistory: 0 or 1 asks for one version,
    N > 1 for the newest N + 1 enabled ones from `version` on (csi-semantics 2.8). Names are in lower case.
    """

    type: ObjectType
    name: str
    version: str = ""
    history: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name.lower())

    @property
    def many(self) -> bool:
        """Whether several versions are asked for."""
        return self.history > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretMaterial:
    """One version of a secret as the vault holds it. `key_id` is set when a certificate backs it (`kid`)."""

    version: str
    value: SecretValue
    content_type: str | None = None
    key_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMaterial:
    """The public part of one version of a key: the JSON Web Key's text members (kty, crv, n, e, x, y)."""

    version: str
    jwk: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateMaterial:
    """One version of a certificate: the DER bytes of its leaf."""

    version: str
    der: bytes


Material = SecretMaterial | KeyMaterial | CertificateMaterial
