"""A vault's semantics apart from any transport: versions, properties, soft delete.

Names compare without case, as in the service. `latest` is the newest version even when it is disabled. Lists come in
the order of names, version lists in the order of the version ids, which says nothing about age (lowkey-vault#467).
"""

import re
import uuid
from collections.abc import Callable, Sequence
from typing import Final

from devstack import clock as clocks
from devstack.keyvault import refusals
from devstack.keyvault.objects import COLLECTIONS, Deleted, ObjectType, VaultChange, Version

RETENTION_DAYS: Final = 90

_NAME: Final = re.compile(r"[0-9A-Za-z-]{1,127}")
_MAX_VALUE: Final = 25_600  # bytes, azure-platform 3.2
_MAX_TAGS: Final = 15
_EVERY_TYPE: Final = tuple(COLLECTIONS)


class Store:
    """The objects of one vault. Methods raise `Refusal` for what the service would refuse."""

    def __init__(self, clock: clocks.Clock, announce: Callable[[VaultChange], None]) -> None:
        self._clock = clock
        self._announce = announce
        self._objects: dict[tuple[ObjectType, str], list[Version]] = {}
        self._deleted: dict[tuple[ObjectType, str], Deleted] = {}

    def clear(self) -> None:
        """Forget everything, deleted objects too."""
        self._objects.clear()
        self._deleted.clear()

    def add(self, *made: Version) -> Version:
        """Add a version to a secret or a key, or with one id to a certificate and what belongs to it; return the last.

        What is filled in: the id, the times, and the name as it was first spelled.
        """
        for version in made:
            self._require_addable(version)
        identifier, now = uuid.uuid4().hex, int(self._clock())
        for version in made:
            known = self._objects.setdefault((version.kind, version.name.lower()), [])
            version.name = known[0].name if known else version.name
            version.version, version.created, version.updated = identifier, now, now
            known.append(version)
        self._announce(
            VaultChange(
                types=tuple(version.kind for version in made),
                name=made[-1].name,
                version=identifier,
                created=now,
                not_before=made[-1].not_before,
                expires_on=made[-1].expires_on,
            )
        )
        return made[-1]

    def get(self, kind: ObjectType, name: str, version: str = "") -> Version:
        """Return a version, or the latest. Disabled ones too: what to do about them is the reader's affair."""
        _check_name(name)
        versions = self._objects.get((kind, name.lower()))
        if not versions:
            raise refusals.not_found(kind, name)
        if not version:
            return versions[-1]
        for candidate in versions:
            if candidate.version == version.lower():
                return candidate
        raise refusals.not_found(kind, f"{name}/{version}")

    def versions(self, kind: ObjectType, name: str) -> list[Version]:
        """Return every version, by id: none for an unknown name, as in the service (azure-powershell#14823)."""
        _check_name(name)
        return sorted(self._objects.get((kind, name.lower()), []), key=lambda version: version.version)

    def latest(self, kind: ObjectType) -> list[Version]:
        """Return the latest version of every object of a type, by name."""
        return [versions[-1] for (each, _), versions in sorted(self._objects.items()) if each == kind]

    def touch(self, version: Version) -> None:
        """Stamp a version whose properties were changed."""
        version.updated = int(self._clock())

    def set_enabled(self, name: str, version: str, *, enabled: bool) -> None:
        """Switch a version on or off: with a certificate's, the secret's and the key's too."""
        everything = [each for kind in COLLECTIONS for each in self._objects.get((kind, name.lower()), [])]
        matching = [each for each in everything if each.version == version.lower()]
        if not matching:
            raise refusals.not_found("secret", f"{name}/{version}")
        for each in matching:
            each.enabled = enabled
            self.touch(each)

    def delete(self, name: str, kinds: Sequence[ObjectType] = _EVERY_TYPE) -> None:
        """Soft-delete everything of that name and those types."""
        keys = [(kind, name.lower()) for kind in kinds if (kind, name.lower()) in self._objects]
        if not keys:
            raise refusals.not_found(kinds[0], name)
        now = int(self._clock())
        for key in keys:
            self._deleted[key] = Deleted(
                versions=self._objects.pop(key), deleted=now, scheduled_purge=now + RETENTION_DAYS * 86_400
            )

    def get_deleted(self, kind: ObjectType, name: str) -> Deleted:
        """Return a soft-deleted object."""
        deleted = self._recoverable().get((kind, name.lower()))
        if deleted is None:
            raise refusals.not_found(kind, name)
        return deleted

    def list_deleted(self, kind: ObjectType) -> list[Deleted]:
        """Return the soft-deleted objects of a type, by name."""
        return [deleted for (each, _), deleted in sorted(self._recoverable().items()) if each == kind]

    def recover(self, name: str, kinds: Sequence[ObjectType] = _EVERY_TYPE) -> None:
        """Bring everything deleted of that name and those types back."""
        for deleted in self.purge(name, kinds):
            self._objects[deleted.versions[0].kind, name.lower()] = deleted.versions

    def purge(self, name: str, kinds: Sequence[ObjectType] = _EVERY_TYPE) -> list[Deleted]:
        """Forget everything deleted of that name and those types, and return it."""
        keys = [(kind, name.lower()) for kind in kinds if (kind, name.lower()) in self._recoverable()]
        if not keys:
            raise refusals.not_found(kinds[0], name)
        return [self._deleted.pop(key) for key in keys]

    def _require_addable(self, version: Version) -> None:
        _check_name(version.name)
        if len(version.tags) > _MAX_TAGS:
            raise refusals.bad_parameter(f"An object has at most {_MAX_TAGS} tags.")
        # A PFX may be longer than a secret that is set may be.
        if not version.managed and len(version.value.encode(errors="replace")) > _MAX_VALUE:
            raise refusals.bad_parameter(f"The secret's value is longer than {_MAX_VALUE} bytes.")
        if (version.kind, version.name.lower()) in self._recoverable():
            raise refusals.deleted_name(version.kind, version.name)
        current = self._objects.get((version.kind, version.name.lower()))
        if current and current[-1].managed and not version.managed:
            raise refusals.managed_object(version.name)
        if current and version.managed and not current[-1].managed:
            raise refusals.Refusal(409, "Conflict", f"{version.name} is already a secret or a key of its own.")

    def _recoverable(self) -> dict[tuple[ObjectType, str], Deleted]:
        """Return the deleted objects, without those whose time is over."""
        now = self._clock()
        for key in [key for key, deleted in self._deleted.items() if deleted.scheduled_purge <= now]:
            del self._deleted[key]
        return self._deleted


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise refusals.bad_parameter(
            "The request URI contains an invalid name: letters, digits and hyphens, at most 127."
        )
