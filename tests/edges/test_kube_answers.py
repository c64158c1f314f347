"""The cluster's edge against answers that no API server would give: garbage, lists that are none, redirects.

What comes out is an error of ours without a word of the answer in it, and never an empty list: an event would end with
nothing done and nobody told.
"""

import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime

import pytest
from aiohttp import web

from shared.delegate import Delegate, Resource
from shared.edges.cluster import KubernetesCluster
from shared.edges.kube_failures import ExpiredError
from shared.errors import ConfigurationError, FanoutError, PermanentError, TransientError
from shared.model import SecretValue
from shared.observed import Driver, KubernetesSecret, Owner
from shared.reason import Reason
from shared.rollout import Kind
from shared.workload import Workload
from tests.edges.clusters import Way
from tests.edges.scripted import ScriptedServer, always

Call = Callable[[KubernetesCluster], Awaitable[object]]
READ = KubernetesSecret(
    namespace="shop", name="db", resource_version="1", type="Opaque", managed=True, immutable=False, data={}
)
ASKED = Delegate(
    owner=Owner.EXTERNAL_SECRETS,
    resource=Resource(group_version="external-secrets.io/v1", plural="externalsecrets", namespace="shop", name="db"),
    secret_name="db",
)
WORKLOAD = Workload(kind=Kind.DEPLOYMENT, namespace="shop", name="web", resource_version="1", restarted={})
CALLS: dict[str, Call] = {
    "classes": lambda cluster: cluster.classes(),
    "owned": lambda cluster: cluster.owned(),
    "external": lambda cluster: cluster.external(),
    "syncs": lambda cluster: cluster.syncs(),
    "driver": lambda cluster: cluster.driver(),
    "pod_statuses": lambda cluster: cluster.pod_statuses("shop"),
    "secret": lambda cluster: cluster.secret("shop", "db"),
    "secret_version": lambda cluster: cluster.secret_version("shop", "db"),
    "secret_state": lambda cluster: cluster.secret_state("shop", "db"),
    "write": lambda cluster: cluster.write(READ, {"key": SecretValue(b"planted")}, {}),
    "complain": lambda cluster: cluster.complain(READ, "its declaration is wrong"),
    "ask": lambda cluster: cluster.ask(ASKED, "state"),
    "progress": lambda cluster: cluster.progress(ASKED, datetime.now(UTC)),
    "pods": lambda cluster: cluster.pods("shop"),
    "wake": lambda cluster: cluster.wake("shop", "pod", "state"),
    "restart": lambda cluster: cluster.restart(WORKLOAD, {"metadata": {"resourceVersion": "1"}}),
    "hold_restarts": lambda cluster: cluster.hold_restarts("holder"),
    "release_restarts": lambda cluster: cluster.release_restarts("holder"),
}
"""Each begins with one request. `workloads` begins with four at once."""
LISTS = ("classes", "owned", "external", "syncs", "pod_statuses", "pods")
NO_JSON = {
    "nothing": b"",
    "text": b"planted",
    "markup": b"<html>planted</html>",
    "a list": b'["planted"]',
    "a string": b'"planted"',
    "null": b"null",
    "cut short": b'{"data": {"key": "planted',
    "no text at all": b"\xff\xfeplanted",
    "nested too deep": b"[" * 100_000,
    "a number too long": b"1" * 5_000,
}
NO_LIST = {
    "no items": b"{}",
    "items of another type": b'{"items": "planted", "metadata": {}}',
    "entries of another type": b'{"items": ["planted"], "metadata": {}}',
    "no metadata": b'{"items": []}',
    "metadata of another type": b'{"items": [], "metadata": "planted"}',
}


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever is logged, by the SDKs too, holds nothing of an answer."""
    caplog.set_level(logging.DEBUG)
    yield
    assert "planted" not in caplog.text


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """What stands where the API server is configured."""
    async with ScriptedServer(always(b"")) as served:
        yield served


@pytest.fixture
def cluster(server: ScriptedServer, way: Way) -> KubernetesCluster:
    """The edge, pointed at that server."""
    return way.reach(server.url)


async def failure_of(call: Awaitable[object]) -> FanoutError:
    """Return the error that a call ends with, after a look for planted text in all of it."""
    with pytest.raises(FanoutError) as caught:
        await call
    assert "planted" not in "".join(traceback.format_exception(caught.value, chain=True))
    return caught.value


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON.keys())
async def test_an_answer_that_is_no_object_is_a_passing_fault(
    server: ScriptedServer, cluster: KubernetesCluster, call: Call, body: bytes
) -> None:
    """A proxy's page, or half an answer, may be gone the next time."""
    server.answer = always(body)

    error = await failure_of(call(cluster))

    assert (type(error), error.reason) == (TransientError, Reason.CLUSTER_UNREACHABLE)
    assert len(server.requests) == 1


@pytest.mark.parametrize("call", LISTS)
@pytest.mark.parametrize("body", NO_LIST.values(), ids=NO_LIST.keys())
async def test_an_answer_that_is_no_list_is_a_passing_fault(
    server: ScriptedServer, cluster: KubernetesCluster, call: str, body: bytes
) -> None:
    """It is not taken for an empty one."""
    server.answer = always(body)

    error = await failure_of(CALLS[call](cluster))

    assert (type(error), error.reason) == (TransientError, Reason.CLUSTER_UNREACHABLE)


@pytest.mark.parametrize("body", [b'{"items": [], "metadata": {}}', b'{"items": null, "metadata": {"continue": ""}}'])
async def test_an_empty_list_is_empty(server: ScriptedServer, cluster: KubernetesCluster, body: bytes) -> None:
    """Go writes one without entries as null, too."""
    server.answer = always(body)

    assert [await CALLS[call](cluster) for call in LISTS] == [[] if call != "external" else ([], []) for call in LISTS]


@pytest.mark.parametrize("body", [*NO_JSON.values(), *NO_LIST.values()], ids=[*NO_JSON, *NO_LIST])
async def test_workloads_that_cannot_be_listed_are_a_passing_fault(
    server: ScriptedServer, cluster: KubernetesCluster, body: bytes
) -> None:
    """They are not taken for none: there would be room for restarts that there is not."""
    server.answer = always(body)

    error = await failure_of(cluster.workloads())

    assert (type(error), error.reason) == (TransientError, Reason.CLUSTER_UNREACHABLE)


async def test_a_list_that_breaks_off_after_a_page_is_not_taken_for_the_whole(
    server: ScriptedServer, cluster: KubernetesCluster
) -> None:
    """The token of the next page has expired (410), or the next page is garbage."""
    bodies = iter([(200, '{"items": [], "metadata": {"continue": "a b&c"}}'), (410, "planted")])

    async def pages(_: web.Request) -> web.StreamResponse:
        status, text = next(bodies)
        return web.Response(text=text, status=status)

    server.answer = pages

    error = await failure_of(cluster.classes())

    assert (type(error), error.reason) == (ExpiredError, Reason.CLUSTER_UNREACHABLE)
    assert [seen.path.partition("?")[2] for seen in server.requests] == ["limit=200", "limit=200&continue=a%20b%26c"]


@pytest.mark.parametrize("body", [b"{}", b'{"metadata": "planted"}', b'{"metadata": {"resourceVersion": ""}}'])
@pytest.mark.parametrize("call", ["secret", "secret_version", "secret_state", "write"])
async def test_a_secret_without_a_resource_version_is_no_secret(
    server: ScriptedServer, cluster: KubernetesCluster, call: str, body: bytes
) -> None:
    """An empty one would turn the guarded write into one that overwrites whatever is there."""
    server.answer = always(body)

    error = await failure_of(CALLS[call](cluster))

    assert (type(error), error.reason) == (TransientError, Reason.CLUSTER_UNREACHABLE)


@pytest.mark.parametrize(
    "data",
    [
        '{"key": "%%%planted"}',
        '{"key": "%cGxhbnRlZA=="}',
        '{"key": 5}',
        '{"key": null}',
        '{"key": "é"}',
        '{"key": "Y"}',
    ],
)
async def test_data_that_is_no_base64_is_refused_for_good(
    server: ScriptedServer, cluster: KubernetesCluster, data: str
) -> None:
    """Without its text."""
    server.answer = always(f'{{"metadata": {{"resourceVersion": "1"}}, "data": {data}}}'.encode())

    error = await failure_of(CALLS["secret"](cluster))

    assert (type(error), error.reason) == (PermanentError, Reason.CLUSTER_REFUSED)
    assert str(error) == "aks-demo/shop/db: its data is not base64"


async def test_a_driver_of_another_shape_is_unknown(server: ScriptedServer, cluster: KubernetesCluster) -> None:
    """Nothing is concluded from what is not there."""
    odd = '{"spec": "planted", "metadata": ["planted"]}'

    async def answer(request: web.Request) -> web.StreamResponse:
        listed = request.path.endswith("/daemonsets")
        return web.Response(text=f'{{"metadata": {{}}, "items": [{odd}]}}' if listed else odd)

    server.answer = answer

    assert await cluster.driver() is Driver.UNKNOWN


async def test_entries_of_a_status_that_are_none_are_passed_over(
    server: ScriptedServer, cluster: KubernetesCluster
) -> None:
    """The others count."""
    server.answer = always(
        b'{"metadata": {}, "items": [{"status": "x"}, {"status": {"secretProviderClassName": "c", "objects": '
        b'["x", {"id": "secret/db", "version": "v"}]}}]}'
    )

    statuses = await cluster.pod_statuses("shop")

    assert [(status.class_name, status.versions) for status in statuses] == [("", {}), ("c", {"secret/db": "v"})]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(
    server: ScriptedServer, cluster: KubernetesCluster, call: Call, status: int
) -> None:
    """Aiohttp would take the values of a write to whatever host is named, over plain http as well."""
    async with ScriptedServer(always(b'{"metadata": {"resourceVersion": "7"}}')) as stranger:
        server.answer = always(b"", status=status, headers={"Location": stranger.url + "/api"})

        error = await failure_of(call(cluster))

    assert (type(error), error.reason) == (ConfigurationError, Reason.CLUSTER_REFUSED)
    assert len(server.requests) == 1
    assert stranger.requests == []
