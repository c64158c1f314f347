"""A vault in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.csi import render
from shared.errors import PermanentError
from shared.model import ObjectType, SecretMaterial, SecretValue, VaultObject, VaultRead
from shared.observed import (
    Claim,
    ListedObject,
    VaultAnswer,
)
from shared.reason import Reason
from tests.fakes.script import Life, Script


@dataclass(slots=True, kw_only=True)
class _Stored:
    material: SecretMaterial
    tags: Mapping[str, str]
    enabled: bool = True
    created: datetime | None = None
    not_before: datetime | None = None
    expires: datetime | None = None


@dataclass(slots=True)
class FakeVault:
    """Secrets with their versions, oldest first. As in Key Vault the newest counts, also when it is disabled."""

    life: Life = field(default_factory=Life)
    name: str = "kv-shop"
    script: Script = field(init=False)
    versions: dict[str, list[_Stored]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.script = Script(self.life)

    def put(
        self,
        name: str,
        value: str,
        *,
        tags: Mapping[str, str] | None = None,
        content_type: str | None = None,
        key_id: str | None = None,
        created: datetime | None = None,
        not_before: datetime | None = None,
        expires: datetime | None = None,
    ) -> str:
        """Add a version and return its id."""
        version = f"{name.encode().hex()[:8]:0<8}{len(self.versions.get(name, ())) + 1:024x}"
        material = SecretMaterial(
            version=version, value=SecretValue(value.encode()), content_type=content_type, key_id=key_id
        )
        self.versions.setdefault(name, []).append(
            _Stored(material=material, tags=tags or {}, created=created, not_before=not_before, expires=expires)
        )
        return version

    def enable(self, name: str, *, enabled: bool) -> None:
        """Enable or disable the newest version."""
        self.versions[name][-1].enabled = enabled

    async def read(self, read: VaultRead) -> VaultAnswer:
        """Answer as a vault does."""
        async with self.script.call("read", read.name):
            return self._read(read)

    async def confirms(self, claim: Claim) -> bool:
        """Look through every version, disabled ones too."""
        async with self.script.call("confirms", claim.name):
            known = {stored.material.version for stored in self._find(claim.type, claim.name)}
        return not known.isdisjoint(claim.versions)

    async def inventory(self) -> Sequence[ListedObject]:
        """List every secret with the time of its newest version."""
        async with self.script.call("inventory", ""):
            return [
                ListedObject(
                    object=VaultObject(
                        vault=self.name,
                        type=ObjectType.CERT if stored[-1].material.key_id else ObjectType.SECRET,
                        name=name,
                    ),
                    created=stored[-1].created,
                    enabled=stored[-1].enabled,
                    not_before=stored[-1].not_before,
                    expires=stored[-1].expires,
                )
                for name, stored in self.versions.items()
                if name not in self.deleted
            ]

    async def newest(self, about: VaultObject) -> str:
        """Tell the newest enabled version."""
        async with self.script.call("newest", about.name):
            enabled = [one.material.version for one in self._find(ObjectType.SECRET, about.name) if one.enabled]
            return enabled[-1] if enabled else ""

    def _find(self, type_: ObjectType, name: str) -> Sequence[_Stored]:
        if type_ is not ObjectType.SECRET or name in self.deleted or name not in self.versions:
            raise PermanentError(f"{type_}/{name}: 404 SecretNotFound", reason=Reason.OBJECT_NOT_FOUND)
        return self.versions[name]

    def _read(self, read: VaultRead) -> VaultAnswer:
        stored = self._find(read.type, read.name)
        by_version = {one.material.version: one for one in stored}
        if read.many:
            infos = [
                render.VersionInfo(version=one.material.version, created=age, enabled=one.enabled)
                for age, one in enumerate(stored)
            ]
            selected = [by_version[version] for version in render.select_history(infos, read)]
        else:
            wanted = read.version or stored[-1].material.version
            if wanted not in by_version:
                raise PermanentError(f"{read.name}: 404 SecretNotFound", reason=Reason.OBJECT_NOT_FOUND)
            selected = [by_version[wanted]]
        if any(not one.enabled for one in selected):
            raise PermanentError(f"{read.name}: 403 SecretDisabled", reason=Reason.OBJECT_DISABLED)
        newest = selected[0] if selected else None
        return VaultAnswer(
            materials=tuple(one.material for one in selected),
            tags=newest.tags if newest else {},
            created=newest.created if newest else None,
            not_before=newest.not_before if newest else None,
        )
