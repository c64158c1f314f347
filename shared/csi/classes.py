"""A SecretProviderClass, read and checked as the driver and the provider do (csi-semantics 1 and 3.1).

In: the manifest as the Kubernetes API gives it, and how the cluster's provider is started. Out: a frozen value. What
fails the whole mount whatever the vault answers is raised; what fails one Secret is kept with it. No bytes here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from shared.csi import golang, objects, parameters
from shared.csi.objects import ClassObject
from shared.csi.producers import Producers
from shared.errors import DriverWouldFail

MANAGED_LABEL: Final = "secrets-store.csi.k8s.io/managed"
TLS_TYPE: Final = "kubernetes.io/tls"
TLS_KEYS: Final = ("tls.crt", "tls.key")
_PROVIDER_NAME: Final = "azure"
_MOST_COMPARISONS: Final = 20_000

__all__ = [
    "ClassObject",
    "Provider",
    "RefusedSecret",
    "SecretEntry",
    "SecretObject",
    "SecretProviderClass",
    "parse",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """How a cluster's provider is started: its flags, and what a file in its pods says of Azure Stack."""

    cloud: str = "AzurePublicCloud"
    construct_pem_chain: bool = True
    separate_files: bool = False
    azure_stack_suffix: str | None = None


@dataclass(frozen=True, slots=True)
class SecretEntry:
    """One entry of a Secret's data: the mounted file and the key that receives it."""

    file: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretObject:
    """One Secret that the class keeps in step. Labels are complete, with the driver's own."""

    name: str
    type: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    data: tuple[SecretEntry, ...]


@dataclass(frozen=True, slots=True)
class RefusedSecret:
    """A Secret that the driver never writes, whatever the vault holds."""

    name: str
    error: DriverWouldFail


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretProviderClass:
    """What a class asks for. `refusal` fails the mount too, but only once all of `objects` were fetched."""

    namespace: str
    name: str
    vault: str
    vault_host: str
    objects: tuple[ClassObject, ...]
    secrets: tuple[SecretObject | RefusedSecret, ...]
    provider: Provider
    mounts: Producers = field(repr=False, compare=False)
    refusal: str | None = None

    def __str__(self) -> str:
        return f"SecretProviderClass {self.namespace}/{self.name}"

    def producers(self, file: str) -> tuple[ClassObject, ...]:
        """Return the objects that may mount a file of this name, in list order: the last that does so wins."""
        return self.mounts.of(file)


def parse(manifest: Mapping[str, object], provider: Provider) -> SecretProviderClass:
    """Read a manifest; raise DriverWouldFail when the mount would fail whatever the vault answers."""
    where = "SecretProviderClass"
    try:
        metadata = _mapping(manifest.get("metadata"))
        namespace, name = _text(metadata.get("namespace")), _text(metadata.get("name"))
        where = f"SecretProviderClass {namespace}/{name}"
        spec = _mapping(manifest.get("spec"))
        values = _texts(_mapping(spec.get("parameters")))
        suffix, listing = _check_mount(_text(spec.get("provider")), values, provider)
        declared = _list(spec.get("secretObjects"))
        _check_size(listing, declared)
    except (parameters.Refused, objects.Refused, _Malformed) as error:
        raise DriverWouldFail(f"{where}: {error}") from None
    vault = parameters.get(values, "keyvaultName").lower()
    read = SecretProviderClass(
        namespace=namespace,
        name=name,
        vault=vault,
        vault_host=f"{vault}.{suffix}",
        objects=listing.objects,
        secrets=(),
        provider=provider,
        mounts=Producers(listing.objects, provider.separate_files),
        refusal=listing.refusal and f"{where}: {listing.refusal}",
    )
    return replace(read, secrets=tuple(_parse_secret(item, read) for item in declared))


def _check_size(listing: objects.Listing, declared: Sequence[object]) -> None:
    """Refuse what would occupy a processor: each version of a history may be each file of its folder.

    Our own limit. Whoever may edit a namespace writes the class, and deciding about it must stay cheap.
    """
    histories = sum(item.many for item in listing.objects)
    entries = sum(len(_list(_mapping(secret).get("data"))) for secret in declared if isinstance(secret, Mapping))
    if histories * entries > _MOST_COMPARISONS:
        raise _Malformed(f"{histories} histories with {entries} entries of secretObjects are more than can be compared")


def _check_mount(name: str, values: Mapping[str, str], provider: Provider) -> tuple[str, objects.Listing]:
    """Apply the provider's checks in its order, then those of the driver that no vault answer can change."""
    if name != _PROVIDER_NAME:
        raise parameters.Refused("its provider is not azure")
    suffix = parameters.check(values, default_cloud=provider.cloud, stack_suffix=provider.azure_stack_suffix)
    listing = objects.parse(parameters.get(values, "objects"))
    if not listing.objects and listing.refusal is None:
        raise objects.Refused("objects lists nothing, and the driver refuses a mount without object versions")
    parameters.check_vault_name(parameters.get(values, "keyvaultName"))
    if listing.refusal is None:
        objects.check_paths(item.base for item in listing.objects if not item.many)
    return suffix, listing


def _parse_secret(declared: object, read: SecretProviderClass) -> SecretObject | RefusedSecret:
    name = ""
    try:
        fields = _mapping(declared)
        name = golang.trim_space(_text(fields.get("secretName")))
        return _check_secret(name, fields, read)
    except _Malformed as error:
        return RefusedSecret(name, DriverWouldFail(f"{read}: Secret {name!r}: {error}"))


def _check_secret(name: str, fields: Mapping[object, object], read: SecretProviderClass) -> SecretObject:
    """Apply the driver's validation, on untrimmed text, then its trimming; csi-semantics 3.1."""
    declared = _list(fields.get("data"))
    if not _text(fields.get("secretName")):
        raise _Malformed("secretName is empty")
    if not _text(fields.get("type")):
        raise _Malformed("type is empty")
    if not declared:
        raise _Malformed("data is empty")
    if not name:
        raise _Malformed("secretName is white space")
    kind = golang.trim_space(_text(fields.get("type"))) or "Opaque"
    return SecretObject(
        name=name,
        type=kind,
        labels={**_texts(_mapping(fields.get("labels"))), MANAGED_LABEL: "true"},
        annotations=_texts(_mapping(fields.get("annotations"))),
        data=tuple(_parse_entry(item, kind, read) for item in declared),
    )


def _parse_entry(declared: object, kind: str, read: SecretProviderClass) -> SecretEntry:
    fields = _mapping(declared)
    file = golang.trim_space(_text(fields.get("objectName")))
    key = golang.trim_space(_text(fields.get("key")))
    if not file:
        raise _Malformed("an entry of data has no objectName")
    if not key:
        raise _Malformed("an entry of data has no key")
    if read.refusal is None and not read.producers(file):
        raise _Malformed(f"no object of the class is mounted as file {file!r}")
    if kind == TLS_TYPE and key not in TLS_KEYS:
        raise _Malformed(f"key {key!r} is not tls.crt or tls.key, the only keys of type {TLS_TYPE}")
    return SecretEntry(file, key)


class _Malformed(Exception):  # noqa: N818 - it becomes DriverWouldFail with the names around it
    """A part of the manifest is missing or of the wrong type. The message names the rule."""


def _mapping(value: object) -> Mapping[object, object]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _Malformed("a mapping is expected where there is none")
    return value


def _list(value: object) -> Sequence[object]:
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise _Malformed("a list is expected where there is none")
    return value


def _text(value: object) -> str:
    """Return a text as Go's JSON decoder does: null leaves it empty, half a surrogate pair becomes U+FFFD."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Malformed("text is expected where there is none")
    return golang.replace_surrogates(value)


def _texts(values: Mapping[object, object]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in values.items()}
