"""SecretProviderClasses of the azure provider, as far as plain secrets go. Pure (csi-semantics 1.4, 1.5, 3.1)."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from devstack.writers.cluster import Document
from devstack.writers.refusals import RefusedError

API_VERSION = "secrets-store.csi.x-k8s.io/v1"
PLURAL = "secretproviderclasses"

_UNKNOWN = ("objectFormat", "objectEncoding", "objectVersionHistory")


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSecret:
    """One entry of `objects`. An empty `version` is the latest."""

    name: str
    version: str
    file: str

    @property
    def id(self) -> str:
        """What a pod status calls it: by the object's name, also where an alias names the file."""
        return f"secret/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What one fetch of a class brings: files by name, and the version of each object by its id."""

    files: Mapping[str, bytes] = field(repr=False)
    versions: Mapping[str, str]


def vault_of(class_: Document) -> str:
    """Return the vault's name."""
    return str(class_["spec"]["parameters"].get("keyvaultName", "")).strip()


def objects_of(class_: Document) -> list[VaultSecret]:
    """Return what a class lists. Raises RefusedError for what cannot be read, or is not fetched by this simulation."""
    try:
        outer = yaml.safe_load(class_["spec"]["parameters"]["objects"])
        return [_read_object(yaml.safe_load(text)) for text in outer["array"] or ()]
    except (yaml.YAMLError, LookupError, TypeError, AttributeError) as error:
        raise RefusedError(f"{class_['metadata']['name']}: its objects cannot be read") from error


def _read_object(inner: Document) -> VaultSecret:
    fields = {key: "" if value is None else str(value).strip() for key, value in inner.items()}
    if fields.get("objectType") != "secret" or any(map(fields.get, _UNKNOWN)):
        raise RefusedError(f"{fields.get('objectName')}: only plain secrets are fetched here")
    name = fields["objectName"]
    return VaultSecret(name=name, version=fields.get("objectVersion", ""), file=fields.get("objectAlias") or name)


def secrets_of(class_: Document, files: Mapping[str, bytes], labels: Mapping[str, str]) -> list[Document]:
    """Return the Secrets that a class makes of files, with `labels` beside its own.

    One whose file is missing is left out: the others go on.
    """
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": entry["secretName"],
                "namespace": class_["metadata"]["namespace"],
                "labels": {**(entry.get("labels") or {}), **labels},
                "annotations": dict(entry.get("annotations") or {}),
            },
            "type": entry.get("type") or "Opaque",
            "data": {item["key"]: encode(files[item["objectName"]]) for item in entry["data"]},
        }
        for entry in class_["spec"].get("secretObjects") or ()
        if all(item["objectName"] in files for item in entry["data"])
    ]


def encode(content: bytes) -> str:
    """Return bytes as a Secret's data holds them."""
    return base64.b64encode(content).decode("ascii")
