"""How requests reach a vault: with few, short retries, and never anywhere else. Policies for azure-core's pipeline."""

from typing import Any
from urllib.parse import urlsplit

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy, AsyncRetryPolicy

from shared.errors import ConfigurationError, PermanentError
from shared.reason import Reason

_LONGEST_WAIT = 2.0


class ShortRetry(AsyncRetryPolicy[Any, Any]):
    """azure-core's retry, but one that gives up at once where the vault asks for more patience than there is.

    Its own policy sleeps as long as Retry-After says, without a limit (azure-platform 3.1).
    """

    def __init__(self) -> None:
        super().__init__(retry_total=2, retry_backoff_factor=0.2, retry_backoff_max=1)

    def is_retry(self, settings: Any, response: Any) -> bool:
        """Tell whether to try again: not where the vault asks for too long a wait."""
        if (self.get_retry_after(response) or 0.0) > _LONGEST_WAIT:
            return False
        return bool(super().is_retry(settings, response))

    def get_retry_after(self, response: Any) -> float | None:
        """Read the vault's wish in seconds. The policy's own method raises for one that is no number and no date."""
        try:
            return super().get_retry_after(response)
        except ValueError:
            return None


class OneHost(AsyncHTTPPolicy[Any, Any]):
    """Lets requests pass to one vault and to nobody else, and tokens too (design 5).

    The clients follow the `nextLink` of a list wherever it points, and the host that answers there would name the
    resource of the token that it is sent next.
    """

    def __init__(self, name: str, url: str) -> None:
        super().__init__()
        self._name = name
        self._origin = _origin(url)

    async def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Pass a request on. Raises `PermanentError` for another host, `ConfigurationError` for a foreign challenge."""
        if _origin(request.http_request.url) != self._origin:
            raise PermanentError(f"{self._name}: an answer points to another host", reason=Reason.VAULT_REFUSED)
        try:
            return await self.next.send(request)
        except ValueError:
            # Of the policies behind this one only the check of a challenge raises it, and asks for no token then.
            raise ConfigurationError(
                f"{self._name}: its challenge names a resource that is not this vault's",
                reason=Reason.VAULT_UNAUTHENTICATED,
            ) from None


def _origin(url: str) -> tuple[str, str | None, int]:
    """Take apart what a token is sent to. The service writes its port into a `nextLink`, the settings do not."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or 443
