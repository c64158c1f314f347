"""Watches over the wire: lines, time limits, bookmarks, the end."""

import asyncio
import json
from typing import Any

import pytest
from kubernetes.aio import client, watch

from devstack.kubernetes import KubernetesApi
from tests.devstack.kubernetes.conftest import READER, Caller, secret

SECRETS = "/api/v1/namespaces/shop/secrets"
WATCH = {"watch": "true"}


async def next_event(response: Any) -> Any:
    """Read one line of a watch; None at its end."""
    line = await asyncio.wait_for(response.content.readline(), timeout=10)
    return json.loads(line) if line else None


async def test_events_arrive_as_lines_while_the_watch_is_open(api: KubernetesApi, call: Caller) -> None:
    """From the version of a list, nothing between the two is lost."""
    api.apply(secret(a="1"))
    listed = await call("GET", SECRETS)
    api.apply(secret(a="2"))
    query = {**WATCH, "resourceVersion": listed.body["metadata"]["resourceVersion"]}
    async with call.open("GET", SECRETS, query=query) as response:
        assert response.status == 200
        changed = await next_event(response)
        api.delete("secrets", "shop", "db")
        deleted = await next_event(response)
    assert (changed["type"], changed["object"]["data"], changed["object"]["kind"]) == (
        "MODIFIED",
        {"a": "Mg=="},
        "Secret",
    )
    assert (deleted["type"], deleted["object"]["data"]) == ("DELETED", {"a": "Mg=="})
    assert int(deleted["object"]["metadata"]["resourceVersion"]) > int(changed["object"]["metadata"]["resourceVersion"])


async def test_a_watch_ends_after_its_time_with_a_bookmark_when_asked(api: KubernetesApi, call: Caller) -> None:
    """The bookmark's version is where the next watch goes on."""
    api.apply(secret(a="1"))
    asked = call.watch(SECRETS, {"timeoutSeconds": 1, "allowWatchBookmarks": "true"})
    silent = call.watch(SECRETS, {"timeoutSeconds": 1, "labelSelector": "a=b"})
    (added, bookmark), nothing = await asyncio.gather(asked, silent)
    assert (added["type"], bookmark["type"]) == ("ADDED", "BOOKMARK")
    assert bookmark["object"]["metadata"]["resourceVersion"] == added["object"]["metadata"]["resourceVersion"]
    assert nothing == []


async def test_a_watch_from_a_forgotten_version_gets_an_error_event_and_ends(api: KubernetesApi, call: Caller) -> None:
    """HTTP 200 with a 410 inside: the real server has answered before it knows."""
    version = api.apply(secret(a="0"))["metadata"]["resourceVersion"]
    for number in range(1, 12):
        api.apply(secret(a=str(number)))
    (event,) = await call.watch(SECRETS, {"resourceVersion": version})
    assert event["type"] == "ERROR"
    assert (event["object"]["kind"], event["object"]["code"], event["object"]["reason"]) == ("Status", 410, "Expired")


async def test_a_watch_of_one_object_sees_only_that(api: KubernetesApi, call: Caller) -> None:
    """By a field selector with its name."""
    api.apply(secret("a"))
    api.apply(secret("b"))
    events = await call.watch(SECRETS, {"timeoutSeconds": 1, "fieldSelector": "metadata.name=b"})
    assert [event["object"]["metadata"]["name"] for event in events] == ["b"]


async def test_a_watch_that_cannot_be_read_or_is_not_allowed_is_refused_before_it_starts(
    api: KubernetesApi, call: Caller
) -> None:
    """With a plain Status and its code."""
    assert (await call("GET", SECRETS, query={**WATCH, "labelSelector": "("})).error[0] == 400
    assert (await call("GET", SECRETS, query={**WATCH, "resourceVersion": "x"})).error[0] == 400
    assert (await call("GET", SECRETS, query={**WATCH, "timeoutSeconds": "x"})).error[0] == 400
    assert (await call("GET", SECRETS, query={**WATCH, "sendInitialEvents": "true"})).error[0] == 422
    assert (await call("GET", "/api/v1/secrets", query=WATCH, token=READER.token)).error[0] == 403
    assert {request.verb for request in api.requests} == {"watch"}


async def test_open_watches_end_when_the_api_stops(api: KubernetesApi, call: Caller) -> None:
    """They end as if by themselves, and a later start serves the same state at the same address."""
    api.apply(secret(a="1"))
    url = api.url
    async with call.open("GET", SECRETS, query=WATCH) as response:
        assert (await next_event(response))["type"] == "ADDED"
        await asyncio.wait_for(api.stop(), timeout=10)
        assert await next_event(response) is None
    await api.start()
    assert api.url == url
    assert (await call("GET", f"{SECRETS}/db")).body["data"] == {"a": "MQ=="}


async def test_a_watcher_that_has_gone_is_forgotten(
    api: KubernetesApi, call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """The server goes on without a complaint, and the next watcher is served."""
    async with call.open("GET", SECRETS, query=WATCH) as response:
        api.apply(secret(a="1"))
        await next_event(response)
    for number in range(5):
        api.apply(secret(a=str(number)))
        await asyncio.sleep(0)
    async with call.open("GET", SECRETS, query=WATCH) as response:
        assert (await next_event(response))["object"]["data"] == {"a": "NA=="}
    assert [record for record in caplog.records if record.name.startswith("aiohttp")] == []


async def test_the_clients_own_watch_reads_the_stream(api: KubernetesApi) -> None:
    """The class kubernetes.aio.watch.Watch, over a custom resource, from the list's version on."""
    manifest = {"apiVersion": "secret-sync.x-k8s.io/v1alpha1", "kind": "SecretSync"}
    api.apply({**manifest, "metadata": {"name": "db", "namespace": "shop"}})
    configuration = client.Configuration(host=api.url, api_key={"BearerToken": "Bearer admin-token"})
    async with client.ApiClient(configuration) as api_client, watch.Watch() as watcher:
        objects = client.CustomObjectsApi(api_client)
        seen = [
            (event["type"], event["object"]["metadata"]["name"])
            async for event in watcher.stream(
                objects.list_cluster_custom_object,
                group="secret-sync.x-k8s.io",
                version="v1alpha1",
                plural="secretsyncs",
                timeout_seconds=1,
            )
        ]
    assert seen == [("ADDED", "db")]
