"""function_app.py as the host sees it: indexed and invoked through Microsoft's worker library where there is one."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from devstack import stack
from devstack.host import HostFailedError, start_process

SAMPLE = json.loads((stack.APP / "local.settings.sample.json").read_text(encoding="utf-8"))["Values"]

_PRINT_TRIGGERS = """
import json, function_app
for function in function_app.app.get_functions():
    print(json.dumps([function.get_function_name(), *map(json.loads, function.get_raw_bindings())]))
"""


@pytest.fixture
def nobody() -> Iterator[str]:
    """A connection string to a Service Bus that refuses connections: its port is taken, and nobody listens there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield (
            f"Endpoint=sb://127.0.0.1:{taken.getsockname()[1]};SharedAccessKeyName=none;SharedAccessKey=none;"
            "UseDevelopmentEmulator=true;"
        )


@pytest.fixture
def environment(nobody: str) -> dict[str, str]:
    """The sample's settings, as the host gives them to the worker.

    The sample reaches Service Bus by identity, and the devstack's host listens by connection string only: it gets one.
    """
    given = {name: value for name, value in SAMPLE.items() if value}
    del given["ServiceBusConnection__fullyQualifiedNamespace"]
    return stack.inherited() | given | {"ServiceBusConnection": nobody}


async def test_the_app_loads_with_the_sample_and_has_exactly_three_functions(environment: dict[str, str]) -> None:
    async with start_process(stack.APP, environment) as host:
        assert host.functions == ("on_key_vault_event", "on_job", "sweep")


async def test_what_wakes_each_function_is_named_by_the_settings(
    environment: dict[str, str],
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PRINT_TRIGGERS, cwd=stack.APP, env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    found = {name: bindings for name, *bindings in map(json.loads, out.decode().splitlines())}
    (event,), (job,), (sweep,) = found["on_key_vault_event"], found["on_job"], found["sweep"]

    assert event["type"] == "eventGridTrigger"
    assert (sweep["type"], sweep["schedule"]) == ("timerTrigger", "%SWEEP_SCHEDULE%")
    assert (job["type"], job["queueName"], job["connection"]) == (
        "serviceBusTrigger",
        "%JOB_QUEUE%",
        "ServiceBusConnection",
    )


async def test_the_engine_is_microsofts_library_where_the_python_allows_it(environment: dict[str, str]) -> None:
    async with start_process(stack.APP, environment) as host:
        if sys.version_info >= (3, 13):
            assert host.engine.startswith("azure-functions-runtime ")
        else:
            assert host.engine == "direct call"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"KEY_VAULTS": ""}, "KEY_VAULTS is missing"),
        ({"CLUSTERS": "[{name: a, kubeconfg: x}]"}, "CLUSTERS, a: expected exactly one of"),
        ({"ServiceBusConnection": ""}, "ServiceBusConnection: expected either"),
        ({"JOB_QUEUE": ""}, "JOB_QUEUE is missing"),
        ({"SWEEP_SCHEDULE": ""}, "SWEEP_SCHEDULE is missing"),
        ({"EVENT_DEADLINE_SECONDS": "300"}, "EVENT_DEADLINE_SECONDS is wrong; expected seconds from"),
    ],
    ids=["missing vaults", "wrong cluster", "no bus", "no queue", "no schedule", "deadline beyond Event Grid's"],
)
async def test_a_wrong_setting_stops_the_app_with_its_name(
    environment: dict[str, str], change: dict[str, str], named: str
) -> None:
    with pytest.raises(HostFailedError, match=named):
        async with start_process(stack.APP, environment | change):
            pytest.fail("the app was loaded")


@pytest_asyncio.fixture
async def doorman() -> AsyncIterator[tuple[int, list[object]]]:
    """A port, and a list that grows with every connection to it."""
    came: list[object] = []

    def receive(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer.get_extra_info("peername"))
        writer.close()

    async with await asyncio.start_server(receive, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], came


async def test_loading_the_app_contacts_nobody(environment: dict[str, str], doorman: tuple[int, list[object]]) -> None:
    port, came = doorman
    neighbours = {
        "KEY_VAULTS": f"kv-example=https://127.0.0.1:{port}",
        "CLUSTERS": json.dumps([{"name": "aks-example", "server": f"https://127.0.0.1:{port}"}]),
        "IDENTITY_ENDPOINT": f"http://127.0.0.1:{port}/msi/token",
        "IDENTITY_HEADER": "x",
        "SWEEP_SCHEDULE": "0 0 0 1 1 *",
    }

    async with start_process(stack.APP, environment | neighbours):
        pass

    assert came == []


def test_only_the_trigger_module_knows_the_host() -> None:
    text = (stack.APP / "function_app.py").read_text(encoding="utf-8")
    elsewhere = [
        path for path in Path(stack.APP / "shared").rglob("*.py") if "azure.functions" in path.read_text("utf-8")
    ]

    assert "import azure.functions" in text
    assert elsewhere == []
