"""The copies of declarations that watches keep, on both servers: what was changed is there when an event asks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from devstack import seed
from shared import owned
from shared.edges.cluster import KubernetesCluster
from shared.model import ObjectType, VaultObject
from tests.contract.cluster.backends import Backend
from tests.contract.cluster.hand import Hand
from tests.contract.cluster.manifests import Manifest, placed, provider_class
from tests.edges import declared
from tests.edges.clusters import Way

ABOUT = VaultObject(vault="kv-demo", type=ObjectType.SECRET, name=seed.OBJECT)
OTHER = VaultObject(vault="kv-demo", type=ObjectType.SECRET, name="elsewhere")


@pytest.fixture
async def cluster(backend: Backend, way: Way) -> AsyncIterator[KubernetesCluster]:
    """The edge, whose watches end with the test."""
    cluster = way.reach(backend.url, token=backend.token, ca_pem=backend.ca_pem)
    yield cluster
    await cluster.close()


def reading(manifest: Manifest, name: str) -> Manifest:
    """Return the patch with which a class reads an object of that name."""
    objects = manifest["spec"]["parameters"]["objects"].replace(seed.OBJECT, name)
    return {"spec": {"parameters": {"objects": objects}}}


async def eventually(call: Callable[[], Awaitable[object]], expected: object) -> None:
    """Ask until it is so; a change of what was there before is brought by the watch alone."""
    async with asyncio.timeout(10):
        while await call() != expected:  # noqa: ASYNC110 - the watch tells the edge only
            await asyncio.sleep(0.01)


async def test_a_class_that_was_just_made_or_removed_is_known_to_the_very_next_event(
    hand: Hand, namespace: str, cluster: KubernetesCluster
) -> None:
    """The server counts it, and the event waits for the watch to bring it."""
    found = [await cluster.classes(ABOUT)]
    for name in ("one", "two"):
        await hand.make(provider_class(namespace, name))
        found.append(await cluster.classes(ABOUT))
    await hand.remove(provider_class(namespace, "one"))
    found.append(await cluster.classes(ABOUT))

    assert [[view.name for view in views] for views in found] == [[], ["one"], ["one", "two"], ["two"]]


async def test_a_class_that_turns_to_another_object_is_found_by_that_one(
    hand: Hand, namespace: str, cluster: KubernetesCluster
) -> None:
    made = provider_class(namespace, "one")
    await hand.make(made)
    before = [len(await cluster.classes(one)) for one in (ABOUT, OTHER)]
    await hand.change(made, reading(made, OTHER.name))

    assert before == [1, 0]
    await eventually(lambda: _count(cluster, OTHER), 1)
    assert await _count(cluster, ABOUT) == 0


async def test_a_secret_that_loses_our_label_is_ours_no_more(
    hand: Hand, namespace: str, cluster: KubernetesCluster
) -> None:
    """A watch by label tells of it as of a removal."""
    made = placed(declared.owned_secret(), namespace)
    await hand.make(made)
    before = len(await cluster.owned(ABOUT))
    await hand.change(made, {"metadata": {"labels": {owned.LABEL: None}}})

    async def owned_now() -> int:
        return len(await cluster.owned(ABOUT))

    assert before == 1
    await eventually(owned_now, 0)


async def test_a_server_that_has_forgotten_the_past_is_followed_all_the_same(
    backend: Backend, hand: Hand, namespace: str, cluster: KubernetesCluster
) -> None:
    """Etcd is compacted every five minutes; who is up to date does not notice."""
    await hand.make(provider_class(namespace, "one"))
    before = await _count(cluster, ABOUT)
    await backend.forget()
    await hand.make(provider_class(namespace, "two"))

    assert (before, await _count(cluster, ABOUT)) == (1, 2)


async def _count(cluster: KubernetesCluster, about: VaultObject) -> int:
    return len(await cluster.classes(about))
