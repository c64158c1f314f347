"""How both servers watch, read line by line: what an index that is fed by a watch may rely on.

Versions are compared as numbers here, to see that they rise; the app compares them for equality only.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from devstack import seed
from shared import owned
from shared.edges.kube_api import METADATA, METADATA_LIST
from tests.contract.cluster.backends import API_SERVER, Backend
from tests.contract.cluster.conftest import make_namespace
from tests.contract.cluster.hand import Hand
from tests.contract.cluster.manifests import provider_class, secret

CLASSES = "/apis/secrets-store.csi.x-k8s.io/v1/secretproviderclasses"
SECRETS = "/api/v1/secrets"
LABELLED = {"labelSelector": f"{owned.LABEL}=true"}

Event = dict[str, Any]


async def lines(response: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    """Yield a stream's events until the server ends it."""
    async for line in response.content:
        yield json.loads(line)


def seen(event: Event) -> tuple[str, str]:
    """Return what happened to what."""
    return event["type"], event["object"]["metadata"]["name"]


def version(event: Event) -> int:
    """Return the version that an event leads to."""
    return int(event["object"]["metadata"]["resourceVersion"])


async def watch_until(
    last: tuple[str, str], hand: Hand, where: str, query: dict[str, str], accept: str = "application/json"
) -> list[Event]:
    """Return the events of a watch up to the last one that is expected."""
    events: list[Event] = []
    async with hand.watch(where, {"timeoutSeconds": "10", **query}, accept=accept) as response:
        async for event in lines(response):
            events.append(event)
            if seen(event) == last:
                break
    return events


async def version_of(hand: Hand, where: str, **query: str) -> str:
    """Return the version of a collection."""
    answer = await hand.call("GET", where, query={"limit": "1", **query})
    return str(answer.body["metadata"]["resourceVersion"])


async def test_a_watch_from_a_lists_version_tells_of_every_later_change_in_order(hand: Hand, namespace: str) -> None:
    before = await hand.make(provider_class(namespace, "before"))
    start = await version_of(hand, CLASSES)
    one, two = provider_class(namespace, "one"), provider_class(namespace, "two")
    made = [await hand.make(manifest) for manifest in (one, two)]
    await hand.change(one, {"spec": {"secretObjects": []}})
    await hand.remove(before)

    events = await watch_until(("DELETED", "before"), hand, CLASSES, {"resourceVersion": start})

    assert [seen(event) for event in events] == [
        ("ADDED", "one"),
        ("ADDED", "two"),
        ("MODIFIED", "one"),
        ("DELETED", "before"),
    ]
    versions = [version(event) for event in events]
    assert versions == sorted(set(versions))
    assert versions[:2] == [int(stored["metadata"]["resourceVersion"]) for stored in made]
    assert {(event["object"]["kind"], event["object"]["apiVersion"]) for event in events} == {
        ("SecretProviderClass", "secrets-store.csi.x-k8s.io/v1")
    }


async def test_a_change_is_told_while_the_watch_is_open(hand: Hand, namespace: str) -> None:
    start = await version_of(hand, CLASSES)

    async with hand.watch(CLASSES, {"resourceVersion": start, "timeoutSeconds": "30"}) as response:
        await hand.make(provider_class(namespace))
        first = await anext(lines(response))

    assert seen(first) == ("ADDED", seed.CLASS)


async def test_a_bookmark_tells_how_far_the_watch_has_come(backend: Backend, hand: Hand) -> None:
    """Also where only other collections changed: the version is that of the whole store.

    The real server sends one a minute, and one two seconds before the time is over; it goes beyond the last event once
    somebody has listed the collection, because the cache is brought up to date then.
    """
    seconds = "4" if backend.name == API_SERVER else "1"
    start = await version_of(hand, CLASSES)
    query = {"resourceVersion": start, "timeoutSeconds": seconds, "allowWatchBookmarks": "true"}

    async with hand.watch(CLASSES, query) as response:
        stored = await hand.make(secret(await make_namespace(hand)))
        listed = await version_of(hand, CLASSES)
        first = await anext(lines(response))

    assert first["type"] == "BOOKMARK"
    assert set(first["object"]["metadata"]) <= {"resourceVersion", "creationTimestamp"}
    assert int(start) < int(stored["metadata"]["resourceVersion"]) <= int(listed) <= version(first)


async def test_a_watch_from_a_forgotten_version_gets_410_in_a_stream_that_began_well(
    backend: Backend, hand: Hand, namespace: str
) -> None:
    await hand.make(provider_class(namespace))
    await backend.forget()

    async with hand.watch(CLASSES, {"resourceVersion": "1", "timeoutSeconds": "5"}) as response:
        status = response.status
        events = [event async for event in lines(response)]

    assert status == 200
    (error,) = events
    assert error["type"] == "ERROR"
    assert (error["object"]["kind"], error["object"]["code"], error["object"]["reason"]) == ("Status", 410, "Expired")


async def test_a_watch_of_metadata_by_label_tells_of_what_gets_and_loses_the_label(hand: Hand, namespace: str) -> None:
    """DELETED for what is still there: the selection is what is watched. No data is sent."""
    ours = secret(namespace, "ours")
    ours["metadata"]["labels"] = {owned.LABEL: "true"}
    other = secret(namespace, "other")
    await hand.make(ours)
    await hand.make(other)
    start = await version_of(hand, SECRETS, **LABELLED)
    await hand.change(other, {"metadata": {"labels": {"team": "shop"}}})
    await hand.change(other, {"metadata": {"labels": {owned.LABEL: "true"}}})
    await hand.change(ours, {"metadata": {"labels": {owned.LABEL: None}}})
    await hand.change(ours, {"metadata": {"labels": {"team": "shop"}}})
    await hand.remove(other)

    query = {"resourceVersion": start, **LABELLED}
    events = await watch_until(("DELETED", "other"), hand, SECRETS, query, METADATA)

    assert [seen(event) for event in events] == [("ADDED", "other"), ("DELETED", "ours"), ("DELETED", "other")]
    assert {event["object"]["kind"] for event in events} == {"PartialObjectMetadata"}
    assert [event["object"].keys() & {"data", "type", "immutable"} for event in events] == [set()] * 3


async def test_a_watch_without_the_right_is_refused_before_it_begins(backend: Backend, hand: Hand) -> None:
    answer = await hand.call("GET", CLASSES, query={"watch": "true"}, token=backend.stranger().token)

    assert (answer.status, answer.reason) == (403, "Forbidden")


async def test_a_list_of_one_counts_the_others_unless_a_selector_chooses(hand: Hand, namespace: str) -> None:
    for name in ("one", "two", "three"):
        await hand.make(secret(namespace, name))
    where = f"/api/v1/namespaces/{namespace}/secrets"

    plain = await hand.call("GET", where, query={"limit": "1"}, accept=METADATA_LIST)
    chosen = await hand.call("GET", where, query={"limit": "1", "labelSelector": "team!=shop"})

    assert plain.body["metadata"]["remainingItemCount"] == 2
    assert len(plain.body["items"]) == len(chosen.body["items"]) == 1
    assert "remainingItemCount" not in chosen.body["metadata"]
    assert chosen.body["metadata"]["continue"]


@pytest.mark.parametrize("where", [CLASSES, SECRETS])
async def test_a_lists_version_is_not_older_than_any_write_before_it(hand: Hand, namespace: str, where: str) -> None:
    """A list without a version is not served from an old cache: what proves that an index is up to date."""
    last = ""
    for number in range(5):
        stored = await hand.make(provider_class(namespace, f"class-{number}"))
        last = stored["metadata"]["resourceVersion"]

        assert int(await version_of(hand, where)) >= int(last)
        await asyncio.sleep(0)
    assert last
