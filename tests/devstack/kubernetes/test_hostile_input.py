"""Bodies, headers and queries that no honest client sends: a Status each time, and the server lives on."""

import gzip
import io
import json
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from devstack.kubernetes import ApiError, KubernetesApi
from devstack.kubernetes.registry import Registry, Write
from devstack.kubernetes.resources import RESOURCES, Address
from devstack.kubernetes.store import Store
from devstack.kubernetes.transport import MAX_BODY
from tests.devstack.kubernetes.conftest import secret
from tests.generated import generated

SECRETS = "/api/v1/namespaces/shop/secrets"
HEADERS = {"Authorization": "Bearer admin-token"}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)
METADATA = st.dictionaries(
    st.sampled_from(
        ["name", "generateName", "namespace", "labels", "annotations", "uid", "finalizers", "resourceVersion"]
    ),
    JSON_VALUES | st.just("db"),
    max_size=4,
)
MANIFESTS = st.dictionaries(
    st.sampled_from(["kind", "apiVersion", "data", "stringData", "type", "immutable", "spec", "status"]),
    JSON_VALUES,
    max_size=4,
).flatmap(lambda rest: st.builds(lambda metadata: rest | {"metadata": metadata}, METADATA | JSON_VALUES))


async def send(api: KubernetesApi, body: bytes, *, method: str = "POST", path: str = SECRETS, **headers: str) -> Any:
    """Send raw bytes; return the Status, whose code agrees with HTTP's."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, api.url + path, data=io.BytesIO(body), headers=HEADERS | names) as response,
    ):
        status = await response.json()
        assert (status["kind"], status["status"], status["code"]) == ("Status", "Failure", response.status)
        return status


async def is_alive(api: KubernetesApi) -> bool:
    """Answer whether an honest request is served."""
    async with aiohttp.ClientSession() as session, session.get(api.url + SECRETS, headers=HEADERS) as response:
        return response.status == 200


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"not json", id="no JSON"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b'{"a": ' * 100_000, id="unfinished and deep"),
        pytest.param(b"[" * 1_000_000, id="a million brackets"),
        pytest.param(b'{"a":' * 200 + b"1" + b"}" * 200, id="deep"),
        pytest.param(b'{"preconditions": 1, "metadata": {"labels": 1}}', id="wrong types"),
    ],
)
async def test_a_body_that_is_no_object_of_its_kind_is_refused(api: KubernetesApi, method: str, body: bytes) -> None:
    """Never 500, whichever verb reads it; the preconditions of a deletion are not built (501)."""
    stored = api.apply(secret())
    path = SECRETS if method == "POST" else f"{SECRETS}/db"
    media_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
    status = await send(api, body, method=method, path=path, Content_Type=media_type)
    assert status["code"] in (400, 422, 501)
    assert await is_alive(api)
    assert api.list("secrets") == [stored]


async def test_a_body_over_three_mebibytes_is_refused_with_413(api: KubernetesApi) -> None:
    """Also when it is that large only once it is unpacked."""
    api.apply(secret())
    body = json.dumps({"metadata": {"name": "big", "annotations": {"a": "x" * MAX_BODY}}}).encode()
    plain = await send(api, body)
    packed = await send(api, gzip.compress(body), Content_Encoding="gzip")
    assert plain["code"] == packed["code"] == 413
    assert plain["message"] == "Request entity too large: limit is 3145728"
    assert await is_alive(api)


async def test_a_large_body_within_the_limit_is_judged_by_its_content(api: KubernetesApi) -> None:
    """So the limit of a Secret is the one that speaks."""
    api.apply(secret())
    body = json.dumps({"metadata": {"name": "big"}, "data": {"a": "eHh4" * 2**19}}).encode()
    assert (await send(api, body))["code"] == 422


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Basic YWRtaW46YWRtaW4=",
        "Bearer admin-token extra",
    ],
)
async def test_a_token_that_is_not_known_is_refused(api: KubernetesApi, authorization: str) -> None:
    """Nothing is guessed."""
    api.apply(secret())
    assert (await send(api, b'{"metadata": {"name": "a"}}', Authorization=authorization))["code"] == 401


@pytest.mark.parametrize(
    "query", ["limit=x", "continue=%FF", "labelSelector=" + "%2C" * 2000, "fieldSelector=%00", "resourceVersion=-1"]
)
async def test_a_query_that_cannot_be_read_is_refused_with_400(api: KubernetesApi, query: str) -> None:
    """The text comes back cut, if at all."""
    status = await send(api, b"", method="GET", path=f"{SECRETS}?{query}")
    assert status["code"] == 400
    assert len(status["message"]) < 300


async def test_a_token_of_sixteen_kibibytes_is_read(api: KubernetesApi) -> None:
    """Entra tokens grow with the groups of their bearer; beyond the limit aiohttp itself answers."""
    status = await send(api, b"", method="GET", Authorization=f"Bearer {'x' * 16_384}")
    assert status["code"] == 401


@generated(300, suppress=[HealthCheck.too_slow])
@given(MANIFESTS, st.sampled_from(RESOURCES), st.sampled_from(["create", "replace", "patch"]))
def test_whatever_is_sent_is_stored_or_refused_with_an_api_error(document: Any, resource: Any, verb: str) -> None:
    """No other exception escapes, and what is stored has its place and name."""
    store = Store(history=10)
    registry = Registry(store, lambda: 0.0)
    write = Write(manager="test")
    registry.ensure_namespace("shop", write)
    namespace = "shop" if resource.namespaced else ""
    address = Address(resource=resource, version=resource.versions[0], namespace=namespace, name="db")
    base = {"apiVersion": address.api_version, "kind": resource.kind, "metadata": {"name": "db"}}
    registry.create(Address(resource=resource, version=address.version, namespace=namespace), base, write)
    target = Address(resource=resource, version=address.version, namespace=namespace) if verb == "create" else address
    try:
        stored = getattr(registry, verb)(target, document, write)
    except ApiError as error:
        refused = error.code
        assert refused in (400, 404, 409, 422)
    else:
        assert stored["kind"] == resource.kind
        assert stored["metadata"].get("namespace", "") == namespace
        assert store.collection(resource.qualified)
