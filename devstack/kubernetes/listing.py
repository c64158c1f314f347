"""Lists: a selection of a collection, whole or in pages that all show one moment.

From the real server: a continue token names the version of the first page and the last key given; when the log no
longer reaches back to it the answer is 410 Expired (api-concepts, "Retrieving large results sets in chunks").
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass

from devstack.kubernetes.documents import Document, parse
from devstack.kubernetes.query import read_number
from devstack.kubernetes.resources import Address
from devstack.kubernetes.selectors import Selection
from devstack.kubernetes.status import ApiError
from devstack.kubernetes.store import Key, Store, TooOldError

_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You must start a new list "
    "without the continue parameter."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much of the list is wanted (`limit` 0: all), after which key, and as of which version (None: now)."""

    limit: int = 0
    after: Key | None = None
    version: int | None = None


def options_of(query: Mapping[str, str], collection: str) -> Options:
    """Read limit, continue, resourceVersion and resourceVersionMatch. Raises ApiError 400."""
    limit = read_number(query, "limit")
    version = read_number(query, "resourceVersion")
    match = query.get("resourceVersionMatch", "")
    if match not in ("", "Exact", "NotOlderThan"):
        raise ApiError(400, f"resourceVersionMatch: Unsupported value: {match!r:.100}")
    if match and not query.get("resourceVersion"):
        raise ApiError(400, "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion "
                            "is provided")  # fmt: skip
    if token := query.get("continue", ""):
        if version:
            raise ApiError(400, "specifying resource version is not allowed when using continue")
        version, key = _read_token(token, collection)
        return Options(limit=limit, after=key, version=version)
    return Options(limit=limit, version=version if match == "Exact" else None)


def make_list(store: Store, address: Address, selection: Selection, options: Options) -> Document:
    """Return the List object: its items, resourceVersion, and with `limit` how to go on.

    Raises ApiError 410 when the version asked for is no longer known, 504 when it does not exist yet.
    """
    version = store.version if options.version is None else options.version
    if version > store.version:
        raise ApiError(504, f"Timeout: Too large resource version: {version}, current: {store.version}")
    try:
        objects = store.collection(address.resource.qualified, version=options.version)
    except TooOldError:
        if options.after is not None:
            raise ApiError(410, _EXPIRED) from None
        raise ApiError(410, f"The resourceVersion for the provided list is too old: {version}") from None
    selected = [
        (key, document)
        for key, document in objects.items()
        if (not address.namespace or key.namespace == address.namespace)
        and (options.after is None or key > options.after)
        and selection(document)
    ]
    metadata: Document = {"resourceVersion": str(version)}
    if 0 < options.limit < len(selected):
        remaining = len(selected) - options.limit
        selected = selected[: options.limit]
        metadata["continue"] = _write_token(version, selected[-1][0])
        if not selection.tests:  # the real server does not count what a selector may leave out
            metadata["remainingItemCount"] = remaining
    return {
        "kind": f"{address.resource.kind}List",
        "apiVersion": address.api_version,
        "metadata": metadata,
        "items": [_as_item(address, document) for _, document in selected],
    }


def _as_item(address: Address, document: Document) -> Document:
    """Built-in kinds are listed without apiVersion and kind, as Go's typed lists are."""
    if address.resource.custom:
        return document | {"apiVersion": address.api_version}
    return {key: value for key, value in document.items() if key not in ("apiVersion", "kind")}


def _write_token(version: int, key: Key) -> str:
    token = {"v": "meta.k8s.io/v1", "rv": version, "start": [key.namespace, key.name]}
    return base64.urlsafe_b64encode(json.dumps(token).encode()).decode().rstrip("=")


def _read_token(text: str, collection: str) -> tuple[int, Key]:
    try:
        token = parse(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        token = {}
    match token:
        case {"v": "meta.k8s.io/v1", "rv": int(version), "start": [str(namespace), str(name)]}:
            return version, Key(collection, namespace, name)
    raise ApiError(400, "continue key is not valid")
