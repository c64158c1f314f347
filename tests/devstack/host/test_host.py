"""The host around the functions: HTTP triggers, the admin endpoint, timers, starting, refusing, ending."""

import asyncio
import signal
import sys

import aiohttp
import pytest

from devstack.host import HostFailedError, HostProcess, start_process

from .conftest import APPS, needs_worker, wait_for

IN_PROCESS = """
import asyncio, pathlib, sys
import aiohttp
from devstack.host import FunctionsHost

async def main(app):
    async with FunctionsHost(pathlib.Path(app), settings={"Sweep": "0 0 0 1 1 *"}) as host:
        async with aiohttp.ClientSession() as session, session.get(host.url + "/api/items/special") as response:
            print(host.functions, response.status, await response.text())

asyncio.run(main(*sys.argv[1:]))
"""


async def test_the_ready_line_names_url_functions_and_engine(host: HostProcess) -> None:
    """Below 3.13 the engine says aloud that the worker library is not there."""
    assert host.url.startswith("http://127.0.0.1:")
    assert host.functions == ("on_event", "on_text", "items", "special", "sweep")
    if host.engine == "direct call":
        await wait_for(host, "functions are called directly, without the worker library")
    else:
        assert host.engine == "azure-functions-runtime 1.3.0"


async def test_an_http_function_sees_the_request_and_its_answer_goes_out(
    host: HostProcess, session: aiohttp.ClientSession
) -> None:
    """Route, query, body, header, setting; status, header, media type."""
    url = f"{host.url}/api/items/7?a=1&a=2"
    async with session.post(url, data=b"given", headers={"x-given": "yes"}) as response:
        answer = await response.json()

    assert (response.status, response.headers["x-made"], response.content_type) == (201, "yes", "application/json")
    assert answer == {
        "method": "POST",
        "id": "7",
        "query": {"a": "1,2"},
        "body": "given",
        "header": "yes",
        "setting": "hello",
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/api/items/special", 200, "special GET"),
        ("GET", "/api/items/seven", 201, None),
        ("DELETE", "/api/items/7", 405, None),
        ("GET", "/api/items", 404, None),
        ("GET", "/items/7", 404, None),
        ("GET", "/", 404, None),
        ("GET", "/api/items/7?fail=1", 500, None),
    ],
)
async def test_a_route_is_found_or_not(  # noqa: PLR0917 one row of the table above
    host: HostProcess, session: aiohttp.ClientSession, method: str, path: str, status: int, text: str | None
) -> None:
    """A literal segment wins over a parameter; a wrong method is said to be one."""
    async with session.request(method, host.url + path) as response:
        told = await response.text()

    assert response.status == status
    assert text is None or told == text


async def test_an_exception_of_an_http_function_is_in_the_answer_and_in_the_log(
    host: HostProcess, session: aiohttp.ClientSession
) -> None:
    """500 with its type and text."""
    async with session.get(f"{host.url}/api/items/7?fail=1") as response:
        assert "Exception: ValueError: no such item" in await response.text()
    await wait_for(host, 'raise ValueError("no such item")')


@pytest.mark.parametrize(("name", "status"), [("sweep", 202), ("items", 404), ("nobody", 404)])
async def test_a_timer_is_started_by_hand(
    host: HostProcess, session: aiohttp.ClientSession, name: str, status: int
) -> None:
    """The answer comes after it has run; what is no timer has its own way in."""
    async with session.post(f"{host.url}/admin/functions/{name}", data="{}") as response:
        assert response.status == status


@pytest.mark.parametrize("options", [pytest.param([], marks=needs_worker), ["--direct"]])
async def test_a_timer_runs_on_its_schedule(options: list[str]) -> None:
    """Every second, from a setting."""
    async with start_process(APPS / "sample", {"Sweep": "* * * * * *"}, options=options) as host:
        await wait_for(host, "sweep past_due=False")


@pytest.mark.parametrize("options", [pytest.param([], marks=needs_worker), ["--direct"]])
@pytest.mark.parametrize(
    ("app", "environment", "reason"),
    [
        ("misconfigured", {}, "LookupError: the setting VAULTS is missing"),
        ("misconfigured", {"VAULTS": "x"}, "function sweep: its schedule needs the setting Sweep, which is not set"),
        ("misconfigured", {"VAULTS": "x", "Sweep": "hourly"}, "function sweep: a schedule has six fields"),
        ("unhostable", {}, "function out: the devstack's host has no queue binding"),
        ("queued", {"Jobs": "jobs"}, "its connection needs the setting Bus, which is not set"),
        ("", {}, "there is no function_app.py"),
    ],
)
async def test_an_app_that_cannot_be_hosted_ends_with_the_reason(
    options: list[str], app: str, environment: dict[str, str], reason: str
) -> None:
    """Exit code 1, and what to mend."""
    with pytest.raises(HostFailedError) as failed:
        async with start_process(APPS / app, environment, options=options):
            pass

    assert "exit code 1" in str(failed.value)
    assert "cannot host .: " in str(failed.value)
    assert reason in str(failed.value)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_host_cleanly(number: signal.Signals) -> None:
    """Exit code 0, and no traceback."""
    async with start_process(APPS / "sample", {"Sweep": "0 0 0 1 1 *"}) as host:
        host.process.send_signal(number)
        assert await host.process.wait() == 0

    assert "Traceback" not in host.stderr_text()


async def test_two_hosts_run_at_once(host: HostProcess, session: aiohttp.ClientSession) -> None:
    """Each on a port of its own."""
    async with start_process(APPS / "sample", {"Sweep": "0 0 0 1 1 *"}) as other:
        assert other.url != host.url
        async with session.get(f"{other.url}/api/items/special") as response:
            assert response.status == 200


async def test_the_host_serves_in_process_too() -> None:
    """In a process of its own here, because the tests' own may host another app."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        IN_PROCESS,
        str(APPS / "sample"),
        env={"PYTHONPATH": str(APPS.parents[3])},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()

    assert b"200 special GET" in out
