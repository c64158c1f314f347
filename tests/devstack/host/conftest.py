"""The sample app, hosted once by each engine, and a session to talk to it."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from devstack.host import HostProcess, start_process

APPS = Path(__file__).parent / "apps"

needs_worker = pytest.mark.skipif(
    importlib.util.find_spec("azure_functions_runtime") is None,
    reason="azure-functions-runtime is not installed: Python 3.13 and later have it",
)


async def wait_for(host: HostProcess, text: str) -> None:
    """Wait until the host has said `text`; the test's own timeout ends a wait in vain."""
    while text not in host.stderr_text():  # noqa: ASYNC110 the text grows in another process
        await asyncio.sleep(0.01)


@pytest.fixture(scope="session", params=[pytest.param("worker", marks=needs_worker), "direct"])
async def host(request: pytest.FixtureRequest) -> AsyncIterator[HostProcess]:
    """The sample app in a process of its own."""
    options = ["--direct"] if request.param == "direct" else []
    environment = {"Sweep": "0 0 0 1 1 *", "GREETING": "hello"}
    async with start_process(APPS / "sample", environment, options=options) as process:
        yield process


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """An http client."""
    async with aiohttp.ClientSession() as client:
        yield client
