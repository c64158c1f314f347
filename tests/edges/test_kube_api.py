"""One request to an API server: connection, token, retries, time-outs, and what each failure means.

The API is the devstack's with planned faults; where it has to be somebody else (a wrong certificate, a mute port) it is
a scripted server. Answers that no API server would give are in test_kube_answers.
"""

import asyncio
import ssl

import pytest
from aiohttp import web
from kubernetes.aio.config import ConfigException

from devstack import seed
from devstack.certificates import Authority
from devstack.faults import Fault
from devstack.kubernetes import KubernetesApi
from shared.edges.kube_api import KubeApi, path
from shared.edges.kube_failures import ExpiredError
from shared.errors import ConfigurationError, ConflictError, FanoutError, PermanentError, TransientError
from shared.reason import Reason
from tests.edges.clusters import OUTSIDER, OWNER, Way, kubeconfig, only
from tests.edges.scripted import ScriptedServer, always

SECRET = path("v1", "secrets", namespace=seed.NAMESPACE, name=seed.SECRET)
PATCH = {"metadata": {"resourceVersion": "1"}, "data": {"key": "cGxhbnRlZA=="}}
PLANTED = {"kind": "Status", "message": "planted", "reason": "planted", "details": {"causes": [{"message": "planted"}]}}
AGAIN = [
    (429, Reason.CLUSTER_THROTTLED),
    (500, Reason.CLUSTER_UNREACHABLE),
    (502, Reason.CLUSTER_UNREACHABLE),
    (503, Reason.CLUSTER_UNREACHABLE),
    (504, Reason.CLUSTER_UNREACHABLE),
]
Meaning = tuple[type[FanoutError], Reason]
AT_ONCE: list[tuple[int, Meaning]] = [
    (400, (PermanentError, Reason.CLUSTER_REFUSED)),
    (403, (ConfigurationError, Reason.CLUSTER_FORBIDDEN)),
    (405, (PermanentError, Reason.CLUSTER_REFUSED)),
    (409, (ConflictError, Reason.SECRET_CONFLICT)),
    (410, (ExpiredError, Reason.CLUSTER_UNREACHABLE)),
    (413, (PermanentError, Reason.CLUSTER_REFUSED)),
    (415, (PermanentError, Reason.CLUSTER_REFUSED)),
    (418, (PermanentError, Reason.CLUSTER_REFUSED)),
    (422, (PermanentError, Reason.CLUSTER_REFUSED)),
    (499, (PermanentError, Reason.CLUSTER_REFUSED)),
    (501, (TransientError, Reason.CLUSTER_UNREACHABLE)),
    (507, (TransientError, Reason.CLUSTER_UNREACHABLE)),
    (599, (TransientError, Reason.CLUSTER_UNREACHABLE)),
]


@pytest.fixture
def kube(api: KubernetesApi, way: Way) -> KubeApi:
    """The calls to the devstack's API, which holds the post's Secret."""
    api.apply(seed.synced_secret("old"))
    return way.open(api.url)


async def failure_of(kube: KubeApi, method: str = "GET") -> FanoutError:
    """Return the error that a call to the Secret ends with."""
    with pytest.raises(FanoutError) as caught:
        await (kube.get(SECRET) if method == "GET" else kube.merge_patch(SECRET, PATCH))
    assert "planted" not in str(caught.value)
    return caught.value


async def test_an_object_is_read_as_json_and_an_absent_one_is_none(api: KubernetesApi, kube: KubeApi) -> None:
    """404 is an answer here, not an error."""
    assert await kube.get(SECRET) == api.get("secrets", seed.NAMESPACE, seed.SECRET)
    assert await kube.get(path("v1", "secrets", namespace=seed.NAMESPACE, name="absent")) is None
    assert await kube.get(path("nowhere.example/v1", "things")) is None


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize(("status", "meaning"), AT_ONCE)
async def test_a_refusal_is_final_and_says_nothing_of_its_body(
    api: KubernetesApi, kube: KubeApi, method: str, status: int, meaning: Meaning
) -> None:
    """An admission webhook, or a 422 about a Secret, may quote what it refused."""
    api.faults.plan(only("secrets"), Fault(status=status, body=PLANTED), times=None)

    error = await failure_of(kube, method)

    assert (type(error), error.reason) == meaning
    assert str(error).startswith(f"aks-demo: {method} {SECRET}: {status}")
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("method", "status", "reason"), [*[("GET", *again) for again in AGAIN], ("PATCH", 429, Reason.CLUSTER_THROTTLED)]
)
async def test_a_fault_that_does_not_pass_is_given_up_after_three_attempts(
    api: KubernetesApi, kube: KubeApi, method: str, status: int, reason: Reason
) -> None:
    """The event comes back later; nothing in between loops."""
    api.faults.plan(only("secrets"), Fault(status=status, body=PLANTED), times=None)

    error = await failure_of(kube, method)

    assert (type(error), error.reason) == (TransientError, reason)
    assert len(api.requests) == 3


@pytest.mark.parametrize("fault", [Fault(status=429), Fault(status=500), Fault(drop=True)])
async def test_a_passing_fault_is_healed_by_the_retry(api: KubernetesApi, kube: KubeApi, fault: Fault) -> None:
    """The caller sees nothing of it."""
    api.faults.plan(only("secrets"), fault, times=2)

    assert await kube.get(SECRET) == api.get("secrets", seed.NAMESPACE, seed.SECRET)


async def test_a_short_retry_after_is_waited_for(api: KubernetesApi, kube: KubeApi) -> None:
    """One second is within the patience of one call."""
    api.faults.plan(only("secrets"), Fault(status=429, headers={"Retry-After": "1"}))

    assert await kube.get(SECRET) is not None
    assert len(api.requests) == 2


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize(("status", "reason"), [(429, Reason.CLUSTER_THROTTLED), (503, Reason.CLUSTER_UNREACHABLE)])
async def test_a_long_retry_after_is_passed_on_at_once(
    api: KubernetesApi, kube: KubeApi, method: str, status: int, reason: Reason
) -> None:
    """The job that tries again later can wait that long; this call cannot."""
    api.faults.plan(only("secrets"), Fault(status=status, headers={"retry-after": "30"}), times=None)

    error = await failure_of(kube, method)

    assert isinstance(error, TransientError)
    assert (error.reason, error.retry_after) == (reason, 30.0)
    assert len(api.requests) == 1


@pytest.mark.parametrize("wish", ["planted", "-1", "1.5", "nan", "9999999", "Wed, 21 Oct 2999 07:28:00 GMT"])
async def test_a_retry_after_that_is_no_sensible_number_is_passed_over(
    api: KubernetesApi, kube: KubeApi, wish: str
) -> None:
    """The API server sends whole seconds."""
    api.faults.plan(only("secrets"), Fault(status=429, headers={"Retry-After": wish}))

    assert await kube.get(SECRET) is not None


async def test_connections_that_are_always_cut_are_a_passing_fault(api: KubernetesApi, kube: KubeApi) -> None:
    """Three attempts each; aiohttp repeats a read by itself, never a write."""
    api.faults.plan(only("secrets"), Fault(drop=True), times=None)

    errors = [await failure_of(kube, method) for method in ("GET", "PATCH")]

    assert [(type(error), error.reason) for error in errors] == [(TransientError, Reason.CLUSTER_UNREACHABLE)] * 2
    assert sum(seen.verb == "patch" for seen in api.requests) == 3


async def test_an_api_server_that_is_not_there_is_a_passing_fault(api: KubernetesApi, kube: KubeApi) -> None:
    """And one that comes back is used again."""
    await api.stop()
    error = await failure_of(kube)
    await api.start()

    assert (type(error), error.reason) == (TransientError, Reason.CLUSTER_UNREACHABLE)
    assert await kube.get(SECRET) is not None


async def test_silence_is_a_passing_fault(api: KubernetesApi, kube: KubeApi, way: Way) -> None:
    """A port that accepts and says nothing is left after two seconds, a request without an answer after six.

    Both at once, because they are waited for.
    """

    async def keep_quiet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)
        writer.close()

    mute = await asyncio.start_server(keep_quiet, "127.0.0.1", 0)
    port = mute.sockets[0].getsockname()[1]
    api.faults.plan(only("secrets"), Fault(delay=30))

    elsewhere = Way(way.path.with_name("mute"))
    stored, error = await asyncio.gather(kube.get(SECRET), failure_of(elsewhere.open(f"https://127.0.0.1:{port}")))
    await elsewhere.close()
    mute.close()

    assert (type(error), error.reason) == (TransientError, Reason.CLUSTER_UNREACHABLE)
    assert stored is not None
    assert len(api.requests) == 2


async def test_a_call_that_is_cancelled_leaves_the_connection_usable(api: KubernetesApi, kube: KubeApi) -> None:
    """Every cluster has its own limit, which cuts calls off."""
    api.faults.plan(only("secrets"), Fault(delay=30))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await kube.get(SECRET)

    assert await kube.get(SECRET) is not None


async def test_no_more_requests_are_under_way_than_allowed(api: KubernetesApi, way: Way) -> None:
    """A burst of events must not look like an attack to the API server."""
    api.apply(seed.synced_secret("old"))
    kube = way.open(api.url, concurrency=3)
    api.faults.plan(only("secrets"), Fault(delay=2), times=3)
    calls = [asyncio.create_task(kube.get(SECRET)) for _ in range(10)]
    while len(api.requests) < 3:  # noqa: ASYNC110 - the API tells nobody of a request
        await asyncio.sleep(0.01)
    under_way = len(api.requests)

    answers = await asyncio.gather(*calls)

    assert under_way == 3
    assert len(answers) == len(api.requests) == 10


async def test_many_first_calls_connect_once(api: KubernetesApi, kube: KubeApi, way: Way) -> None:
    """The first event asks for everything at the same time."""
    await asyncio.gather(*[kube.get(SECRET) for _ in range(10)])

    assert way.connected == 1
    assert len(api.requests) == 10


async def test_connections_are_kept(way: Way) -> None:
    """One call after another, one connection."""
    async with ScriptedServer(always(b"{}")) as server:
        kube = way.open(server.url)
        for _ in range(20):
            await kube.get(SECRET)

    assert len(server.requests) == 20
    assert server.connections == 1


async def test_a_token_that_is_no_longer_good_is_fetched_anew(api: KubernetesApi, way: Way) -> None:
    """401 makes it connect again, once, with what the kubeconfig says now."""
    api.apply(seed.synced_secret("old"))
    kube = way.open(api.url, token="run out")
    expected = asyncio.create_task(kube.get(SECRET))
    while not api.requests:  # noqa: ASYNC110 - the API tells nobody of a request
        await asyncio.sleep(0.005)
    way.write(kubeconfig(api.url, token=OWNER.token))

    assert await expected == api.get("secrets", seed.NAMESPACE, seed.SECRET)
    assert way.connected == 2
    assert [seen.user for seen in api.requests] == ["", OWNER.user]


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_a_token_that_stays_wrong_is_a_configuration_fault(api: KubernetesApi, way: Way, method: str) -> None:
    """After one more try with a new connection."""
    error = await failure_of(way.open(api.url, token="planted"), method)

    assert (type(error), error.reason) == (ConfigurationError, Reason.CLUSTER_UNAUTHENTICATED)
    assert (way.connected, len(api.requests)) == (2, 2)


async def test_a_token_that_ran_out_under_many_calls_is_fetched_once(api: KubernetesApi, way: Way) -> None:
    """All of them are refused, the first one reconnects, the others use that."""
    api.apply(seed.synced_secret("old"))
    kube = way.open(api.url)
    await kube.get(SECRET)
    api.faults.plan(only("secrets"), Fault(status=401), times=8)

    answers = await asyncio.gather(*[kube.get(SECRET) for _ in range(8)])

    assert all(answers)
    assert way.connected == 2


async def test_a_right_that_is_missing_is_a_configuration_fault(api: KubernetesApi, way: Way) -> None:
    """A new connection would not help."""
    error = await failure_of(way.open(api.url, token=OUTSIDER.token))

    assert (type(error), error.reason) == (ConfigurationError, Reason.CLUSTER_FORBIDDEN)
    assert way.connected == 1


async def test_a_certificate_that_is_not_trusted_is_a_configuration_fault(way: Way, stray_tls: ssl.SSLContext) -> None:
    """No request is made, with or without a token; the kubeconfig is read again, in case the CA was changed."""
    async with ScriptedServer(always(b"{}"), tls=stray_tls) as impostor:
        error = await failure_of(way.open(impostor.url))

    assert (type(error), error.reason) == (ConfigurationError, Reason.CLUSTER_UNAUTHENTICATED)
    assert impostor.requests == []
    assert way.connected == 2


async def test_a_ca_that_was_replaced_is_taken_up(way: Way) -> None:
    """The certificate rotation of a cluster changes it."""
    old, new = Authority.create(), Authority.create()
    async with ScriptedServer(always(b"{}"), tls=new.server_context()) as server:
        kube = way.open(server.url, ca_pem=old.ca_pem)
        with pytest.raises(ConfigurationError):
            await kube.get(SECRET)
        way.write(kubeconfig(server.url, ca_pem=new.ca_pem))

        assert await kube.get(SECRET) == {}


async def test_a_certificate_for_another_host_is_a_configuration_fault(way: Way) -> None:
    """The chain is good, the name is not."""
    authority = Authority.create()
    async with ScriptedServer(always(b"{}"), tls=authority.server_context(["elsewhere.example"])) as server:
        error = await failure_of(way.open(server.url, ca_pem=authority.ca_pem))

    assert (type(error), error.reason) == (ConfigurationError, Reason.CLUSTER_UNAUTHENTICATED)
    assert server.requests == []


async def test_a_way_that_does_not_open_fails_the_call_and_is_tried_again_by_the_next(
    api: KubernetesApi, kube: KubeApi, way: Way
) -> None:
    """The kubeconfig may be mounted late."""
    way.path.unlink()
    error = await failure_of(kube)
    way.write(kubeconfig(api.url))

    assert (type(error), error.reason) == (ConfigurationError, Reason.CLUSTER_UNAUTHENTICATED)
    assert await kube.get(SECRET) is not None


async def test_a_pods_token_that_cannot_be_read_again_is_a_configuration_fault(
    api: KubernetesApi, kube: KubeApi, way: Way
) -> None:
    """The client reads it every minute, before a request."""

    def find_nothing(_: object) -> None:
        raise ConfigException("planted")

    way.refresh = find_nothing

    error = await failure_of(kube)

    assert (type(error), error.reason) == (ConfigurationError, Reason.CLUSTER_UNAUTHENTICATED)
    assert api.requests == ()


async def test_nothing_stays_open_after_close(way: Way) -> None:
    """Neither the connections in use nor those that were retired for a refused token."""
    statuses = iter([200, 401, 200, 401, 200])

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({}, status=next(statuses))

    async with ScriptedServer(answer) as server:
        kube = way.open(server.url)
        for _ in range(3):
            await kube.get(SECRET)
        opened = server.open_connections

        await kube.close()
        await server.wait_until_left()

        assert opened > 0
        assert server.open_connections == 0


async def test_a_patch_is_a_guarded_merge_patch_and_nothing_more(way: Way) -> None:
    """What goes over the wire, to the byte that matters."""
    async with ScriptedServer(always(b'{"metadata": {"resourceVersion": "2"}}')) as server:
        patched = await way.open(server.url).merge_patch(SECRET, PATCH)

    (seen,) = server.requests
    assert patched == {"metadata": {"resourceVersion": "2"}}
    assert (seen.method, seen.path) == ("PATCH", SECRET)
    assert seen.headers["Content-Type"] == "application/merge-patch+json"
    assert seen.headers["Accept"] == "application/json"
    assert seen.headers["Authorization"] == f"Bearer {OWNER.token}"
    assert seen.headers["User-Agent"].startswith("keyvault-fanout/")
    assert seen.body == b'{"metadata": {"resourceVersion": "1"}, "data": {"key": "cGxhbnRlZA=="}}'
