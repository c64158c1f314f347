"""What an HTTP-triggered function answers. Pure."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TypedDict


class Reply(TypedDict):
    """The arguments of an `azure.functions.HttpResponse`."""

    body: str
    status_code: int
    mimetype: str
    headers: dict[str, str]


def reply(status: HTTPStatus, body: str, mimetype: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Return an answer that nobody keeps and no browser guesses about."""
    return Reply(
        body=body,
        status_code=status.value,
        mimetype=mimetype,
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})},
    )


def problem(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a problem document (RFC 9457): what is wrong, and what was expected."""
    document = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    return reply(status, json.dumps(document), "application/problem+json", headers)
