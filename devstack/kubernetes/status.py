"""The API's errors: an exception for each, and the Status body that goes out.

Texts and reasons from k8s.io/apimachinery, pkg/api/errors/errors.go, and local-stack 2.3.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from devstack.kubernetes.documents import Document
from devstack.kubernetes.resources import Resource

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    501: "NotImplemented",
    503: "ServiceUnavailable",
    504: "Timeout",
}
_TEXTS = {
    401: "Unauthorized",
    404: "the server could not find the requested resource",
    405: "the server does not allow this method on the requested resource",
    429: "the server has received too many requests and has asked us to try again later",
}
_WRONG = {
    "Invalid": "Invalid value",
    "Required": "Required value",
    "Forbidden": "Forbidden",
    "TooLong": "Too long",
}


class ApiError(Exception):
    """A request that the API refuses; `body()` is what the client reads."""

    def __init__(self, code: int, message: str = "", *, reason: str = "", details: Document | None = None) -> None:
        self.code = code
        self.reason = reason or _REASONS.get(code, "Unknown")
        self.message = message or _TEXTS.get(code, f"the server responded with the status code {code}")
        self.details = details
        super().__init__(f"{code} {self.reason}: {self.message}")

    def body(self) -> Document:
        """Return the Status object."""
        status: Document = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        status |= {"message": self.message, "reason": self.reason, "code": self.code}
        return status if self.details is None else status | {"details": self.details}


class DecodeError(ValueError):
    """A document that does not have the kind's shape. How that is answered depends on the verb."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field: a cause of a 422. `wrong` is Invalid, Required, Forbidden or TooLong."""

    field: str
    wrong: str
    text: str = ""

    @property
    def message(self) -> str:
        """What the server says of the field."""
        return f"{_WRONG[self.wrong]}: {self.text}" if self.text else _WRONG[self.wrong]

    def as_cause(self) -> Document:
        """Return the entry in the Status' details."""
        return {"reason": f"FieldValue{self.wrong}", "message": self.message, "field": self.field}


def describe(resource: str, group: str, name: str) -> Document:
    """Return the details that name an object or, without `name`, a collection."""
    return ({"name": name} if name else {}) | ({"group": group} if group else {}) | {"kind": resource}


def not_found(resource: Resource, name: str) -> ApiError:
    """404: no object of that name."""
    details = describe(resource.plural, resource.group, name)
    return ApiError(404, f'{resource.qualified} "{name}" not found', details=details)


def already_exists(resource: Resource, name: str) -> ApiError:
    """409: the name is taken."""
    details = describe(resource.plural, resource.group, name)
    return ApiError(409, f'{resource.qualified} "{name}" already exists', reason="AlreadyExists", details=details)


def conflict(resource: Resource, name: str, text: str = "") -> ApiError:
    """409: the write was based on another state of the object."""
    text = text or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {text}'
    return ApiError(409, message, details=describe(resource.plural, resource.group, name))


def invalid(resource: Resource, name: str, errors: Sequence[FieldError]) -> ApiError:
    """422: one or more fields are wrong."""
    texts = [f"{error.field}: {error.message}" for error in errors]
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    details = describe(resource.kind, resource.group, name) | {"causes": [error.as_cause() for error in errors]}
    return ApiError(422, f'{kind} "{name}" is invalid: {joined}', details=details)


def unreadable_patch(patched: Document, error: DecodeError) -> ApiError:
    """422: the patch makes an object that does not have the kind's shape.

    The real server quotes the whole patched object in this message, a Secret's data included
    (apiserver, pkg/endpoints/handlers/patch.go, jsonPatcher.applyPatchToCurrentObject). Kept, because a client that
    logs messages of this kind leaks.
    """
    wrong = FieldError("patch", "Invalid", f"{json.dumps(json.dumps(patched))}: {error}")
    return ApiError(422, f' "" is invalid: patch: {wrong.message}', details={"causes": [wrong.as_cause()]})


def not_implemented(text: str) -> ApiError:
    """501: the real server does this, this one does not."""
    return ApiError(501, f"devstack does not implement {text}")
