"""Event Grid's deliveries and handshakes, by the rules of Microsoft's extension (local-stack 4.2).

Read in azure-sdk-for-net: EventGridExtensionConfigProvider.cs and HttpRequestProcessor.cs. The extension runs every
event of a request in parallel, one invocation each; if one fails, the answer is 500 and Event Grid sends them all
again. What it cannot parse is an unhandled exception there, so 500 here too.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from devstack.host.engine import Outcome, Payload
from devstack.host.functions import Function

PATH: Final = "/runtime/webhooks/EventGrid"

Invoke = Callable[[Function, Payload], Awaitable[Outcome]]


class EventGridWebhook:
    """The one endpoint for every function with an Event Grid trigger."""

    def __init__(self, functions: Mapping[str, Function], invoke: Invoke) -> None:
        self._functions = functions
        self._invoke = invoke

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        name = request.query.get("functionName", "")
        function = self._functions.get(name)
        if function is None:
            return web.Response(status=HTTPStatus.NOT_FOUND, text=f"cannot find function: '{name}'")
        return _allow_origin(request) if request.method == "OPTIONS" else await self._post(function, request)

    async def _post(self, function: Function, request: web.Request) -> web.Response:
        kind = request.headers.get("aeg-event-type", "").lower()
        if kind == "unsubscribe":
            return web.Response(status=HTTPStatus.ACCEPTED)
        if kind not in {"subscriptionvalidation", "notification"}:
            return web.Response(status=HTTPStatus.BAD_REQUEST)
        try:
            posted = json.loads(await request.read())
        except (ValueError, RecursionError) as error:
            return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR, text=f"not JSON: {error}")
        if kind == "subscriptionvalidation":
            return _shake_hands(posted)
        return await self._notify(function, posted)

    async def _notify(self, function: Function, posted: Any) -> web.Response:
        if not isinstance(posted, dict | list):
            return _unparsable(posted)
        events = posted if isinstance(posted, list) else [posted]
        payloads = [Payload(kind="json", content=json.dumps(event)) for event in events]
        outcomes = await asyncio.gather(*(self._invoke(function, payload) for payload in payloads))
        failed = next((outcome for outcome in outcomes if outcome.error), None)
        if failed:
            return failure(function, failed)
        return web.Response(status=HTTPStatus.ACCEPTED)


def failure(function: Function, outcome: Outcome) -> web.Response:
    """Return the 500 that carries an invocation's exception, worded as the host words it."""
    text = f"Exception while executing function: Functions.{function.name} Result: Failure\nException: {outcome.error}"
    return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR, text=text)


def _shake_hands(posted: Any) -> web.Response:
    try:
        # One CloudEvent carries its data encoded twice: a JSON string inside JSON.
        data = posted[0]["data"] if isinstance(posted, list) else json.loads(posted["data"])
        code = str(data["validationCode"])
    except (KeyError, IndexError, TypeError, ValueError, RecursionError):
        return _unparsable(posted)
    return web.json_response({"validationResponse": code})


def _allow_origin(request: web.Request) -> web.Response:
    """The CloudEvents handshake: whoever asks may send, at any rate."""
    origin = request.headers.get("WebHook-Request-Origin")
    if not origin:
        return web.Response(status=HTTPStatus.BAD_REQUEST)
    return web.Response(headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"})


def _unparsable(posted: Any) -> web.Response:
    text = f"The request content is not what Event Grid sends: {type(posted).__name__}"
    return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR, text=text)
