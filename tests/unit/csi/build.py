"""Builders of manifests and answers for the tests of shared/csi."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.csi import classes
from shared.csi.classes import Provider, SecretProviderClass
from shared.model import Material, ObjectType, SecretMaterial, SecretValue, VaultRead

Answers = dict[VaultRead, tuple[Material, ...] | Any]


def manifest(
    *items: str, secrets: Sequence[Mapping[str, Any]] = (), parameters: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a class whose `objects` lists the items, one YAML mapping each."""
    listed = "array:\n" + "".join("  - |\n" + "".join(f"    {line}\n" for line in item.splitlines()) for item in items)
    defaults = {"keyvaultName": "kv-Test", "tenantID": "t", "objects": listed}
    return {
        "metadata": {"namespace": "team", "name": "orders"},
        "spec": {
            "provider": "azure",
            "parameters": {**defaults, **(parameters or {})},
            "secretObjects": list(secrets),
        },
    }


def item(name: str, kind: str = "secret", **fields: object) -> str:
    """Return one item of `objects`."""
    lines = [f"objectName: {name}", f"objectType: {kind}", *(f"{field}: {value}" for field, value in fields.items())]
    return "\n".join(lines)


def secret(name: str, *data: tuple[str, str], kind: str = "Opaque") -> dict[str, Any]:
    """Return one entry of `secretObjects`; data is pairs of file and key."""
    return {"secretName": name, "type": kind, "data": [{"objectName": file, "key": key} for file, key in data]}


def parse(
    *items: str,
    secrets: Sequence[Mapping[str, Any]] = (),
    parameters: Mapping[str, str] | None = None,
    provider: Provider | None = None,
) -> SecretProviderClass:
    """Parse such a class."""
    return classes.parse(manifest(*items, secrets=secrets, parameters=parameters), provider or Provider())


def read(name: str, kind: ObjectType = ObjectType.SECRET, version: str = "", history: int = 0) -> VaultRead:
    """Return what one item asks for."""
    return VaultRead(type=kind, name=name, version=version, history=history)


def text(value: str, version: str = "v1", content_type: str | None = None, key_id: str | None = None) -> SecretMaterial:
    """Return one version of a secret."""
    return SecretMaterial(version=version, value=SecretValue(value.encode()), content_type=content_type, key_id=key_id)


def pfx(value: str) -> SecretMaterial:
    """Return a certificate-backed secret that holds a PFX."""
    return text(value, content_type="application/x-pkcs12", key_id="https://kv-test/keys/a/1")
