"""`python -m tests.live.screenshot`: make docs/live.png anew, from a run of the whole local stack."""

import asyncio
import contextlib
import tempfile
from pathlib import Path

from devstack import stack
from tests.live import browser as browsers
from tests.live.serving import serve
from tests.live.test_page import rotate

PICTURE = stack.APP / "docs" / "live.png"
_SIZE = (960, 850)


async def take() -> bytes:
    """Rotate twice and return a picture of the page."""
    async with contextlib.AsyncExitStack() as held:
        folder = held.enter_context(tempfile.TemporaryDirectory())
        served = await held.enter_async_context(serve())
        browser = await held.enter_async_context(browsers.start(Path(folder)))
        await browser.resize(*_SIZE)
        await browser.prefer(prefers_reduced_motion="reduce")
        await browser.open(served.url)
        for _ in range(2):
            await rotate(browser)
            await asyncio.sleep(1)
        return await browser.screenshot()


if __name__ == "__main__":
    PICTURE.write_bytes(asyncio.run(take()))
