"""Lists in pages, on both servers: one moment however long it takes, and what becomes of one that takes too long."""

import asyncio
from collections.abc import Iterable

import pytest

from shared.edges import kube_pages
from shared.edges.cluster import KubernetesCluster
from shared.edges.kube_api import KubeApi
from shared.edges.kube_failures import ExpiredError
from shared.reason import Reason
from tests.contract.cluster.backends import Backend
from tests.contract.cluster.hand import Hand
from tests.contract.cluster.manifests import Manifest, provider_class
from tests.edges.clusters import Way

CLASSES = "/apis/secrets-store.csi.x-k8s.io/v1/secretproviderclasses"
PAGE = 200


@pytest.fixture
async def many(hand: Hand, namespace: str) -> list[Manifest]:
    """One class more than a page holds."""
    manifests = [provider_class(namespace, f"class-{number:03}") for number in range(PAGE + 1)]
    for begin in range(0, len(manifests), 20):
        await asyncio.gather(*map(hand.make, manifests[begin : begin + 20]))
    return manifests


@pytest.fixture
def api(backend: Backend, way: Way) -> KubeApi:
    """The calls of the edge."""
    return way.open(backend.url, token=backend.token, ca_pem=backend.ca_pem)


def names(manifests: Iterable[Manifest]) -> list[str]:
    """Return the names."""
    return [manifest["metadata"]["name"] for manifest in manifests]


async def test_more_classes_than_a_page_holds_are_all_found(many: list[Manifest], cluster: KubernetesCluster) -> None:
    assert sorted(view.name for view in await cluster.classes()) == names(many)


async def test_all_pages_show_the_moment_of_the_first(
    many: list[Manifest], hand: Hand, api: KubeApi, namespace: str
) -> None:
    pages = kube_pages.pages(api, CLASSES)
    first = await anext(pages)
    await hand.remove(many[-1])
    await hand.make(provider_class(namespace, "zz-late"))

    second = await anext(pages)

    assert names(first.items) == names(many[:PAGE])
    assert names(second.items) == names(many[PAGE:])
    assert [page async for page in pages] == []


async def test_pages_whose_moment_is_forgotten_are_a_passing_fault(
    many: list[Manifest], backend: Backend, api: KubeApi
) -> None:
    """It is looked again, from the first page."""
    pages = kube_pages.pages(api, CLASSES)
    await anext(pages)
    await backend.forget()

    with pytest.raises(ExpiredError) as caught:
        await anext(pages)

    assert caught.value.reason is Reason.CLUSTER_UNREACHABLE
    assert str(caught.value) == f"aks-demo: GET {CLASSES}: 410 Gone"
    assert len([one async for one in kube_pages.objects(api, CLASSES)]) == len(many)


async def test_a_token_that_is_none_is_refused(hand: Hand) -> None:
    answer = await hand.call("GET", CLASSES, query={"limit": "1", "continue": "none"})

    assert (answer.status, answer.reason) == (400, "BadRequest")
