"""Failures on request, as a client meets them, and what they leave behind."""

import aiohttp
import pytest

from devstack.faults import Fault
from devstack.kubernetes import KubernetesApi
from tests.devstack.kubernetes.conftest import Caller, only, secret

SECRET = "/api/v1/namespaces/shop/secrets/db"
PATCH = {"data": {"a": "OQ=="}}


def value(api: KubernetesApi) -> str:
    """Return what the Secret holds."""
    stored = api.get("secrets", "shop", "db")
    assert stored is not None
    return str(stored["data"]["a"])


@pytest.mark.parametrize(
    ("code", "reason"),
    [(429, "TooManyRequests"), (500, "InternalError"), (503, "ServiceUnavailable"), (504, "Timeout")],
)
async def test_a_planned_status_comes_with_a_kubernetes_body(
    api: KubernetesApi, call: Caller, code: int, reason: str
) -> None:
    """Once, for the requests it matches, and without any effect."""
    api.apply(secret(a="1"))
    api.faults.plan(only("secrets"), Fault(status=code, headers={"Retry-After": "7"}))
    refused = await call.merge(SECRET, PATCH)
    assert refused.error[:2] == (code, reason)
    assert refused.headers["Retry-After"] == "7"
    assert refused.body["details"] == {"retryAfterSeconds": 7}
    assert value(api) == "MQ=="
    assert (await call.merge(SECRET, PATCH)).status == 200


async def test_a_planned_body_is_sent_as_it_is(api: KubernetesApi, call: Caller) -> None:
    """A gateway's page, or a Status of the test's own."""
    api.faults.plan(only("secrets"), Fault(status=502, body="<html>bad gateway"))
    api.faults.plan(only("secrets"), Fault(status=409, body={"kind": "Status", "reason": "Mine"}))
    page = await call("GET", SECRET)
    own = await call("GET", SECRET)
    assert (page.status, page.body) == (502, b"<html>bad gateway")
    assert (own.status, own.body["reason"]) == (409, "Mine")


async def test_a_dropped_connection_gives_no_answer(api: KubernetesApi, call: Caller) -> None:
    """Before the write, so nothing changed."""
    api.apply(secret(a="1"))
    api.faults.plan(lambda request: request.verb == "patch", Fault(drop=True))
    with pytest.raises(aiohttp.ClientConnectionError):
        await call.merge(SECRET, PATCH)
    assert value(api) == "MQ=="


@pytest.mark.parametrize("fault", [Fault(drop=True, after=True), Fault(status=504, after=True)], ids=["drop", "504"])
async def test_an_answer_can_be_lost_after_the_write(api: KubernetesApi, call: Caller, fault: Fault) -> None:
    """The failure that makes retries dangerous."""
    api.apply(secret(a="1"))
    api.faults.plan(lambda request: request.verb == "patch", fault)
    try:
        assert (await call.merge(SECRET, PATCH)).status == 504
    except aiohttp.ClientConnectionError:
        assert fault.drop
    assert value(api) == "OQ=="


async def test_failures_choose_by_user_verb_and_object(api: KubernetesApi, call: Caller) -> None:
    """And also meet requests that nobody may make."""
    api.apply(secret(a="1"))
    api.faults.plan(lambda request: (request.user, request.verb) == ("reader", "list"), Fault(status=500), times=None)
    path = "/api/v1/namespaces/shop/secrets"
    assert (await call("GET", path)).status == 200
    assert [(await call("GET", path, token="reader-token")).status for _ in range(2)] == [500, 500]
    api.clear()
    assert (await call("GET", path, token="reader-token")).status == 200


async def test_a_watch_meets_its_failure_at_the_start(api: KubernetesApi, call: Caller) -> None:
    """Also when it is planned for after: a watch has no effect that could come first."""
    api.faults.plan(lambda request: request.verb == "watch", Fault(status=429, after=True))
    assert (await call("GET", "/api/v1/secrets", query={"watch": "true"})).error[0] == 429
