"""Lists of one collection, page by page from one snapshot (api-concepts, "Retrieving large results sets in chunks")."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard

from shared.edges.kube_api import JSON, Json, KubeApi
from shared.errors import TransientError
from shared.reason import Reason

_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a list: its objects, the version that the whole list shows, and how many come after it.

    `remaining` is None where the server does not tell, as with a selector; `token` asks for the next page, if any.
    """

    items: list[Json]
    version: str
    remaining: int | None
    token: str


async def first(api: KubeApi, path: str, selector: Mapping[str, str], *, limit: int, accept: str = JSON) -> Page | None:
    """List the beginning of a collection, or None where the server does not know the resource."""
    return await _page(api, path, {**selector, "limit": str(limit)}, accept)


async def pages(
    api: KubeApi, path: str, selector: Mapping[str, str] | None = None, *, accept: str = JSON
) -> AsyncIterator[Page]:
    """List a collection in pages. A resource that the server does not know has no page.

    Raises `ExpiredError` where the server no longer reaches back to the first page.
    """
    query = begin = {**(selector or {}), "limit": str(_PAGE)}
    while (page := await _page(api, path, query, accept)) is not None:
        yield page
        if not page.token:
            return
        query = {**begin, "continue": page.token}


async def objects(
    api: KubeApi, path: str, selector: Mapping[str, str] | None = None, *, accept: str = JSON
) -> AsyncIterator[Json]:
    """List a collection's objects; none where the server does not know the resource."""
    async for page in pages(api, path, selector, accept=accept):
        for manifest in page.items:
            yield manifest


async def _page(api: KubeApi, path: str, query: Mapping[str, str], accept: str) -> Page | None:
    page = await api.get(path, query, accept=accept)
    if page is None:
        return None
    items, metadata = page.get("items"), page.get("metadata")
    if not _are_objects(items) or not isinstance(metadata, dict):
        # Not empty: an event would end with nothing done and nobody told.
        raise TransientError(f"{api.cluster}: GET {path}: the answer is no list", reason=Reason.CLUSTER_UNREACHABLE)
    token, remaining = str(metadata.get("continue") or ""), metadata.get("remainingItemCount")
    return Page(
        items=items or [],
        version=str(metadata.get("resourceVersion") or ""),
        remaining=(remaining if isinstance(remaining, int) else None) if token else 0,
        token=token,
    )


def _are_objects(items: object) -> TypeGuard[list[Json] | None]:
    """Tell whether these are a list's items; Go writes an empty list as null, too."""
    return items is None or (isinstance(items, list) and all(isinstance(item, dict) for item in items))
