"""Why a vault refuses: status, error code and inner code (local-stack 3.2), worded as public examples show them."""

import enum
from typing import Any, Final

from devstack.faults import Fault
from devstack.keyvault.objects import ObjectType

_NOUNS: Final[dict[ObjectType, str]] = {"secret": "Secret", "key": "Key", "cert": "Certificate"}


class Refusal(Exception):  # noqa: N818 it is an answer, the server's own vocabulary
    """The request is answered with an error; in process it is raised to the caller."""

    def __init__(self, status: int, code: str, message: str, inner: str = "") -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.body = error_body(code, message, inner)


class Denial(enum.Enum):
    """What a vault's `rights` may answer instead of None."""

    RBAC = "ForbiddenByRbac"
    FIREWALL = "ForbiddenByFirewall"

    def refusal(self, *, vault: str, identity: str, action: str) -> Refusal:
        """Return the 403 that the service gives for this reason."""
        if self is Denial.FIREWALL:
            why, asked = "Client address is not authorized and caller is not a trusted service.", "127.0.0.1"
        else:
            why, asked = "Caller is not authorized to perform action on resource.", action
        message = f"{why}\r\nCaller: appid={identity}\r\nAction: '{asked}'\r\nVault: {vault};location=loopback\r\n"
        return Refusal(403, "Forbidden", message, self.value)


def error_body(code: str, message: str, inner: str = "") -> dict[str, Any]:
    """Return the JSON of an error."""
    error: dict[str, Any] = {"code": code, "message": message}
    if inner:
        error["innererror"] = {"code": inner}
    return {"error": error}


def throttle(retry_after: float = 1) -> Fault:
    """Return the fault that the service's rate limit would be: 429 with Retry-After in seconds."""
    return Fault(
        status=429,
        headers={"Retry-After": f"{retry_after:g}"},
        body=error_body("Throttled", "Request was not processed because too many requests were received."),
    )


def not_found(kind: ObjectType, name: str) -> Refusal:
    """An object or a version, deleted or not, is not there."""
    noun = _NOUNS[kind]
    return Refusal(404, f"{noun}NotFound", f"A {noun.lower()} with (name/id) {name} was not found in this key vault.")


def disabled_secret() -> Refusal:
    """The secret's version is disabled. Keys and certificates stay readable (Azure/azure-cli#26044)."""
    return Refusal(403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled")


def deleted_name(kind: ObjectType, name: str) -> Refusal:
    """The name belongs to a soft-deleted object."""
    message = (
        f"{_NOUNS[kind]} {name} is currently in a deleted but recoverable state, and its name cannot be reused; "
        "in this state, the object can only be recovered or purged."
    )
    return Refusal(409, "Conflict", message, "ObjectIsDeletedButRecoverable")


def managed_object(name: str) -> Refusal:
    """The secret or key belongs to a certificate. The wording is ours."""
    return Refusal(403, "Forbidden", f"{name} is managed by a certificate and is changed only through it.")


def bad_parameter(message: str) -> Refusal:
    """The request itself is wrong."""
    return Refusal(400, "BadParameter", message)


def not_served(what: str) -> Refusal:
    """The service may know this operation; the devstack does not."""
    return Refusal(501, "NotImplemented", f"{what} is not served by the devstack's vault.")
