"""Azure Resource Manager, asked for one Event Grid subscription."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError

from fanout.errors import OperatorError, UsageError

RESOURCE_MANAGER = "https://management.azure.com"
_VERSION = "2022-06-15"
_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=3)
_ID = re.compile(
    r"/subscriptions/[0-9a-z-]{1,40}/[0-9a-z._()/-]{1,600}/eventSubscriptions/[0-9a-z-]{3,64}", re.IGNORECASE
)


def resource_id(text: str) -> str:
    """Return an Event Grid subscription's resource id. Raises `UsageError`: nothing else is put behind ARM's host."""
    if not _ID.fullmatch(text) or ".." in text or "microsoft.eventgrid/" not in text.lower():
        raise UsageError(
            "--event-subscription: expected /subscriptions/ID/resourceGroups/RG/providers/Microsoft.EventGrid/"
            "systemTopics/TOPIC/eventSubscriptions/NAME"
        )
    return text


async def read(
    identifier: str, credential: AsyncTokenCredential, *, proxies: bool, base: str = RESOURCE_MANAGER
) -> Mapping[str, Any]:
    """Read the document of a subscription. Raises `OperatorError` that says what it takes."""
    try:
        token = (await credential.get_token(f"{RESOURCE_MANAGER}/.default")).token
    except AzureError as error:
        raise OperatorError(f"no token for Azure Resource Manager ({type(error).__name__}); run az login") from None
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=proxies) as session,
            session.get(
                f"{base}{identifier}",
                params={"api-version": _VERSION},
                headers={"Authorization": f"Bearer {token}"},
                allow_redirects=False,
            ) as response,
        ):
            status, body = response.status, await response.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise OperatorError(f"Azure Resource Manager did not answer ({type(error).__name__})") from None
    if status == HTTPStatus.NOT_FOUND:
        raise OperatorError("there is no such subscription; create it (docs/configuration.md)")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise OperatorError(f"{status}: it takes the role EventGrid EventSubscription Reader (or Reader) on it")
    try:
        document = json.loads(body) if status == HTTPStatus.OK else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise OperatorError(f"Azure Resource Manager answered {status}")
    return document
