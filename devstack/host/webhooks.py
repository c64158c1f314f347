"""Event Grid's deliveries and handshakes, by the rules of Microsoft's extension (local-stack 4.2).

Read in azure-sdk-for-net: EventGridExtensionConfigProvider.cs and HttpRequestProcessor.cs. The extension runs every
event of a request in parallel, one invocation each; if one fails, the answer is 500 and Event Grid sends them all
again. What it cannot parse is an unhandled exception there, so 500 here too.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from devstack.host.functions import Function, Outcome, Payload

PATH: Final = "/runtime/webhooks/EventGrid"

Invoke = Callable[[Function, Payload], Awaitable[Outcome]]


async def answer(request: web.Request, function: Function, invoke: Invoke) -> web.Response:
    """Answer a handshake or a delivery for one function."""
    if request.method == "OPTIONS":
        return _allow_origin(request)
    kind = request.headers.get("aeg-event-type", "").lower()
    if kind == "unsubscribe":
        return web.Response(status=HTTPStatus.ACCEPTED)
    if kind not in {"subscriptionvalidation", "notification"}:
        return web.Response(status=HTTPStatus.BAD_REQUEST)
    try:
        posted = json.loads(await request.read())
        if kind == "subscriptionvalidation":
            return web.json_response({"validationResponse": _validation_code(posted)})
        events = posted if isinstance(posted, list) else [posted]
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR, text=f"not what Event Grid sends: {error}")
    payloads = [Payload(kind="json", content=json.dumps(event)) for event in events]
    outcomes = await asyncio.gather(*(invoke(function, payload) for payload in payloads))
    failed = next((outcome for outcome in outcomes if outcome.error), None)
    return failure(function, failed) if failed else web.Response(status=HTTPStatus.ACCEPTED)


def failure(function: Function, outcome: Outcome) -> web.Response:
    """Return the 500 that carries an invocation's exception, worded as the host words it."""
    text = f"Exception while executing function: Functions.{function.name} Result: Failure\nException: {outcome.error}"
    return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR, text=text)


def _validation_code(posted: Any) -> str:
    # One CloudEvent carries its data encoded twice: a JSON string inside JSON.
    data = posted[0]["data"] if isinstance(posted, list) else json.loads(posted["data"])
    return str(data["validationCode"])


def _allow_origin(request: web.Request) -> web.Response:
    """The CloudEvents handshake: whoever asks may send, at any rate."""
    origin = request.headers.get("WebHook-Request-Origin")
    if not origin:
        return web.Response(status=HTTPStatus.BAD_REQUEST)
    return web.Response(headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"})
