"""function_app.py as the host sees it: indexed and invoked through Microsoft's worker library where there is one."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from devstack import stack
from devstack.host import HostFailedError, start_process

SAMPLE = json.loads((stack.APP / "local.settings.sample.json").read_text(encoding="utf-8"))["Values"]


@pytest_asyncio.fixture
async def environment() -> AsyncIterator[dict[str, str]]:
    """The sample's settings, as the host gives them to the worker."""
    yield stack.inherited() | {name: value for name, value in SAMPLE.items() if value}


async def test_the_app_loads_with_the_sample_and_has_exactly_this_trigger(environment: dict[str, str]) -> None:
    async with start_process(stack.APP, environment) as host:
        assert host.functions == ("on_key_vault_event",)


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
        ({"ServiceBusConnection__fullyQualifiedNamespace": ""}, "ServiceBusConnection: expected either"),
        ({"EVENT_DEADLINE_SECONDS": "300"}, "EVENT_DEADLINE_SECONDS is wrong; expected seconds from"),
    ],
    ids=["missing vaults", "wrong cluster", "no topic", "deadline beyond Event Grid's"],
)
async def test_a_wrong_setting_stops_the_app_with_its_name(
    environment: dict[str, str], change: dict[str, str], named: str
) -> None:
    with pytest.raises(HostFailedError, match=named):
        async with start_process(stack.APP, environment | change):
            pytest.fail("the app was loaded")


async def test_loading_the_app_contacts_nobody(environment: dict[str, str]) -> None:
    """Vaults and topics of the sample do not exist: an attempt to reach one would be in the log, or take its time."""
    async with start_process(stack.APP, environment) as host:
        assert "Error" not in host.stderr_text()


def test_only_the_trigger_module_knows_the_host() -> None:
    text = (stack.APP / "function_app.py").read_text(encoding="utf-8")
    elsewhere = [
        path for path in Path(stack.APP / "shared").rglob("*.py") if "azure.functions" in path.read_text("utf-8")
    ]

    assert "import azure.functions" in text
    assert elsewhere == []
