"""The served page, and a browser that looks at it."""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.live import browser as browsers
from tests.live.browser import Browser
from tests.live.serving import Served, serve


@pytest_asyncio.fixture(scope="module")
async def served() -> AsyncIterator[Served]:
    """The local stack with its page."""
    async with serve() as found:
        yield found


@pytest_asyncio.fixture(scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """A browser with an empty profile."""
    if missing := browsers.missing():
        said = f"the live page in a browser: no {' and no '.join(missing)}; apt-get install chromium chromium-driver"
        if os.environ.get("REQUIRE_BROWSER"):  # noqa: TID251 - the environment of who runs the tests
            pytest.fail(said)
        pytest.skip(said)
    async with browsers.start(tmp_path_factory.mktemp("profile")) as found:
        yield found
