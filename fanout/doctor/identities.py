"""Who asks, and whether Entra gives tokens. Of a token only who and until when is looked at. SDKs stop here."""

import asyncio
import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError

from fanout.doctor.finding import Finding, Place
from shared.record import plain

_LONGEST = 80
_SIGN_IN = "az login, or check AZURE_CLIENT_ID and the identity of this host."


async def look(
    place: Place, credential: AsyncTokenCredential, scopes: Sequence[str], seconds: float
) -> tuple[list[Finding], str]:
    """Ask for a token for each scope; return what came of it, and the object id that the tokens name, if any."""
    findings, object_id = list[Finding](), ""
    for scope in scopes:
        resource = scope.removesuffix("/.default")
        check = f"token for {resource}"
        try:
            async with asyncio.timeout(seconds):
                token = await credential.get_token(scope)
        except (AzureError, TimeoutError) as error:
            # Its text may quote what the token endpoint answered.
            findings.append(place.failed(check, f"none ({type(error).__name__})", _SIGN_IN))
            continue
        who, found = _who(token.token)
        object_id = object_id or found
        until = datetime.fromtimestamp(token.expires_on, UTC)
        findings.append(place.ok(check, f"{who}, until {until:%Y-%m-%d %H:%M} UTC"))
    return findings, object_id


def _who(token: str) -> tuple[str, str]:
    """Read who a token says that it is for. It is not verified: nothing is decided by it."""
    parts = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, LookupError, RecursionError):
        return "an identity that the token does not tell", ""
    if not isinstance(claims, dict):
        return "an identity that the token does not tell", ""
    told = [f"{name} {_text(claims[name])}" for name in ("upn", "appid", "oid") if _text(claims.get(name))]
    return " ".join(told) or "an identity without a name", _text(claims.get("oid"))


def _text(value: object) -> str:
    return plain(value)[:_LONGEST] if isinstance(value, str) else ""
