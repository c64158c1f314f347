"""The rules that hold for Secrets only.

From kubernetes/kubernetes, pkg/apis/core/validation/validation.go (ValidateSecret, ValidateSecretUpdate) and
pkg/apis/core/v1/conversion.go (stringData); summarised in local-stack 2.3.
"""

import base64
import binascii
import re
from collections.abc import Mapping

from devstack.kubernetes.documents import Document, type_name
from devstack.kubernetes.status import DecodeError, FieldError, forbidden_value, invalid_value, required, too_long

MAX_SIZE = 1024 * 1024
"""Bytes of all values together, decoded."""

_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_KEY_TEXT = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  "
    "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_REQUIRED_KEYS: Mapping[str, tuple[str, ...]] = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
}
_FROZEN = "field is immutable when `immutable` is set"


def decode(document: Document) -> Document:
    """Return the Secret with `stringData` folded into `data` and the type defaulted.

    Raises DecodeError when a value is not base64 or a field has another type than it must have.
    """
    data = {key: _canonical(value) for key, value in _texts(document, "data").items()}
    for key, value in _texts(document, "stringData").items():
        # Go turns what is not Unicode into U+FFFD; JSON can carry lone surrogates.
        text = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        data[key] = base64.b64encode(text.encode()).decode()
    for field, kind, wanted in (("type", str, "v1.SecretType"), ("immutable", bool, "bool")):
        if not isinstance(document.get(field), kind | None):
            raise DecodeError(
                f"json: cannot unmarshal {type_name(document[field])} into Go struct field Secret.{field} "
                f"of type {wanted}"
            )
    decoded = {key: value for key, value in document.items() if key not in ("data", "stringData") and value is not None}
    decoded["type"] = document.get("type") or "Opaque"
    return decoded | ({"data": data} if data else {})


def _texts(document: Document, field: str) -> dict[str, str]:
    entries = document.get(field)
    if not isinstance(entries, dict | None):
        raise DecodeError(
            f"json: cannot unmarshal {type_name(entries)} into Go struct field Secret.{field} of type map[string]"
        )
    for value in (entries or {}).values():
        if not isinstance(value, str | None):
            raise DecodeError(
                f"json: cannot unmarshal {type_name(value)} into Go struct field Secret.{field} of type string"
            )
    return {key: value or "" for key, value in (entries or {}).items()}


def _canonical(text: str) -> str:
    """Decode and encode again, as the real server does; Go skips line ends inside base64."""
    text = text.replace("\r", "").replace("\n", "")
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode()
    except (binascii.Error, ValueError):
        wrong = _NOT_BASE64.search(text.rstrip("="))
        position = wrong.start() if wrong else len(text)
        raise DecodeError(f"illegal base64 data at input byte {position}") from None


def check(document: Document) -> list[FieldError]:
    """Return what is wrong with a Secret, whichever way it came to be."""
    data = document.get("data", {})
    errors = [invalid_value(f"data[{key}]", key, _KEY_TEXT) for key in data if not _KEY.fullmatch(key)]
    if sum(len(base64.b64decode(value)) for value in data.values()) > MAX_SIZE:
        errors.append(too_long("data", MAX_SIZE))
    missing = [key for key in _REQUIRED_KEYS.get(document["type"], ()) if key not in data]
    return errors + [required(f"data[{key}]") for key in missing]


def check_change(before: Document, after: Document) -> list[FieldError]:
    """Return what must not change between two states of a Secret and did."""
    errors = []
    if before["type"] != after["type"]:
        errors.append(invalid_value("type", after["type"], "field is immutable"))
    if before.get("immutable"):
        errors += [
            forbidden_value(field, _FROZEN) for field in ("immutable", "data") if before.get(field) != after.get(field)
        ]
    return errors
