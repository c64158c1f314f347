"""Both API servers, and the edge on each of them. The real one is started once for all these tests."""

import ssl
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import yaml

from devstack.clock import ManualClock
from devstack.kubernetes import Identity, KubernetesApi, everything
from shared.edges.cluster import KubernetesCluster
from tests.contract.cluster.backends import API_SERVER, DEVSTACK, HISTORY, ApiServer, Backend, Devstack
from tests.contract.cluster.hand import Hand
from tests.edges.clusters import Way
from tests.envtest import build, server
from tests.envtest.server import Server

_DEFINITIONS = sorted((build.MODULE / "crds").glob("*.yaml"))
_ADMIN = "admin-token"


@pytest.hookimpl(tryfirst=True)  # the choice by marker comes after it
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs the real server, and where that is missing leave it out, but for the one test that says so."""
    left_out = [item for item in items if _needs_the_real_server(item)]
    for item in left_out:
        item.add_marker(pytest.mark.real)
    if build.programs() is not None or build.required():
        return
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest_asyncio.fixture(scope="session")
async def real_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """The real API server, with the definitions of the resources that this app knows."""
    programs = build.programs()
    if programs is None:
        if build.required():
            pytest.fail(f"REQUIRE_ENVTEST is set: {build.ABSENT}", pytrace=False)
        pytest.skip(build.SKIPPED)
    async with server.start(programs, tmp_path_factory.mktemp("envtest")) as running:
        async with open_session(running.authority.client_context()) as session:
            hand = Hand(session, running.url, running.admin.token)
            for file in _DEFINITIONS:
                await hand.make(yaml.safe_load(file.read_text(encoding="utf-8")))
            for file in _DEFINITIONS:
                await hand.until_served(yaml.safe_load(file.read_text(encoding="utf-8")))
        yield running


@pytest_asyncio.fixture
async def apiserver(real_server: Server) -> AsyncIterator[ApiServer]:
    """The real server, as this test's own."""
    async with open_session(real_server.authority.client_context()) as session:
        hand = Hand(session, real_server.url, real_server.admin.token)
        yield ApiServer(server=real_server, hand=hand)
        await hand.clean()


@pytest_asyncio.fixture
async def devstack() -> AsyncIterator[Devstack]:
    """The local stack's API."""
    admin = Identity(token=_ADMIN, user="admin", allows=everything)
    clock = ManualClock()
    async with (
        KubernetesApi(name="aks-demo", identities=[admin], clock=clock, history=HISTORY) as api,
        open_session() as session,
    ):
        yield Devstack(api=api, token=_ADMIN, hand=Hand(session, api.url, _ADMIN), clock=clock)


@pytest.fixture(params=[DEVSTACK, API_SERVER])
def backend(request: pytest.FixtureRequest) -> Backend:
    """One of the two, and then the other."""
    found: Backend = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def hand(backend: Backend) -> Hand:
    """The administrator's hand."""
    return backend.hand


@pytest.fixture
async def namespace(hand: Hand) -> str:
    """A namespace that no other test has."""
    return await make_namespace(hand)


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    """The way to a cluster, by kubeconfig; what was opened on it is closed at the end."""
    way = Way(tmp_path / "kubeconfig")
    yield way
    await way.close()


@pytest.fixture
def cluster(backend: Backend, way: Way) -> KubernetesCluster:
    """The edge, as somebody who may do everything."""
    return way.reach(backend.url, token=backend.token, ca_pem=backend.ca_pem)


async def make_namespace(hand: Hand) -> str:
    """Make a namespace and return its name. It stays: on the real server nobody is there who would empty it."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    answer = await hand.call("POST", "/api/v1/namespaces", manifest)
    assert answer.status == 201
    return name


def _needs_the_real_server(item: pytest.Item) -> bool:
    call = getattr(item, "callspec", None)
    chosen = call is not None and call.params.get("backend") == API_SERVER
    return chosen or "apiserver" in getattr(item, "fixturenames", ())


def open_session(tls: ssl.SSLContext | None = None) -> aiohttp.ClientSession:
    """Open a session that trusts one authority, or what the machine trusts."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls if tls is not None else True))
