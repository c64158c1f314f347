"""Where the devstack and the real API server part, each asserted on both sides.

| what | devstack | real server |
| --- | --- | --- |
| a class of other types than its definition says | stored | 422 |
| a field that the definition does not know | stored | dropped |
| what a definition sets by default | nothing | set |
| a status that is written with the rest | stored, if the kind has a status subresource, too | dropped |
| the status subresource | 501 | served |
| admission policies | not served | refuse a write: 403 or 422, with words that may quote it (test_admission) |
| apply patches | 415 | served |
| an object with finalizers that is deleted | 501, nothing changes | stays, with a deletionTimestamp |
| External Secrets in the version v1beta1 | served | 404: our definitions have v1 only, as its operator from 1.0 on |
| the fields of a spec in managedFields | the spec as a whole | one by one |
| initial events of a watch (`sendInitialEvents`) | 422 | served |

The module docstring of devstack/kubernetes lists what else it does not do.
"""

from typing import Any

import pytest

from devstack import seed
from tests.contract.cluster.backends import API_SERVER, DEVSTACK, Backend
from tests.contract.cluster.hand import Answer, Hand, collection_of, place_of
from tests.contract.cluster.manifests import Manifest, placed, pod, provider_class, secret
from tests.edges import declared

CLASSES = "/apis/secrets-store.csi.x-k8s.io/v1/secretproviderclasses"


async def create(hand: Hand, manifest: Manifest) -> Answer:
    """Try to create an object, and have it taken away in the end."""
    hand.adopt(manifest)
    return await hand.call("POST", collection_of(manifest), manifest)


@pytest.mark.parametrize(
    "spec",
    [
        {"provider": 5},
        {"parameters": ["a list"]},
        {"parameters": {"usePodIdentity": False}},
        {"secretObjects": [{"secretName": 5}]},
    ],
)
async def test_a_class_of_wrong_types(backend: Backend, hand: Hand, namespace: str, spec: dict[str, Any]) -> None:
    answer = await create(hand, provider_class(namespace, **spec))

    assert answer.status == {DEVSTACK: 201, API_SERVER: 422}[backend.name]


async def test_a_field_that_the_definition_does_not_know(backend: Backend, hand: Hand, namespace: str) -> None:
    stored = await hand.make(provider_class(namespace, unknown="x"))

    assert ("unknown" in stored["spec"]) is {DEVSTACK: True, API_SERVER: False}[backend.name]


async def test_what_a_definition_sets_by_default(backend: Backend, hand: Hand, namespace: str) -> None:
    stored = await hand.make(placed(declared.external_secret(), namespace))

    defaults = {"creationPolicy": "Owner", "deletionPolicy": "Retain"}
    assert stored["spec"].get("target") == {DEVSTACK: None, API_SERVER: defaults}[backend.name]


@pytest.mark.parametrize("kind", ["Pod", "ExternalSecret"])
async def test_a_status_that_is_written_with_the_rest(backend: Backend, hand: Hand, namespace: str, kind: str) -> None:
    status = {"phase": "Running"} if kind == "Pod" else {"syncedResourceVersion": "1-x"}
    manifest = pod(namespace) if kind == "Pod" else placed(declared.external_secret(), namespace)

    answer = await create(hand, manifest | {"status": status})

    kept = status.items() <= answer.body.get("status", {}).items()
    assert (answer.status, kept) == (201, {DEVSTACK: True, API_SERVER: False}[backend.name])


async def test_the_status_subresource(backend: Backend, hand: Hand, namespace: str) -> None:
    manifest = placed(declared.secret_sync(), namespace)
    await hand.make(manifest)

    answer = await hand.call("PATCH", f"{place_of(manifest)}/status", {"status": {"syncHash": "x"}})

    assert answer.status == {DEVSTACK: 501, API_SERVER: 200}[backend.name]


async def test_an_apply_patch(backend: Backend, hand: Hand, namespace: str) -> None:
    manifest = secret(namespace)
    hand.adopt(manifest)
    options = {"fieldManager": "test"}

    answer = await hand.call("PATCH", place_of(manifest), manifest, query=options, kind="application/apply-patch+yaml")

    assert answer.status == {DEVSTACK: 415, API_SERVER: 201}[backend.name]


async def test_an_object_with_finalizers_that_is_deleted(backend: Backend, hand: Hand, namespace: str) -> None:
    manifest = secret(namespace)
    manifest["metadata"]["finalizers"] = ["example.org/wait"]
    await hand.make(manifest)

    answer = await hand.call("DELETE", place_of(manifest))

    left = await hand.look(manifest)
    going = "deletionTimestamp" in left["metadata"]
    assert (answer.status, going) == {DEVSTACK: (501, False), API_SERVER: (200, True)}[backend.name]
    await hand.change(manifest, {"metadata": {"finalizers": None}})


async def test_external_secrets_in_the_version_v1beta1(backend: Backend, hand: Hand) -> None:
    answer = await hand.call("GET", "/apis/external-secrets.io/v1beta1/externalsecrets")

    assert answer.status == {DEVSTACK: 200, API_SERVER: 404}[backend.name]


async def test_the_fields_of_a_spec_in_managed_fields(backend: Backend, hand: Hand, namespace: str) -> None:
    stored = await hand.make(provider_class(namespace))

    (entry,) = stored["metadata"]["managedFields"]
    listed = set(entry["fieldsV1"]["f:spec"])
    expected = {DEVSTACK: set(), API_SERVER: {".", "f:parameters", "f:provider", "f:secretObjects"}}
    assert listed == expected[backend.name]


async def test_initial_events_of_a_watch(backend: Backend, hand: Hand) -> None:
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}

    async with hand.watch(CLASSES, {"timeoutSeconds": "1", **query}) as response:
        status = response.status

    assert status == {DEVSTACK: 422, API_SERVER: 200}[backend.name]


async def test_the_seed_is_accepted_as_it_is(hand: Hand, namespace: str) -> None:
    """No difference: what the local stack shows, a cluster would take."""
    for manifest in seed.manifests(vault="kv-demo", version="v1", value="first"):
        if manifest["kind"] == "Namespace":
            continue
        await hand.make(manifest if manifest["kind"] == "CSIDriver" else placed(manifest, namespace))
