"""How the page is served: to this machine's loopback, without anything from elsewhere, and as things happen."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from fanout.live.board import Board
from fanout.live.server import LivePage
from tests.live.test_story import told


class Button:
    """Counts how often it was pressed."""

    def __init__(self) -> None:
        self.presses = 0

    async def press(self) -> None:
        """Count."""
        self.presses += 1


@pytest.fixture
def button() -> Button:
    """A button that nobody has pressed."""
    return Button()


@pytest.fixture
def board() -> Board:
    """A board with nothing on it."""
    return Board()


@pytest_asyncio.fixture
async def page(board: Board, button: Button) -> AsyncIterator[LivePage]:
    """A page with a button, not served yet."""
    found = LivePage(board, rotate=button.press)
    yield found
    await found.stop()


@pytest_asyncio.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """A client without a browser's manners."""
    async with aiohttp.ClientSession() as found:
        yield found


class Stream:
    """The server-sent events of a page."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def next(self) -> dict[str, Any]:
        """Return what the next event shows."""
        async with asyncio.timeout(10):
            while not (line := await self._answer.content.readline()).startswith(b"data: "):
                assert line, "the stream ended"
        return dict(json.loads(line.removeprefix(b"data: ")))


async def test_who_connects_is_shown_what_was_told_before_and_what_is_told_then(
    page: LivePage, board: Board, client: aiohttp.ClientSession
) -> None:
    url = await page.start(0)
    await board.add([told("object.new-version")])

    async with client.get(f"{url}/events") as answer:
        stream = Stream(answer)
        first = await stream.next()
        await board.add([told("target.refreshed")])
        second = await stream.next()

    assert answer.headers["Content-Type"] == "text/event-stream"
    assert (len(first["rotations"]), first["targets"], first["trouble"]) == (1, [], "")
    assert len(second["targets"]) == 1


async def test_trouble_is_shown_beside_what_was_heard_until_it_is_over(
    page: LivePage, board: Board, client: aiohttp.ClientSession
) -> None:
    url = await page.start(0)
    await board.add([told("target.refreshed")])

    async with client.get(f"{url}/events") as answer:
        stream = Stream(answer)
        await stream.next()
        await board.fail("nobody answers")
        troubled = await stream.next()
        await board.add([])
        healed = await stream.next()

    assert (troubled["trouble"], len(troubled["targets"])) == ("nobody answers", 1)
    assert (healed["trouble"], len(healed["targets"])) == ("", 1)


async def test_a_burst_is_a_few_updates(page: LivePage, board: Board, client: aiohttp.ClientSession) -> None:
    url = await page.start(0)

    async with client.get(f"{url}/events") as answer:
        stream = Stream(answer)
        await stream.next()
        for number in range(200):
            await board.add([told("target.refreshed", secret=f"s{number}")])
        updates = 1
        while len((await stream.next())["targets"]) < 200:
            updates += 1

    assert updates < 100


async def test_the_page_may_load_nothing_and_talk_to_nobody_else(page: LivePage, client: aiohttp.ClientSession) -> None:
    url = await page.start(0)

    async with client.get(url) as answer:
        text = await answer.text()
        policy = answer.headers["Content-Security-Policy"]

    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert policy.startswith("default-src 'none'; connect-src 'self'; ")
    assert text.count(f'nonce="{nonce}"') == 2
    assert "NONCE" not in text
    assert "innerHTML" not in text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
async def test_a_name_that_points_here_is_not_enough(page: LivePage, client: aiohttp.ClientSession, host: str) -> None:
    """Or a page of another origin could read this one, by a name whose address it changes."""
    url = await page.start(0)

    for path in ("", "/events", "/rotate"):
        async with client.request("POST" if path == "/rotate" else "GET", url + path, headers={"Host": host}) as answer:
            assert answer.status == 421


async def test_only_the_page_itself_presses_the_button(
    page: LivePage, client: aiohttp.ClientSession, button: Button
) -> None:
    """A form of another origin can post, and cannot send the header."""
    url = await page.start(0)

    statuses = []
    for headers in ({}, {"x-fanout-live": "rotate"}):
        async with client.post(f"{url}/rotate", headers=headers) as answer:
            statuses.append(answer.status)

    assert statuses == [403, 204]
    assert button.presses == 1


async def test_without_a_local_stack_there_is_no_button(client: aiohttp.ClientSession) -> None:
    page = LivePage(Board())
    url = await page.start(0)

    async with client.post(f"{url}/rotate", headers={"x-fanout-live": "rotate"}) as answer:
        assert answer.status == 404
    await page.stop()


async def test_the_root_leads_to_the_page(page: LivePage, client: aiohttp.ClientSession) -> None:
    url = await page.start(0)

    async with client.get(url.removesuffix("live"), allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, "/live")
