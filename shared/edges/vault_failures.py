"""What a failure of azure-core's means for us (azure-platform 3.1). No text of the SDK's is passed on."""

from collections.abc import Mapping
from http import HTTPStatus

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from shared.errors import ConfigurationError, FanoutError, PermanentError, TransientError
from shared.reason import Reason

_LONGEST_CODE = 60
_SERVER_ERROR = 500

_INNER = {
    "ForbiddenByRbac": Reason.VAULT_FORBIDDEN,
    "AccessDenied": Reason.VAULT_FORBIDDEN,
    "ForbiddenByFirewall": Reason.VAULT_FIREWALL,
    "ForbiddenByConnection": Reason.VAULT_FIREWALL,
    "SecretDisabled": Reason.OBJECT_DISABLED,
    "KeyDisabled": Reason.OBJECT_DISABLED,
    "CertificateDisabled": Reason.OBJECT_DISABLED,
}


def translate(error: AzureError, where: str) -> FanoutError:
    """Say what a failure of azure-core's means for us (azure-platform 3.1)."""
    if isinstance(error, ClientAuthenticationError):
        return ConfigurationError(f"{where}: {type(error).__name__}", reason=Reason.VAULT_UNAUTHENTICATED)
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if status is None or status < HTTPStatus.MULTIPLE_CHOICES:  # a good answer that could not be read to its end
        return TransientError(f"{where}: {type(error).__name__}", reason=Reason.VAULT_UNREACHABLE)
    code, inner = _codes(error)
    text = f"{where}: {status} {inner or code}".rstrip()
    if status == HTTPStatus.FORBIDDEN:
        # An inner code that is not known is a role or a policy: mending it heals, so it is tried again.
        reason = _INNER.get(inner, Reason.VAULT_FORBIDDEN)
        kind = PermanentError if reason is Reason.OBJECT_DISABLED else ConfigurationError
        return kind(text, reason=reason)
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT} or status >= _SERVER_ERROR:
        throttled = status == HTTPStatus.TOO_MANY_REQUESTS
        reason = Reason.VAULT_THROTTLED if throttled else Reason.VAULT_UNREACHABLE
        return TransientError(text, reason=reason, retry_after=_retry_after(error))
    missing = status == HTTPStatus.NOT_FOUND
    return PermanentError(text, reason=Reason.OBJECT_NOT_FOUND if missing else Reason.VAULT_REFUSED)


def _codes(error: AzureError) -> tuple[str, str]:
    """Take `error.code` and `error.innererror.code`: fixed words of the service's, or nothing in case they are not."""
    details = getattr(error, "error", None)
    inner = getattr(details, "innererror", None)
    inner_code = inner.get("code") if isinstance(inner, Mapping) else None
    return _word(getattr(details, "code", None)), _word(inner_code)


def _word(value: object) -> str:
    return (
        value if isinstance(value, str) and value.isascii() and value.isalpha() and len(value) <= _LONGEST_CODE else ""
    )


def _retry_after(error: AzureError) -> float | None:
    response = getattr(error, "response", None)
    text = str(response.headers.get("Retry-After", "")) if response is not None else ""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None  # noqa: PLR2004
