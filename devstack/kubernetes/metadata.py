"""What every object has in common: its metadata's shape, names, labels, annotations and the record of writers.

Rules from k8s.io/apimachinery, pkg/api/validation and pkg/util/validation.
"""

import re
import secrets
from datetime import UTC, datetime
from types import UnionType

from devstack.kubernetes.documents import Document, type_name
from devstack.kubernetes.resources import NAMESPACES, Address, Resource
from devstack.kubernetes.selectors import LABEL_KEY, LABEL_VALUE
from devstack.kubernetes.status import DecodeError, FieldError, invalid_value, required, too_long

MAX_ANNOTATIONS = 256 * 1024
"""Bytes of all annotations' keys and values together."""

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_LABEL_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation "
    "is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_QUALIFIED_NAME_TEXT = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_TEXTS = ("name", "generateName", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")
_MAPS = ("labels", "annotations")
_LISTS = {"finalizers": str, "ownerReferences": dict, "managedFields": dict}
_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # the real server's: no vowels, no words


def check_shape(document: Document, address: Address) -> Document:
    """Check the kind and the types inside metadata, and return the document with both in their standard form.

    Empty and null fields of metadata are left out, as Go's encoder does, so that equal objects compare equal.
    Raises DecodeError.
    """
    kind, api_version = document.get("kind"), document.get("apiVersion")
    if address.resource.custom and not (kind and api_version):
        raise DecodeError("Object 'Kind' is missing")
    if kind not in (None, "", address.resource.kind):
        raise DecodeError(f"converting {kind!r:.100} to {address.resource.kind}: unknown conversion")
    if api_version not in (None, "", address.api_version):
        raise DecodeError(
            f"the API version in the data ({api_version!r:.100}) does not match the expected API version "
            f"({address.api_version})"
        )
    metadata = {} if document.get("metadata") is None else document["metadata"]
    if not isinstance(metadata, dict):
        raise _wrong_type("metadata", metadata, "v1.ObjectMeta")
    _check_types(metadata)
    stored_version = {"apiVersion": address.resource.api_version(), "kind": address.resource.kind}
    return stored_version | document | stored_version | {"metadata": _without_empty(metadata)}


def _wrong_type(field: str, value: object, wanted: str) -> DecodeError:
    return DecodeError(f"json: cannot unmarshal {type_name(value)} into Go struct field {field} of type {wanted}")


def _check_types(metadata: Document) -> None:
    for field in _TEXTS:
        if not isinstance(metadata.get(field), str | None):
            raise _wrong_type(f"ObjectMeta.metadata.{field}", metadata[field], "string")
    for field in _MAPS:
        entries = metadata.get(field)
        if not isinstance(entries, dict | None):
            raise _wrong_type(f"ObjectMeta.metadata.{field}", entries, "map[string]string")
        _check_members(field, list((entries or {}).values()), str | None)
    for field, kind in _LISTS.items():
        items = metadata.get(field)
        if not isinstance(items, list | None):
            raise _wrong_type(f"ObjectMeta.metadata.{field}", items, "array")
        _check_members(field, items or [], kind)


def _check_members(field: str, members: list[object], kind: type | UnionType) -> None:
    for member in members:
        if not isinstance(member, kind):
            raise _wrong_type(f"ObjectMeta.metadata.{field}", member, "object" if kind is dict else "string")


def _without_empty(metadata: Document) -> Document:
    kept = {key: value for key, value in metadata.items() if value not in (None, "", {}, [])}
    for field in _MAPS:
        if field in kept:
            kept[field] = {key: value or "" for key, value in kept[field].items()}
    return kept


def name_of(metadata: Document) -> str:
    """Return the object's name, made from `generateName` when only that is given, or ""."""
    name: str = metadata.get("name", "")
    if not name and metadata.get("generateName"):
        name = metadata["generateName"][:58] + "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(5))
    return name


def check_values(resource: Resource, metadata: Document) -> list[FieldError]:
    """Return what is wrong with the name, the labels and the annotations."""
    return [*_check_name(resource, metadata.get("name", "")), *_check_labels(metadata), *_check_annotations(metadata)]


def _check_name(resource: Resource, name: str) -> list[FieldError]:
    if not name:
        return [required("metadata.name", "name or generateName is required")]
    pattern, limit, text = (_LABEL, 63, _LABEL_TEXT) if resource is NAMESPACES else (_SUBDOMAIN, 253, _SUBDOMAIN_TEXT)
    if len(name) > limit:
        return [invalid_value("metadata.name", name, f"must be no more than {limit} bytes")]
    return [] if pattern.fullmatch(name) else [invalid_value("metadata.name", name, text)]


def _check_labels(metadata: Document) -> list[FieldError]:
    errors = []
    for key, value in metadata.get("labels", {}).items():
        if not LABEL_KEY.fullmatch(key):
            errors.append(invalid_value("metadata.labels", key, _QUALIFIED_NAME_TEXT))
        if not LABEL_VALUE.fullmatch(value):
            errors.append(invalid_value("metadata.labels", value, _LABEL_VALUE_TEXT))
    return errors


def _check_annotations(metadata: Document) -> list[FieldError]:
    annotations = metadata.get("annotations", {})
    errors = [
        invalid_value("metadata.annotations", key, _QUALIFIED_NAME_TEXT)
        for key in annotations
        if not LABEL_KEY.fullmatch(key.lower())
    ]
    # A lone surrogate is legal in JSON; it counts, and never fails to encode.
    if sum(len(f"{key}{value}".encode("utf-8", "surrogatepass")) for key, value in annotations.items()) > (
        MAX_ANNOTATIONS
    ):
        errors.append(too_long("metadata.annotations", MAX_ANNOTATIONS))
    return errors


def timestamp(seconds: float) -> str:
    """Write Unix seconds the way Kubernetes does, in UTC and whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def record_writer(managed: list[Document], *, manager: str, api_version: str, time: str) -> list[Document]:
    """Return managedFields with the writer's Update entry made or renewed.

    The real server also lists the fields; here `fieldsV1` stays empty.
    """
    entry = {
        "manager": manager,
        "operation": "Update",
        "apiVersion": api_version,
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": {},
    }
    return [*(other for other in managed if other["manager"] != manager), entry]
