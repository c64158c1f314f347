"""Which declarations in a cluster concern a vault object. Pure.

Matched by vault and name, regardless of the event's family: a new version of a certificate is a new version of the
secret, the key and the certificate of that name (csi-semantics 4.7.6). An object pinned to a version is not stale
when a newer one appears.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared import parts
from shared.csi import render
from shared.csi.classes import ClassObject, RefusedSecret, SecretObject, SecretProviderClass
from shared.errors import DriverWouldFail, PermanentError
from shared.model import VaultObject
from shared.observed import ClassView, RefusedClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One Secret of one class: the data keys that new versions of the object change, and what feeds them.

    `objects` are all whose bytes decide about those keys; `feeding` are the ones that follow the newest version.
    """

    cls: SecretProviderClass
    secret: SecretObject
    keys: tuple[str, ...]
    feeding: tuple[ClassObject, ...]
    objects: tuple[ClassObject, ...]

    @property
    def secret_name(self) -> str:
        """The Secret's name."""
        return self.secret.name


@dataclass(frozen=True, slots=True, kw_only=True)
class MountOnly:
    """A class that puts the object into files only."""

    cls: SecretProviderClass
    secret_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """A Secret that holds a pinned version of the object."""

    cls: SecretProviderClass
    secret_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A Secret (its name empty for a class or a namespace) that is not written in any case, and why."""

    namespace: str
    secret_name: str
    error: PermanentError


Found = Binding | MountOnly | Pinned | Refused


def find(views: Iterable[ClassView], about: VaultObject, vault_host: str) -> Sequence[Found]:
    """Return what concerns the object, class by class, in the order of the list.

    `vault_host` is the configured host of the vault. A class names its vault and cloud; both have to agree with it,
    unless the vault is configured under a host of its own (an emulator), where the name decides.
    """
    found: list[Found] = []
    for view in views:
        if isinstance(view, RefusedClass):
            if view.vault == about.vault and _mentions(view.text, about.name):
                found += _refused_class(view)
        elif same_vault(view, about.vault, vault_host):
            found += _of_class(view, about)
    return found


def same_vault(cls: SecretProviderClass, vault: str, vault_host: str) -> bool:
    """Tell whether a class reads the vault of that name, which is configured under `vault_host`."""
    configured_for_a_cloud = vault_host.startswith(f"{vault}.")
    return cls.vault == vault and (not configured_for_a_cloud or cls.vault_host.lower() == vault_host)


def _mentions(text: str, name: str) -> bool:
    """Tell whether the name stands in the text as a whole: `db` is not meant where `db-password` stands."""
    return re.search(rf"(?<![0-9a-z-]){re.escape(name)}(?![0-9a-z-])", text) is not None


def _refused_class(view: RefusedClass) -> Iterable[Refused]:
    for secret in view.secrets or ("",):
        yield Refused(namespace=view.namespace, secret_name=parts.legal_name(secret), error=view.error)


def _of_class(cls: SecretProviderClass, about: VaultObject) -> Iterable[Found]:
    if not any(item.read.name == about.name for item in cls.objects):
        return
    fed = False
    for secret in cls.secrets:
        if isinstance(secret, RefusedSecret):
            # What a refused entry would have been fed by cannot be told, so it is shown for every object of its class.
            yield Refused(namespace=cls.namespace, secret_name=parts.legal_name(secret.name), error=secret.error)
            continue
        files = {entry.key: entry.file for entry in secret.data}  # of equal keys the last counts
        keys = render.keys_fed_by(cls, secret, about.name)
        feeding = {file: _feeding(cls, file, about.name) for file in {files[key] for key in keys}}
        moving = tuple(key for key in keys if feeding[files[key]])
        fed = fed or bool(keys)
        if keys and not parts.legal_name(secret.name):
            error = DriverWouldFail(f"{cls}: a secretName is no legal name of a Secret")
            yield Refused(namespace=cls.namespace, secret_name="", error=error)
        elif moving:
            yield Binding(
                cls=cls,
                secret=secret,
                keys=moving,
                feeding=tuple(dict.fromkeys(item for items in feeding.values() for item in items)),
                objects=render.select_objects(cls, about.name),
            )
        elif keys:
            yield Pinned(cls=cls, secret_name=secret.name)
    if not fed:
        yield MountOnly(cls=cls)


def _feeding(cls: SecretProviderClass, file: str, name: str) -> list[ClassObject]:
    """Return the objects of that name that may mount a file and follow the newest version."""
    return [item for item in cls.producers(file) if item.read.name == name and not is_pinned(item)]


def is_pinned(item: ClassObject) -> bool:
    """Whether new versions leave it alone. `latest` means newest in a history only (csi-semantics 1.5)."""
    return item.version != "" and not (item.many and item.version == "latest")
