"""Answers that hold only metadata, for who asks for them in Accept: the form in which a cache of Secrets is cheap."""

import json

import pytest

from devstack.kubernetes import KubernetesApi
from devstack.kubernetes.negotiation import Form
from tests.devstack.kubernetes.conftest import Caller, Manifest, names, secret

PATH = "/api/v1/namespaces/shop/secrets"
CLASSES = "/apis/secrets-store.csi.x-k8s.io/v1/secretproviderclasses"
OBJECT = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
HEAD = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
PLANTED = "cGxhbnRlZA=="


def planted(name: str, **labels: str) -> Manifest:
    """Return a Secret with a value that no answer here may hold."""
    manifest = secret(name, a="planted")
    manifest["metadata"]["labels"] = labels
    return manifest


async def test_a_list_of_metadata_says_its_kind_and_that_of_each_item_and_holds_no_data(
    api: KubernetesApi, call: Caller
) -> None:
    stored = api.apply(planted("db", app="web"))

    reply = await call("GET", PATH, accept=LIST)

    assert reply.status == 200
    assert reply.body == {
        "kind": "PartialObjectMetadataList",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": stored["metadata"]["resourceVersion"]},
        "items": [{**HEAD, "metadata": stored["metadata"]}],
    }


async def test_custom_resources_are_listed_as_metadata_in_the_same_way(api: KubernetesApi, call: Caller) -> None:
    kind = {"apiVersion": "secrets-store.csi.x-k8s.io/v1", "kind": "SecretProviderClass"}
    stored = api.apply({**kind, "metadata": {"name": "azure", "namespace": "shop"}, "spec": {"provider": "azure"}})

    reply = await call("GET", CLASSES, accept=LIST)

    assert reply.body["items"] == [{**HEAD, "metadata": stored["metadata"]}]


async def test_selectors_and_pages_hold_for_lists_of_metadata(api: KubernetesApi, call: Caller) -> None:
    for name, app in (("a", "web"), ("b", "api"), ("c", "job"), ("d", "web")):
        api.apply(planted(name, app=app))
    query: dict[str, object] = {"labelSelector": "app in (web, api)", "fieldSelector": "type=Opaque", "limit": 2}

    first = await call("GET", PATH, accept=LIST, query=query)
    token = first.body["metadata"]["continue"]
    second = await call("GET", PATH, accept=LIST, query=query | {"continue": token})

    assert [names(first), names(second)] == [["a", "b"], ["d"]]
    assert first.body["metadata"]["resourceVersion"] == second.body["metadata"]["resourceVersion"]
    assert "continue" not in second.body["metadata"]
    assert PLANTED not in json.dumps([first.body, second.body])


async def test_one_object_is_read_created_replaced_and_patched_as_metadata(api: KubernetesApi, call: Caller) -> None:
    api.apply(planted("db"))
    path = f"{PATH}/db"

    read = await call("GET", path, accept=OBJECT)
    patched = await call.merge(path, {"metadata": {"labels": {"app": "web"}}}, accept=OBJECT)
    replaced = await call("PUT", path, secret(a="planted"), accept=OBJECT)
    created = await call("POST", PATH, planted("other"), accept=OBJECT)

    assert [reply.status for reply in (read, patched, replaced, created)] == [200, 200, 200, 201]
    for reply in (read, patched, replaced, created):
        assert reply.body == {**HEAD, "metadata": reply.body["metadata"]}
    assert patched.body["metadata"]["labels"] == {"app": "web"}


async def test_a_watch_sends_metadata_and_bookmarks_in_the_same_form(api: KubernetesApi, call: Caller) -> None:
    stored = api.apply(planted("db"))

    events = await call.watch(PATH, {"timeoutSeconds": 1, "allowWatchBookmarks": "true"}, accept=OBJECT)

    bookmark = {"resourceVersion": stored["metadata"]["resourceVersion"], "creationTimestamp": None}
    assert events == [
        {"type": "ADDED", "object": {**HEAD, "metadata": stored["metadata"]}},
        {"type": "BOOKMARK", "object": {**HEAD, "metadata": bookmark}},
    ]


async def test_errors_and_deletions_are_answered_with_a_status_whatever_is_asked_for(
    api: KubernetesApi, call: Caller
) -> None:
    api.apply(planted("db"))

    missing = await call("GET", f"{PATH}/nope", accept=OBJECT)
    deleted = await call("DELETE", f"{PATH}/db", accept=OBJECT)

    assert missing.error[:2] == (404, "NotFound")
    assert (deleted.body["kind"], deleted.body["status"]) == ("Status", "Success")


async def test_a_list_asked_for_as_an_object_is_refused_with_406_and_the_other_way_round(
    api: KubernetesApi, call: Caller
) -> None:
    api.apply(planted("db"))

    listed = await call("GET", PATH, accept=OBJECT)
    read = await call("GET", f"{PATH}/db", accept=LIST)

    assert listed.error[:2] == read.error[:2] == (406, "NotAcceptable")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        pytest.param("", "Secret", id="nothing"),
        pytest.param("*/*", "Secret", id="anything"),
        pytest.param("application/json", "Secret", id="JSON"),
        pytest.param(OBJECT, "PartialObjectMetadata", id="metadata"),
        pytest.param(f"{OBJECT},application/json", "PartialObjectMetadata", id="metadata before JSON"),
        pytest.param(f"application/json,{OBJECT}", "Secret", id="JSON before metadata"),
        pytest.param(f"application/json;q=0.5,{OBJECT};q=0.9", "PartialObjectMetadata", id="worth more"),
        pytest.param(
            f"application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,{OBJECT}",
            "PartialObjectMetadata",
            id="the metadata client of Go",
        ),
        pytest.param("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", "Secret", id="kubectl"),
        pytest.param("application/json;as=PartialObjectMetadata;g=other;v=v1", "Secret", id="another group"),
        pytest.param("application/json; as=PartialObjectMetadata; g=meta.k8s.io; v=v1", HEAD["kind"], id="spaces"),
        pytest.param("application/json;q=much,;,=;", "Secret", id="rubbish"),
    ],
)
def test_the_first_clause_that_can_be_served_decides(accept: str, kind: str) -> None:
    assert Form(accept).of({"kind": "Secret", "metadata": {}})["kind"] == kind
