"""What it means when an API server refuses or does not answer, and how long to wait before the next attempt.

Texts name the call and the status. No body of an error ever reaches one.
"""

import random
from collections.abc import Mapping
from http import HTTPStatus

import aiohttp

from shared.errors import ConfigurationError, ConflictError, FanoutError, PermanentError, TransientError
from shared.reason import Reason

AGAIN = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""What the next attempt may not meet any more."""

_ACCESS: Mapping[int, Reason] = {
    HTTPStatus.UNAUTHORIZED: Reason.CLUSTER_UNAUTHENTICATED,
    HTTPStatus.FORBIDDEN: Reason.CLUSTER_FORBIDDEN,
}
_LONGEST_WAIT = 2.0


class ExpiredError(TransientError):
    """The server no longer knows the resourceVersion that was named (410): a list has to begin anew."""


def refused(cluster: str, call: object, status: int, headers: Mapping[str, str]) -> FanoutError:
    """Tell what a status means that is no success."""
    text = f"{cluster}: {call}: {status} {_phrase(status)}"
    if status in _ACCESS:
        return ConfigurationError(text, reason=_ACCESS[status])
    if status == HTTPStatus.CONFLICT:
        return ConflictError(text, reason=Reason.SECRET_CONFLICT)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return TransientError(text, reason=Reason.CLUSTER_THROTTLED, retry_after=_retry_after(headers))
    if status == HTTPStatus.GONE:
        return ExpiredError(text, reason=Reason.CLUSTER_UNREACHABLE)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(text, reason=Reason.CLUSTER_UNREACHABLE, retry_after=_retry_after(headers))
    return PermanentError(text, reason=Reason.CLUSTER_REFUSED)


def unreachable(cluster: str, call: object, error: Exception) -> FanoutError:
    """Tell what it means that a call got no answer."""
    text = f"{cluster}: {call}: {type(error).__name__}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return ConfigurationError(text, reason=Reason.CLUSTER_UNAUTHENTICATED)
    return TransientError(text, reason=Reason.CLUSTER_UNREACHABLE)


def wait(failure: FanoutError, attempt: int) -> float:
    """Return the seconds before the next attempt: the server's wish if it is short, else a jittered doubling.

    Raises the failure where the server wishes for more than two seconds.
    """
    wish = failure.retry_after if isinstance(failure, TransientError) else None
    backoff = 0.1 * 2.0**attempt * (0.5 + random.random())  # noqa: S311 - jitter, not a secret
    if wish is None:
        return backoff
    if wish > _LONGEST_WAIT:
        raise failure
    return max(wish, backoff)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After in seconds; the API server sends no dates."""
    text = next((value for key, value in headers.items() if key.lower() == "retry-after"), "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None  # noqa: PLR2004


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
