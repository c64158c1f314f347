"""Function keys, checked as in Azure where the host is given one."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from devstack.host import HostProcess, start_process

from .conftest import APPS, needs_worker

KEY = "planted-function-key-1"


@pytest.fixture(scope="module", params=[pytest.param([], marks=needs_worker), ["--direct"]], ids=["worker", "direct"])
async def keyed(request: pytest.FixtureRequest) -> AsyncIterator[HostProcess]:
    """An app with one function of each level, behind a key."""
    async with start_process(APPS / "keyed", options=["--function-key", KEY, *request.param]) as process:
        yield process


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/open", {}, 200),
        ("/api/kept", {}, 401),
        ("/api/kept", {"x-functions-key": "another"}, 401),
        ("/api/kept", {"x-functions-key": ""}, 401),
        ("/api/kept", {"X-Functions-Key": KEY}, 200),
        (f"/api/kept?code={KEY}", {}, 200),
        ("/api/kept?code=another", {}, 401),
        ("/api/kept?code=%ED%A0%80", {}, 401),
        (f"/api/kept?code={KEY}", {"x-functions-key": "another"}, 401),
        ("/api/master", {"x-functions-key": KEY}, 401),
    ],
)
async def test_a_call_needs_the_key_of_its_functions_level(
    keyed: HostProcess, session: aiohttp.ClientSession, path: str, headers: dict[str, str], status: int
) -> None:
    """The header goes before the query, and the answer of 401 says nothing."""
    async with session.get(keyed.url + path, headers=headers) as response:
        told = await response.text()

    assert (response.status, told) == (status, "GET" if status == 200 else "")


async def test_a_function_without_its_key_is_not_run_and_the_key_is_not_logged(
    keyed: HostProcess, session: aiohttp.ClientSession
) -> None:
    """The host says of every run that it ran."""
    before = keyed.stderr_text().count("Executing 'Functions.kept'")
    async with session.get(f"{keyed.url}/api/kept") as response:
        assert response.status == 401

    assert keyed.stderr_text().count("Executing 'Functions.kept'") == before
    assert KEY not in keyed.stderr_text()
