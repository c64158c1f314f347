"""The API's errors: an exception for each, and the Status body that goes out.

Texts and reasons from k8s.io/apimachinery, pkg/api/errors/errors.go, and local-stack 2.3.
"""

import json
from collections.abc import Mapping, Sequence
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
    503: "ServiceUnavailable",
    504: "Timeout",
}
_TEXTS = {
    401: "Unauthorized",
    404: "the server could not find the requested resource",
    405: "the server does not allow this method on the requested resource",
    429: "the server has received too many requests and has asked us to try again later",
    500: "Internal error occurred: devstack",
    503: "the server is currently unable to handle the request",
    504: "Timeout: request did not complete within the allotted timeout",
}


class ApiError(Exception):
    """A request that the API refuses; `body()` is what the client reads."""

    def __init__(self, code: int, message: str = "", *, reason: str = "", details: Document | None = None) -> None:
        self.code = code
        self.reason = reason or _REASONS.get(code, "")
        self.message = message or _TEXTS.get(code, f"the server responded with the status code {code}")
        self.details = details
        super().__init__(f"{code} {self.reason}: {self.message}")

    def body(self) -> Document:
        """Return the Status object."""
        status: Document = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        return status | {"code": self.code}


class DecodeError(ValueError):
    """A document that does not have the kind's shape. How that is answered depends on the verb."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field: a cause of a 422."""

    field: str
    reason: str
    text: str


def invalid_value(field: str, value: object, text: str) -> FieldError:
    """Say that a field's value is not allowed."""
    return FieldError(field, "FieldValueInvalid", f"Invalid value: {json.dumps(value)}: {text}")


def required(field: str, text: str = "") -> FieldError:
    """Say that a field is missing."""
    return FieldError(field, "FieldValueRequired", f"Required value: {text}" if text else "Required value")


def forbidden_value(field: str, text: str) -> FieldError:
    """Say that a field must not be given or changed."""
    return FieldError(field, "FieldValueForbidden", f"Forbidden: {text}")


def too_long(field: str, limit: int) -> FieldError:
    """Say that a field holds more than `limit` bytes."""
    return FieldError(field, "FieldValueTooLong", f"Too long: may not be more than {limit} bytes")


def _details(resource: Resource, name: str, kind: str = "", **more: object) -> Document:
    group = {"group": resource.group} if resource.group else {}
    named = {"name": name} if name else {}
    return {**named, **group, "kind": kind or resource.plural, **more}


def not_found(resource: Resource, name: str) -> ApiError:
    """404: no object of that name."""
    return ApiError(404, f'{resource.qualified} "{name}" not found', details=_details(resource, name))


def already_exists(resource: Resource, name: str) -> ApiError:
    """409: the name is taken."""
    return ApiError(
        409,
        f'{resource.qualified} "{name}" already exists',
        reason="AlreadyExists",
        details=_details(resource, name),
    )


def conflict(resource: Resource, name: str, text: str = "") -> ApiError:
    """409: the write was based on another state of the object."""
    text = text or ("the object has been modified; please apply your changes to the latest version and try again")
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {text}'
    return ApiError(409, message, details=_details(resource, name))


def invalid(resource: Resource, name: str, errors: Sequence[FieldError]) -> ApiError:
    """422: one or more fields are wrong."""
    texts = [f"{error.field}: {error.text}" for error in errors]
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    causes = [{"reason": error.reason, "message": error.text, "field": error.field} for error in errors]
    return ApiError(
        422,
        f'{resource.qualified_kind} "{name}" is invalid: {joined}',
        details=_details(resource, name, kind=resource.kind, causes=causes),
    )


def unreadable_object(resource: Resource, version: str, error: DecodeError) -> ApiError:
    """400: the object sent does not have the kind's shape."""
    return ApiError(400, f'{resource.kind} in version "{version}" cannot be handled as a {resource.kind}: {error}')


def unreadable_patch(patched: Document, error: DecodeError) -> ApiError:
    """422: the patch makes an object that does not have the kind's shape.

    The real server quotes the whole patched object in this message, a Secret's data included
    (apiserver, pkg/endpoints/handlers/patch.go, jsonPatcher.applyPatchToCurrentObject). Kept, because a client that
    logs messages of this kind leaks.
    """
    text = f"Invalid value: {json.dumps(json.dumps(patched))}: {error}"
    causes = [{"reason": "FieldValueInvalid", "message": text, "field": "patch"}]
    return ApiError(422, f' "" is invalid: patch: {text}', details={"causes": causes})


def unsupported_media_type(accepted: Sequence[str]) -> ApiError:
    """415: the body has a form that is not read here."""
    return ApiError(
        415, f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    )


def too_large(limit: int) -> ApiError:
    """413: the body has more than `limit` bytes."""
    return ApiError(413, f"Request entity too large: limit is {limit}")


def not_implemented(text: str) -> ApiError:
    """501: the real server does this, this one does not."""
    return ApiError(501, f"devstack does not implement {text}", reason="NotImplemented")


def planned(code: int, headers: Mapping[str, str]) -> ApiError:
    """Make the error of a planned failure with that HTTP status."""
    retry = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    details = {"retryAfterSeconds": int(retry)} if retry.isdecimal() else None
    return ApiError(code, details=details)
