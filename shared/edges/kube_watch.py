"""A watch of one collection: its lines as changes (api-concepts, "Efficient detection of changes")."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from shared import parts
from shared.edges.kube_api import Json, KubeApi
from shared.edges.kube_failures import ExpiredError
from shared.errors import TransientError
from shared.reason import Reason

_LONGEST_LINE = 8 * 1024 * 1024
"""Bytes of one change. etcd takes no object over 1.5 MiB; escaped in JSON it may be several times that."""


class ChangeType(StrEnum):
    """What a line tells of. A bookmark tells only how far the watch has come."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


@dataclass(frozen=True, slots=True)
class Change:
    """One change: the object as it is after it, or as it was last. Everything up to `version` has been told now."""

    type: ChangeType
    manifest: Json
    version: str


@asynccontextmanager
async def watch(
    api: KubeApi, path: str, selector: Mapping[str, str], *, version: str, accept: str, seconds: int, silence: float
) -> AsyncIterator[AsyncIterator[Change]]:
    """Follow a collection from a version on, for so many `seconds`; the server sends bookmarks in between.

    Raises `ExpiredError` where the server does not reach back to that version, when the watch is opened or later, and
    `TransientError` where it breaks, sends what is no change, or sends nothing for `silence` seconds.
    """
    query = {
        **selector,
        "watch": "1",
        "allowWatchBookmarks": "true",
        "resourceVersion": version,
        "timeoutSeconds": str(seconds),
    }
    async with api.stream(path, query, accept=accept, silence=silence) as chunks:
        yield _changes(chunks, path)


async def _changes(chunks: AsyncIterator[bytes], path: str) -> AsyncIterator[Change]:
    async for line in _lines(chunks, path):
        yield _read(line, path)


async def _lines(chunks: AsyncIterator[bytes], path: str) -> AsyncIterator[bytes]:
    """Put chunks together to lines. What is left when the stream ends is no line."""
    held = bytearray()
    async for chunk in chunks:
        begin = len(held)
        held += chunk
        while (end := held.find(b"\n", begin)) >= 0:
            yield bytes(held[:end])
            del held[: end + 1]
            begin = 0
        if len(held) > _LONGEST_LINE:
            raise _broken(path, f"a change of more than {_LONGEST_LINE} bytes")


def _read(line: bytes, path: str) -> Change:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        document = None
    manifest = parts.mapping(document, "object")
    kind = parts.mapping(document).get("type")
    if kind == "ERROR":
        code = manifest.get("code")
        if code == HTTPStatus.GONE:
            raise ExpiredError(f"watch {path}: 410 Gone", reason=Reason.CLUSTER_UNREACHABLE)
        raise _broken(path, f"an error ({code if isinstance(code, int) else 'without a code'})")
    version = parts.mapping(manifest, "metadata").get("resourceVersion")
    if not isinstance(kind, str) or kind not in set(ChangeType) or not isinstance(version, str) or not version:
        raise _broken(path, "what is no change")
    return Change(type=ChangeType(kind), manifest=dict(manifest), version=version)


def _broken(path: str, what: str) -> TransientError:
    return TransientError(f"watch {path}: the server sent {what}", reason=Reason.CLUSTER_UNREACHABLE)
