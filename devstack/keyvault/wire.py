"""Objects to the service's JSON and back: bundles, list items, pages, request bodies. Times are Unix seconds."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from devstack.keyvault import refusals
from devstack.keyvault.objects import COLLECTIONS, Deleted, Version
from devstack.keyvault.store import RETENTION_DAYS

PAGE_SIZE: Final = 25

JSON = dict[str, Any]


def bundle(base: str, version: Version) -> JSON:
    """Return what a get answers: an element of a list of versions, and what lists leave out."""
    shown = item(base, version, versioned=True)
    if version.kind == "secret":
        managed = {"kid": shown["id"].replace("/secrets/", "/keys/")} if version.managed else {}
        return {**shown, **managed, "value": version.value}
    if version.kind == "key":
        return {**shown, "key": {"kid": shown.pop("kid"), **version.jwk}}
    return {
        **shown,
        "kid": shown["id"].replace("/certificates/", "/keys/"),
        "sid": shown["id"].replace("/certificates/", "/secrets/"),
        "cer": base64.b64encode(version.cer).decode(),
        "contentType": version.content_type,
    }


def item(base: str, version: Version, *, versioned: bool) -> JSON:
    """Return an element of a list: no value, and a version in the id only in a list of versions."""
    url = f"{base}/{COLLECTIONS[version.kind]}/{version.name}" + (f"/{version.version}" if versioned else "")
    shown: JSON = {"attributes": _attributes(version), "tags": version.tags}
    if version.managed:
        shown["managed"] = True
    if version.kind == "key":
        return {"kid": url, **shown}
    if version.kind == "cert":
        return {"id": url, "x5t": base64.urlsafe_b64encode(version.thumbprint).decode().rstrip("="), **shown}
    return {"id": url, **shown, **({"contentType": version.content_type} if version.content_type else {})}


def deleted_item(base: str, deleted: Deleted, *, versioned: bool) -> JSON:
    """Return a deleted secret: with its version what a delete and a get answer, without it an element of a list."""
    latest = deleted.versions[-1]
    return {
        **item(base, latest, versioned=versioned),
        "recoveryId": f"{base}/deletedsecrets/{latest.name}",
        "deletedDate": deleted.deleted,
        "scheduledPurgeDate": deleted.scheduled_purge,
    }


def page(url: str, items: Sequence[tuple[str, JSON]], query: Mapping[str, str]) -> JSON:
    """Return one page of `items`, pairs of a sort key and an element in the order of the keys.

    The token in `nextLink` is the last key served, so that objects which come and go between two pages neither repeat
    nor hide others. Keys are names and version ids, which a URL carries as they are.
    """
    limit = query.get("maxresults", str(PAGE_SIZE))
    if limit not in map(str, range(1, PAGE_SIZE + 1)):
        raise refusals.bad_parameter(f"maxresults is a number from 1 to {PAGE_SIZE}.")
    rest = [pair for pair in items if pair[0] > query.get("$skiptoken", "")]
    served, more = rest[: int(limit)], rest[int(limit) :]
    link = f"{url}?api-version={query['api-version']}&$skiptoken={served[-1][0]}&maxresults={limit}" if more else None
    return {"value": [element for _, element in served], "nextLink": link}


def read_secret(name: str, body: bytes) -> Version:
    """Return the secret that a PUT describes."""
    given = _object(body)
    if not isinstance(given.get("value"), str):
        raise refusals.bad_parameter("The parameter value is required and has to be a string.")
    secret = Version(kind="secret", name=name, value=given["value"])
    _apply(secret, given)
    return secret


def apply_update(version: Version, body: bytes) -> None:
    """Change the properties that a PATCH names; what it does not name stays."""
    _apply(version, _object(body))


def _apply(version: Version, given: JSON) -> None:
    attributes = _typed(given, "attributes", dict) or {}
    enabled, not_before, expires_on = (
        _typed(attributes, "enabled", bool), _typed(attributes, "nbf", int), _typed(attributes, "exp", int)
    )  # fmt: skip
    tags, content_type = _typed(given, "tags", dict), _typed(given, "contentType", str)
    if not all(isinstance(tag, str) for tag in (tags or {}).values()):
        raise refusals.bad_parameter("tags has to be an object of strings.")
    # Everything is checked: only now change anything.
    version.enabled = version.enabled if enabled is None else enabled
    version.not_before = version.not_before if not_before is None else not_before
    version.expires_on = version.expires_on if expires_on is None else expires_on
    version.tags = version.tags if tags is None else tags
    version.content_type = version.content_type if content_type is None else content_type


def _typed(given: JSON, name: str, wanted: type) -> Any:
    value = given.get(name)
    # By identity, because bool is an int in Python, not in JSON.
    if value is not None and type(value) is not wanted:
        raise refusals.bad_parameter(f"{name} has the wrong type.")
    return value


def _object(body: bytes) -> JSON:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise refusals.bad_parameter("The request body is not JSON.") from error
    if not isinstance(given, dict):
        raise refusals.bad_parameter("The request body is not a JSON object.")
    return given


def _attributes(version: Version) -> JSON:
    attributes: JSON = {
        "enabled": version.enabled,
        "nbf": version.not_before,
        "exp": version.expires_on,
        "created": version.created,
        "updated": version.updated,
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": RETENTION_DAYS,
    }
    return {name: value for name, value in attributes.items() if value is not None}
