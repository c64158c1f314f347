"""Debian's Chromium, driven over the W3C WebDriver protocol by its ChromeDriver."""

import asyncio
import base64
import contextlib
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from devstack import stack

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
)
_PATIENCE = 20.0


def missing() -> list[str]:
    """Return which of the two programs are not on this machine."""
    return [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]


class Browser:
    """One window. Scripts are the body of a function; what they return has to be JSON."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def open(self, url: str) -> None:
        """Go to a page."""
        await self._post("url", {"url": url})

    async def run(self, script: str, *arguments: object) -> Any:
        """Run a script in the page."""
        return await self._post("execute/sync", {"script": script, "args": list(arguments)})

    async def until(self, script: str, *arguments: object) -> Any:
        """Run a script until it returns something true, and return that."""
        async with asyncio.timeout(_PATIENCE):
            while not (found := await self.run(script, *arguments)):  # noqa: ASYNC110 - a page sets no event of ours
                await asyncio.sleep(0.02)
        return found

    async def press(self, *keys: str) -> None:
        """Press and release keys, one after another."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        await self._post("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    async def resize(self, width: int, height: int) -> None:
        """Give the page this many CSS pixels, as a device of that size would."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        await self._devtools("Emulation.setDeviceMetricsOverride", metrics)

    async def prefer(self, **features: str) -> None:
        """Set what the person prefers: `prefers_color_scheme="dark"`, `prefers_reduced_motion="reduce"`."""
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        await self._devtools("Emulation.setEmulatedMedia", {"features": named})

    async def screenshot(self) -> bytes:
        """Return what the window shows, as PNG."""
        async with self._session.get(f"{self._url}/screenshot") as answer:
            return base64.b64decode((await answer.json())["value"])

    async def _devtools(self, command: str, parameters: dict[str, Any]) -> None:
        await self._post("goog/cdp/execute", {"cmd": command, "params": parameters})

    async def _post(self, command: str, body: dict[str, Any]) -> Any:
        async with self._session.post(f"{self._url}/{command}", json=body) as answer:
            document = await answer.json()
            assert answer.status == 200, document
            return document["value"]


@contextlib.asynccontextmanager
async def start(profile: Path) -> AsyncIterator[Browser]:
    """Run a browser with an empty profile while the block runs."""
    driver = await asyncio.create_subprocess_exec(
        "chromedriver",
        "--port=0",
        env=stack.inherited(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        port = await _port(driver)
        async with aiohttp.ClientSession() as session:
            address = f"http://127.0.0.1:{port}/session"
            identifier = await _begin(session, address, [*_FLAGS, f"--user-data-dir={profile}"])
            try:
                yield Browser(session, f"{address}/{identifier}")
            finally:
                await session.delete(f"{address}/{identifier}")
    finally:
        driver.terminate()
        await driver.wait()


async def _port(driver: asyncio.subprocess.Process) -> int:
    assert driver.stdout is not None
    async with asyncio.timeout(_PATIENCE):
        while line := await driver.stdout.readline():
            if found := re.search(rb"started successfully on port (\d+)", line):
                return int(found[1])
    raise AssertionError("chromedriver ended before it was ready")


async def _begin(session: aiohttp.ClientSession, address: str, flags: Sequence[str]) -> str:
    options = {"binary": shutil.which("chromium"), "args": list(flags)}
    wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}}
    async with session.post(address, json=wanted) as answer:
        document = await answer.json()
        assert answer.status == 200, document
        return str(document["value"]["sessionId"])
