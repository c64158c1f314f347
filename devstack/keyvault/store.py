"""A vault's semantics apart from any transport: versions, properties, soft delete, paging.

Names compare without case, as in the service. `latest` is the newest version even when it is disabled. Lists come in
the order of names, version lists in the order of the version ids, which says nothing about age (lowkey-vault#467).
"""

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from devstack import clock as clocks
from devstack.keyvault import refusals
from devstack.keyvault.material import Certificate
from devstack.keyvault.objects import COLLECTIONS, Deleted, ObjectType, Version

RETENTION_DAYS: Final = 90

_NAME: Final = re.compile(r"[0-9A-Za-z-]{1,127}")
_MAX_VALUE: Final = 25_600  # bytes, azure-platform 3.2
_MAX_TAGS: Final = 15


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

    def set_secret(self, template: Version) -> Version:
        """Add a version to a secret; the template's version and times are filled in."""
        if len(template.value.encode(errors="surrogatepass")) > _MAX_VALUE:
            raise refusals.bad_parameter(f"The secret's value is longer than {_MAX_VALUE} bytes.")
        current = self._objects.get((template.kind, template.name.lower()))
        if current and current[-1].managed:
            raise refusals.managed_object(template.name)
        return self._add([template])

    def set_key(self, name: str, jwk: Mapping[str, object]) -> Version:
        """Add a version to a key."""
        current = self._objects.get(("key", name.lower()))
        if current and current[-1].managed:
            raise refusals.managed_object(name)
        return self._add([Version(kind="key", name=name, jwk=jwk)])

    def add_certificate(self, name: str, certificate: Certificate, tags: Mapping[str, str]) -> Version:
        """Add a version to a certificate and, with the same id, to the secret and the key of that name."""
        current = self._objects.get(("cert", name.lower()))
        if not current and any((kind, name.lower()) in self._objects for kind in COLLECTIONS):
            raise refusals.Refusal(409, "Conflict", f"{name} is already a secret or a key of its own.")
        backing = [
            Version(kind="secret", name=name, value=certificate.value, managed=True),
            Version(kind="key", name=name, jwk=certificate.jwk, managed=True),
            Version(kind="cert", name=name, cer=certificate.cer, thumbprint=certificate.thumbprint),
        ]
        backing[0].content_type = backing[2].content_type = certificate.content_type
        for version in backing:
            version.not_before, version.expires_on = certificate.not_before, certificate.expires_on
            version.tags = dict(tags)
            version.previous_version = current[-1].version if current else None
        return self._add(backing)

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

    def owners(self, name: str) -> list[ObjectType]:
        """Return the types under which a name can be deleted: not those that a certificate manages."""
        found = [(kind, self._objects.get((kind, name.lower()))) for kind in COLLECTIONS]
        return [kind for kind, versions in found if versions and not versions[-1].managed]

    def deleted_owners(self, name: str) -> list[ObjectType]:
        """Return the types under which a deleted name can be recovered or purged."""
        self._purge_overdue()
        found = [(kind, self._deleted.get((kind, name.lower()))) for kind in COLLECTIONS]
        return [kind for kind, deleted in found if deleted and not deleted.latest.managed]

    def delete(self, kind: ObjectType, name: str) -> Deleted:
        """Soft-delete an object; a certificate takes its secret and key along."""
        if self.get(kind, name).managed:
            raise refusals.managed_object(name)
        kinds: tuple[ObjectType, ...] = ("secret", "key", "cert") if kind == "cert" else (kind,)
        now = int(self._clock())
        for each in kinds:
            self._deleted[each, name.lower()] = Deleted(
                versions=self._objects.pop((each, name.lower())),
                deleted=now,
                scheduled_purge=now + RETENTION_DAYS * 86_400,
            )
        return self._deleted[kind, name.lower()]

    def get_deleted(self, kind: ObjectType, name: str) -> Deleted:
        """Return a soft-deleted object."""
        self._purge_overdue()
        deleted = self._deleted.get((kind, name.lower()))
        if deleted is None:
            raise refusals.not_found(kind, name, deleted=True)
        return deleted

    def list_deleted(self, kind: ObjectType) -> list[Deleted]:
        """Return the soft-deleted objects of a type, by name."""
        self._purge_overdue()
        return [deleted for (each, _), deleted in sorted(self._deleted.items()) if each == kind]

    def recover(self, kind: ObjectType, name: str) -> Version:
        """Bring a soft-deleted object back with all its versions."""
        self._refuse_managed_deleted(kind, name)
        for each in self._deleted_together(kind, name):
            self._objects[each, name.lower()] = self._deleted.pop((each, name.lower())).versions
        return self.get(kind, name)

    def purge(self, kind: ObjectType, name: str) -> None:
        """Forget a soft-deleted object."""
        self._refuse_managed_deleted(kind, name)
        for each in self._deleted_together(kind, name):
            del self._deleted[each, name.lower()]

    def _add(self, backing: list[Version]) -> Version:
        first = backing[-1]
        _check_name(first.name)
        if len(first.tags) > _MAX_TAGS:
            raise refusals.bad_parameter(f"An object has at most {_MAX_TAGS} tags.")
        self._purge_overdue()
        for version in backing:
            if (version.kind, first.name.lower()) in self._deleted:
                raise refusals.deleted_name(version.kind, first.name)
        identifier, now = uuid.uuid4().hex, int(self._clock())
        for version in backing:
            known = self._objects.setdefault((version.kind, first.name.lower()), [])
            version.name = known[0].name if known else first.name
            version.version, version.created, version.updated = identifier, now, now
            known.append(version)
        self._announce(
            VaultChange(
                types=tuple(version.kind for version in backing),
                name=first.name,
                version=identifier,
                created=now,
                not_before=first.not_before,
                expires_on=first.expires_on,
            )
        )
        return first

    def _deleted_together(self, kind: ObjectType, name: str) -> list[ObjectType]:
        return [
            each for each in COLLECTIONS if each == kind or (kind == "cert" and (each, name.lower()) in self._deleted)
        ]

    def _refuse_managed_deleted(self, kind: ObjectType, name: str) -> None:
        if self.get_deleted(kind, name).latest.managed:
            raise refusals.managed_object(name)

    def _purge_overdue(self) -> None:
        overdue = [key for key, deleted in self._deleted.items() if deleted.scheduled_purge <= self._clock()]
        for key in overdue:
            del self._deleted[key]


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise refusals.bad_parameter(
            "The request URI contains an invalid name: letters, digits and hyphens, at most 127."
        )
