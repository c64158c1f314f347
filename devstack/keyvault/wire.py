"""Objects to the service's JSON and back: bundles, list items, pages, request bodies. Times are Unix seconds."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from devstack.keyvault import refusals
from devstack.keyvault.objects import COLLECTIONS, Deleted, Version
from devstack.keyvault.store import RETENTION_DAYS

PAGE_SIZE: Final = 25

_JSON = dict[str, Any]


def identifier(base: str, version: Version, *, versioned: bool = True) -> str:
    """Return an object's id, which is its URL."""
    url = f"{base}/{COLLECTIONS[version.kind]}/{version.name}"
    return f"{url}/{version.version}" if versioned else url


def bundle(base: str, version: Version) -> _JSON:
    """Return what a get answers."""
    url = identifier(base, version)
    shared = {"attributes": _attributes(version), "tags": version.tags}
    if version.kind == "secret":
        return {"value": version.value, "id": url, **shared, **_secret_properties(base, version)}
    if version.kind == "key":
        return {"key": {"kid": url, **version.jwk}, **shared, **({"managed": True} if version.managed else {})}
    return {
        "id": url,
        "kid": url.replace("/certificates/", "/keys/"),
        "sid": url.replace("/certificates/", "/secrets/"),
        "x5t": _encode(version.thumbprint),
        "cer": base64.b64encode(version.cer).decode(),
        "contentType": version.content_type,
        **shared,
    }


def item(base: str, version: Version, *, versioned: bool) -> _JSON:
    """Return an element of a list: no value, and a version in the id only in a list of versions."""
    url = identifier(base, version, versioned=versioned)
    shared = {"attributes": _attributes(version), "tags": version.tags}
    if version.kind == "secret":
        properties = _secret_properties(base, version)
        properties.pop("kid", None)
        properties.pop("previousVersion", None)
        return {"id": url, **shared, **properties}
    if version.kind == "key":
        return {"kid": url, **shared, **({"managed": True} if version.managed else {})}
    return {"id": url, "x5t": _encode(version.thumbprint), **shared}


def deleted_bundle(base: str, deleted: Deleted) -> _JSON:
    """Return what a delete and a get of a deleted secret answer: no value."""
    return {**item(base, deleted.latest, versioned=True), **_deletion(base, deleted)}


def deleted_item(base: str, deleted: Deleted) -> _JSON:
    """Return an element of the list of deleted secrets."""
    return {**item(base, deleted.latest, versioned=False), **_deletion(base, deleted)}


def page(base: str, path: str, items: Sequence[tuple[str, _JSON]], query: Mapping[str, str]) -> _JSON:
    """Return one page of `items`, pairs of a sort key and an element in the order of the keys.

    The token in `nextLink` is the last key served, so that objects which come and go between two pages neither repeat
    nor hide others.
    """
    limit = query.get("maxresults", str(PAGE_SIZE))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:4]) <= PAGE_SIZE):
        raise refusals.bad_parameter(f"maxresults is a number from 1 to {PAGE_SIZE}.")
    token = query.get("$skiptoken", "")
    try:
        after = _decode(token)
    except ValueError as error:
        raise refusals.bad_parameter("The $skiptoken is not one of this vault.") from error
    rest = [pair for pair in items if not token or pair[0] > after]
    served, more = rest[: int(limit)], rest[int(limit) :]
    link = None
    if more:
        version = query.get("api-version", "")
        token = _encode(served[-1][0].encode())
        link = f"{base}{path}?api-version={version}&$skiptoken={token}&maxresults={limit}"
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


def _apply(version: Version, given: _JSON) -> None:
    attributes, tags, content_type = given.get("attributes"), given.get("tags"), given.get("contentType")
    if attributes is not None and not isinstance(attributes, dict):
        raise refusals.bad_parameter("attributes has to be an object.")
    if tags is not None and not (isinstance(tags, dict) and all(isinstance(tag, str) for tag in tags.values())):
        raise refusals.bad_parameter("tags has to be an object of strings.")
    if content_type is not None and not isinstance(content_type, str):
        raise refusals.bad_parameter("contentType has to be a string.")
    enabled = (attributes or {}).get("enabled")
    if enabled is not None and not isinstance(enabled, bool):
        raise refusals.bad_parameter("enabled has to be true or false.")
    times = {name: (attributes or {}).get(name) for name in ("nbf", "exp")}
    # bool is an int in Python, not in JSON.
    if not all(time is None or (isinstance(time, int) and not isinstance(time, bool)) for time in times.values()):
        raise refusals.bad_parameter("nbf and exp have to be whole Unix seconds.")
    # Everything is checked: only now change anything.
    version.enabled = version.enabled if enabled is None else enabled
    version.not_before = version.not_before if times["nbf"] is None else times["nbf"]
    version.expires_on = version.expires_on if times["exp"] is None else times["exp"]
    version.tags = version.tags if tags is None else dict(tags)
    version.content_type = version.content_type if content_type is None else content_type


def _object(body: bytes) -> _JSON:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise refusals.bad_parameter("The request body is not JSON.") from error
    if not isinstance(given, dict):
        raise refusals.bad_parameter("The request body is not a JSON object.")
    return given


def _attributes(version: Version) -> _JSON:
    attributes: _JSON = {
        "enabled": version.enabled,
        "nbf": version.not_before,
        "exp": version.expires_on,
        "created": version.created,
        "updated": version.updated,
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": RETENTION_DAYS,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _secret_properties(base: str, version: Version) -> _JSON:
    properties: _JSON = {"contentType": version.content_type, "previousVersion": version.previous_version}
    if version.managed:
        properties["kid"] = identifier(base, version).replace("/secrets/", "/keys/")
        properties["managed"] = True
    return {name: value for name, value in properties.items() if value is not None}


def _deletion(base: str, deleted: Deleted) -> _JSON:
    return {
        "recoveryId": f"{base}/deletedsecrets/{deleted.latest.name}",
        "deletedDate": deleted.deleted,
        "scheduledPurgeDate": deleted.scheduled_purge,
    }


def _encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _decode(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64url") from error
