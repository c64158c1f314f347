"""What makes an object valid: metadata's shape and values for every kind, data and type for Secrets.

`read` brings a document into its stored form or says that it has not the kind's shape (400, or 422 for a patch);
`check` and `check_change` list the values that are not allowed (422). Rules from k8s.io/apimachinery,
pkg/api/validation, and kubernetes/kubernetes, pkg/apis/core/validation/validation.go; summarised in local-stack 2.3.
"""

import base64
import re
from collections.abc import Mapping

from devstack.kubernetes.documents import Document
from devstack.kubernetes.query import LABEL_KEY, LABEL_VALUE
from devstack.kubernetes.resources import NAMESPACES, SECRETS, Address, Resource
from devstack.kubernetes.status import DecodeError, FieldError

MAX_ANNOTATIONS = 256 * 1024
"""Bytes of all annotations' keys and values together."""
MAX_SECRET = 1024 * 1024
"""Bytes of all of a Secret's values together, decoded."""

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SECRET_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_METADATA_TYPES = {
    "name": str,
    "generateName": str,
    "namespace": str,
    "uid": str,
    "resourceVersion": str,
    "labels": dict,
    "annotations": dict,
    "finalizers": list,
    "ownerReferences": list,
}
_SECRET_TYPES = {"data": dict, "stringData": dict, "type": str, "immutable": bool}
_TEXT_MAPS = ("labels", "annotations", "data", "stringData")
_TLS_KEYS = ("tls.crt", "tls.key")


def read(document: Document, address: Address) -> Document:
    """Return the document in its stored form: the preferred version, no empty metadata, a Secret's data encoded.

    Nothing in `document` is changed. Raises DecodeError.
    """
    resource = address.resource
    kind, api_version = document.get("kind"), document.get("apiVersion")
    if resource.custom and not (kind and api_version):
        raise DecodeError("Object 'Kind' is missing")
    if kind not in (None, "", resource.kind):
        raise DecodeError(f"converting {kind!r:.100} to {resource.kind}: unknown conversion")
    if api_version not in (None, "", address.api_version):
        raise DecodeError(
            f"the API version in the data ({api_version!r:.100}) does not match the expected API version "
            f"({address.api_version})"
        )
    metadata = {} if document.get("metadata") is None else document["metadata"]
    _require("metadata", metadata, dict)
    # Left out as Go's encoder does, so that equal objects compare equal.
    kept = {key: value for key, value in _read_fields(metadata, _METADATA_TYPES).items() if value not in ("", {}, [])}
    stored = document | {"apiVersion": resource.api_version(), "kind": resource.kind, "metadata": kept}
    return _read_secret(stored) if resource is SECRETS else stored


def _read_fields(document: Document, types: Mapping[str, type]) -> Document:
    """Return a copy without nulls, after a look at the types."""
    fields = {key: value for key, value in document.items() if value is not None}
    for name in fields.keys() & types.keys():
        _require(name, fields[name], types[name])
        if name in _TEXT_MAPS:
            fields[name] = {key: "" if value is None else value for key, value in fields[name].items()}
            for value in fields[name].values():
                _require(name, value, str)
    return fields


def _require(field: str, value: object, wanted: type) -> None:
    if not isinstance(value, wanted):
        raise DecodeError(f"json: cannot unmarshal {type(value).__name__} into Go struct field {field}")


def _read_secret(document: Document) -> Document:
    """Fold `stringData` into `data` and default the type."""
    secret = _read_fields(document, _SECRET_TYPES)
    data = {key: _canonical(value) for key, value in secret.pop("data", {}).items()}
    for key, value in secret.pop("stringData", {}).items():
        # JSON can carry lone surrogates, UTF-8 cannot.
        data[key] = base64.b64encode(value.encode(errors="replace")).decode()
    secret["type"] = secret.get("type") or "Opaque"
    return secret | ({"data": data} if data else {})


def _canonical(text: str) -> str:
    """Decode and encode again, as the real server does; Go skips line ends inside base64."""
    try:
        return base64.b64encode(base64.b64decode(re.sub(r"[\r\n]", "", text), validate=True)).decode()
    except ValueError:
        raise DecodeError("illegal base64 data") from None


def check(resource: Resource, document: Document) -> list[FieldError]:
    """Return what is wrong with the name, the labels, the annotations and a Secret's data."""
    metadata = document["metadata"]
    labels, annotations = metadata.get("labels", {}), metadata.get("annotations", {})
    errors = _check_name(resource, metadata.get("name", ""))
    errors += [_bad_name("metadata.labels", key) for key in labels if not LABEL_KEY.fullmatch(key)]
    errors += [_bad_name("metadata.labels", value) for value in labels.values() if not LABEL_VALUE.fullmatch(value)]
    errors += [_bad_name("metadata.annotations", key) for key in annotations if not LABEL_KEY.fullmatch(key.lower())]
    # A lone surrogate is legal in JSON; it counts, and never fails to encode.
    if sum(len(f"{key}{value}".encode(errors="replace")) for key, value in annotations.items()) > MAX_ANNOTATIONS:
        errors.append(_too_long("metadata.annotations", MAX_ANNOTATIONS))
    return errors + (_check_secret(document) if resource is SECRETS else [])


def _check_name(resource: Resource, name: str) -> list[FieldError]:
    if not name:
        return [FieldError("metadata.name", "Required", "name or generateName is required")]
    kind, pattern, limit = ("label", _LABEL, 63) if resource is NAMESPACES else ("subdomain", _SUBDOMAIN, 253)
    if len(name) > limit:
        return [FieldError("metadata.name", "Invalid", f"must be no more than {limit} bytes")]
    if not pattern.fullmatch(name):
        return [FieldError("metadata.name", "Invalid", f'"{name}": not a lowercase RFC 1123 {kind}')]
    return []


def _bad_name(field: str, text: str) -> FieldError:
    return FieldError(field, "Invalid", f'"{text}": not alphanumeric characters, "-", "_" and ".", at most 63')


def _too_long(field: str, limit: int) -> FieldError:
    return FieldError(field, "TooLong", f"may not be more than {limit} bytes")


def _check_secret(document: Document) -> list[FieldError]:
    data = document.get("data", {})
    errors = [
        FieldError(f"data[{key}]", "Invalid", "not a config key") for key in data if not _SECRET_KEY.fullmatch(key)
    ]
    if sum(len(base64.b64decode(value)) for value in data.values()) > MAX_SECRET:
        errors.append(_too_long("data", MAX_SECRET))
    if document["type"] == "kubernetes.io/tls":
        errors += [FieldError(f"data[{key}]", "Required") for key in _TLS_KEYS if key not in data]
    return errors


def check_change(resource: Resource, before: Document, after: Document) -> list[FieldError]:
    """Return what must not change between two states of an object and did."""
    if resource is not SECRETS:
        return []
    errors = []
    if before["type"] != after["type"]:
        errors.append(FieldError("type", "Invalid", f'"{after["type"]}": field is immutable'))
    if before.get("immutable"):
        changed = [field for field in ("immutable", "data") if before.get(field) != after.get(field)]
        text = "field is immutable when `immutable` is set"
        errors += [FieldError(field, "Forbidden", text) for field in changed]
    return errors
