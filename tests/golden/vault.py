"""The vault of a golden case. It answers like the service: no version means the newest, disabled or not."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from shared.csi import golang, render
from shared.csi.classes import SecretProviderClass
from shared.errors import DriverWouldFail
from shared.model import CertificateMaterial, KeyMaterial, Material, ObjectType, SecretMaterial, SecretValue, VaultRead

Answer = tuple[Material, ...] | DriverWouldFail


def answer_all(cls: SecretProviderClass, vault: Mapping[str, Any]) -> dict[VaultRead, Answer]:
    """Answer every read of a class."""
    return {item.read: answer(item.read, vault.get("objects") or []) for item in cls.objects}


def answer(read: VaultRead, objects: Sequence[Mapping[str, Any]]) -> Answer:
    """Answer one read with its material or with the vault's refusal."""
    try:
        versions = _find(read, objects)
        if read.many:
            return tuple(_material(read.type, _get(versions, pin)) for pin in _select(versions, read))
        return (_material(read.type, _get(versions, read.version)),)
    except _RefusedError as error:
        return DriverWouldFail(f"{read.type}/{read.name}: {error}")


class _RefusedError(Exception):
    """The vault does not hand this out."""


def _find(read: VaultRead, objects: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    for item in objects:
        if read.name and item["type"] == read.type and item["name"].lower() == read.name:
            return item.get("versions") or []
    raise _RefusedError("the vault has no such object")


def _select(versions: Sequence[Mapping[str, Any]], read: VaultRead) -> tuple[str, ...]:
    listed = [
        render.VersionInfo(version=item["version"], created=item.get("created"), enabled=item.get("enabled"))
        for item in versions
    ]
    return render.select_history(listed, read)


def _get(versions: Sequence[Mapping[str, Any]], pin: str) -> Mapping[str, Any]:
    fitting = [item for item in versions if not pin or item["version"] == pin]
    if not fitting:
        raise _RefusedError("the vault has no such version")
    newest = max(fitting, key=lambda item: item.get("created") or 0)
    if newest.get("enabled") is False:
        raise _RefusedError("the version is disabled")
    return newest


def _material(kind: ObjectType, version: Mapping[str, Any]) -> Material:
    name = version["version"]
    match kind:
        case ObjectType.SECRET:
            if version.get("value") is None:
                raise _RefusedError("the secret has no value")
            return SecretMaterial(
                version=name,
                value=SecretValue(golang.replace_surrogates(version["value"]).encode()),
                content_type=version.get("content_type"),
                key_id=version.get("kid"),
            )
        case ObjectType.KEY:
            if not isinstance(version.get("jwk"), Mapping):
                raise _RefusedError("the key has no key")
            members = {member: text for member, text in version["jwk"].items() if isinstance(text, str)}
            return KeyMaterial(version=name, jwk=members)
        case ObjectType.CERT:
            return CertificateMaterial(version=name, der=_decode(version.get("cer")))


def _decode(text: str | None) -> bytes:
    if text is None:
        raise _RefusedError("the certificate has no bytes")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise _RefusedError("the certificate's bytes are not base64") from None
