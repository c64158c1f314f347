"""The lines of a watch: what is a change, and what is the end of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from aiohttp import web

from shared.edges.kube_failures import ExpiredError
from shared.edges.kube_watch import Change, ChangeType, watch
from shared.errors import ConfigurationError, FanoutError, TransientError
from shared.reason import Reason
from tests.edges.clusters import Way
from tests.edges.scripted import ScriptedServer, always

PLACE = "/apis/secrets-store.csi.x-k8s.io/v1/secretproviderclasses"
PLANTED = "planted-value"


def event(kind: object, name: str = "web", version: object = "7") -> dict[str, Any]:
    """Return a line's document."""
    return {"type": kind, "object": {"metadata": {"name": name, "resourceVersion": version}}}


def lines(*documents: object) -> bytes:
    """Return a stream's bytes."""
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """What stands where the API server is configured."""
    async with ScriptedServer(always(b"")) as served:
        yield served


async def follow(server: ScriptedServer, way: Way, *, silence: float = 5) -> list[Change]:
    """Watch until the stream ends, and return what came."""
    api = way.open(server.url)
    async with watch(api, PLACE, {}, version="5", accept="application/json", seconds=30, silence=silence) as changes:
        return [change async for change in changes]


async def test_each_line_is_a_change_however_the_bytes_arrive(server: ScriptedServer, way: Way) -> None:
    """One by one, the cuts fall everywhere: in a line, in a character, between two lines."""
    whole = lines(
        event("ADDED", "ä"), event("MODIFIED", "b", "8"), event("BOOKMARK", "", "9"), event("DELETED", "c", "10")
    )

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for byte in whole:
            await response.write(bytes([byte]))
        return response

    server.answer = answer
    found = await follow(server, way)

    assert [(one.type, one.manifest["metadata"]["name"], one.version) for one in found] == [
        (ChangeType.ADDED, "ä", "7"),
        (ChangeType.MODIFIED, "b", "8"),
        (ChangeType.BOOKMARK, "", "9"),
        (ChangeType.DELETED, "c", "10"),
    ]


async def test_it_asks_for_bookmarks_and_for_an_end(server: ScriptedServer, way: Way) -> None:
    """A watch that ended lately has shown lately that it was alive."""
    await follow(server, way)

    assert [seen.path.partition("?")[2] for seen in server.requests] == [
        "watch=1&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=30"
    ]


async def test_a_line_that_the_end_of_the_stream_cuts_off_is_none(server: ScriptedServer, way: Way) -> None:
    server.answer = always(lines(event("ADDED")) + lines(event("ADDED", "cut"))[:-5])

    assert [one.manifest["metadata"]["name"] for one in await follow(server, way)] == ["web"]


@pytest.mark.parametrize("whole", [False, True])
async def test_a_version_that_is_too_old_is_told_apart(server: ScriptedServer, way: Way, *, whole: bool) -> None:
    """The server says so by its status, or in the stream when it finds out later (api-concepts, 410 Gone)."""
    gone = {"kind": "Status", "code": 410, "message": PLANTED}
    server.answer = always(b"", status=410) if whole else always(lines({"type": "ERROR", "object": gone}))

    with pytest.raises(ExpiredError) as raised:
        await follow(server, way)

    assert PLANTED not in str(raised.value)


BROKEN: dict[str, Sequence[object]] = {
    "another error": [{"type": "ERROR", "object": {"code": 500, "message": PLANTED}}],
    "an error without a code": [{"type": "ERROR", "object": {"code": PLANTED}}],
    "no type": [{"object": {"metadata": {"resourceVersion": "7"}}}],
    "an unknown type": [event("RENAMED")],
    "a type of the wrong type": [event(["ADDED"])],
    "no object": [{"type": "ADDED"}],
    "no version": [event("ADDED", version=None)],
    "an empty version": [event("ADDED", version="")],
    "a version of the wrong type": [event("ADDED", version=7)],
    "an array": [[1]],
    "a text": [PLANTED],
}


@pytest.mark.parametrize("documents", BROKEN.values(), ids=BROKEN)
async def test_what_is_no_change_ends_the_watch_and_is_not_quoted(
    server: ScriptedServer, way: Way, documents: Sequence[object]
) -> None:
    server.answer = always(lines(event("ADDED"), *documents))

    with pytest.raises(TransientError) as raised:
        await follow(server, way)

    assert not isinstance(raised.value, ExpiredError)
    assert raised.value.reason is Reason.CLUSTER_UNREACHABLE
    assert PLANTED not in str(raised.value)


@pytest.mark.parametrize("line", [b"{" * 100_000 + b"\n", b"not json\n", b"\xff\xfe\n", b"\n"])
async def test_what_is_no_json_ends_the_watch(server: ScriptedServer, way: Way, line: bytes) -> None:
    server.answer = always(line)

    with pytest.raises(TransientError):
        await follow(server, way)


async def test_a_line_without_an_end_is_not_collected_for_ever(server: ScriptedServer, way: Way) -> None:
    """Eight megabytes, several times what etcd takes for one object."""
    server.answer = always(b"x" * (9 * 1024 * 1024))

    with pytest.raises(TransientError, match="more than 8388608 bytes"):
        await follow(server, way)


async def test_a_stream_that_says_nothing_for_long_is_given_up(server: ScriptedServer, way: Way) -> None:
    """Half of a connection may be gone without a word."""
    held = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(lines(event("ADDED")))
        await held.wait()
        return response

    server.answer = answer
    try:
        with pytest.raises(TransientError, match="Timeout"):
            await follow(server, way, silence=0.1)
    finally:
        held.set()


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (401, ConfigurationError, Reason.CLUSTER_UNAUTHENTICATED),
        (403, ConfigurationError, Reason.CLUSTER_FORBIDDEN),
        (404, FanoutError, Reason.CLUSTER_REFUSED),
        (503, TransientError, Reason.CLUSTER_UNREACHABLE),
        (302, ConfigurationError, Reason.CLUSTER_REFUSED),
    ],
)
async def test_a_watch_that_is_refused_says_why_and_quotes_nothing(
    server: ScriptedServer, way: Way, status: int, kind: type[FanoutError], reason: Reason
) -> None:
    server.answer = always(PLANTED.encode(), status=status, headers={"Location": "http://127.0.0.1:9/"})

    with pytest.raises(kind) as raised:
        await follow(server, way)

    assert raised.value.reason is reason
    assert PLANTED not in str(raised.value)
